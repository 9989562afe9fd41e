//! One file on its way to a document: unchanged, new content, or quarantined.

use super::links::{check_uri, percent_encoded};
use super::policies::{FolderDefaults, FolderPolicies, aliases, resolve};
use super::{QuarantinedFile, RunOptions};
use crate::acl::StatedPolicy;
use crate::catalog::{SourceKind, StoredDocument};
use crate::chunk::{self, ChunkLimits, DraftChunk};
use crate::document::{Content, ContentHash, DocumentId};
use crate::index::PIPELINE_VERSION;
use crate::label::Labels;
use crate::parse::{self, ParseOptions, Parsed, Rejected};
use crate::principal::Principal;

/// What a file turned out to be.
pub(super) enum Prepared {
    /// Its bytes, and all that decides how they are read, are those of the stored revision.
    Unchanged,
    /// It was read; the content may still equal the stored one.
    Read(Box<ReadDocument>),
    /// It cannot become a document.
    Refused(QuarantinedFile),
}

/// A file that was read.
pub(super) struct ReadDocument {
    pub(super) source_hash: ContentHash,
    pub(super) content: Content,
    pub(super) revision: ContentHash,
    pub(super) stated: StatedPolicy,
    pub(super) drafts: Vec<DraftChunk>,
    pub(super) hidden_removed: u32,
    pub(super) redactions: usize,
    /// Names that the file wrote, with what they stand for.
    pub(super) aliases: Vec<(String, Principal)>,
}

/// Reads files of one run.
pub(super) struct Preparer<'a> {
    pub(super) options: &'a RunOptions<'a>,
    pub(super) labels: &'a Labels,
    pub(super) policies: &'a FolderPolicies,
    pub(super) directory_fingerprint: ContentHash,
}

impl Preparer<'_> {
    /// Looks at one file.
    pub(super) fn prepare(
        &self,
        path: &str,
        bytes: &[u8],
        root_commit: &str,
        stored: Option<&StoredDocument>,
    ) -> Prepared {
        let defaults = self.policies.defaults(path);
        let source_hash = self.source_hash(bytes, &defaults);
        let same = |stored: &StoredDocument| {
            stored.source == SourceKind::Folder
                && stored.current.is_some()
                && stored.source_hash == Some(source_hash)
        };
        if stored.is_some_and(same) {
            return Prepared::Unchanged;
        }
        match self.read(path, bytes, root_commit, defaults, source_hash) {
            Ok(document) => Prepared::Read(Box::new(document)),
            Err(rejected) => Prepared::Refused(QuarantinedFile {
                path: path.to_owned(),
                line: rejected.line,
                reason: rejected.reason,
            }),
        }
    }

    /// Everything that decides what becomes of a file's bytes.
    fn source_hash(&self, bytes: &[u8], defaults: &FolderDefaults) -> ContentHash {
        let secrets = format!("{:?}", self.options.secrets);
        let labels = self.labels.names().iter().map(String::as_bytes);
        let labels = ContentHash::of_parts(labels);
        ContentHash::of_parts([
            PIPELINE_VERSION.to_le_bytes().as_slice(),
            secrets.as_bytes(),
            labels.as_bytes(),
            self.directory_fingerprint.as_bytes(),
            defaults.fingerprint().as_bytes(),
            bytes,
        ])
    }

    fn read(
        &self,
        path: &str,
        bytes: &[u8],
        root_commit: &str,
        defaults: FolderDefaults,
        source_hash: ContentHash,
    ) -> Result<ReadDocument, Rejected> {
        let options = ParseOptions {
            secrets: self.options.secrets,
        };
        let parsed = parse::parse(bytes, file_stem(path), options)?;
        let front = &parsed.front;
        if let Some(uri) = &front.uri {
            check_uri(uri)?;
        }
        let stated = resolve(
            front.acl.as_deref(),
            &front.owners,
            front.label.as_deref(),
            self.options.directory,
            self.labels,
        )?;
        let directory = self.options.directory;
        let aliases = aliases(front.acl.as_deref(), &front.owners, directory);
        let drafts = chunk::chunks(
            &parsed.body,
            &parsed.blocks,
            parsed.first_line,
            ChunkLimits::default(),
        );
        let hidden_removed = parsed.hidden_removed;
        let redactions = parsed.redactions.len();
        let content = content(parsed, defaults, path, root_commit);
        Ok(ReadDocument {
            source_hash,
            revision: content.revision(),
            content,
            stated,
            drafts,
            hidden_removed,
            redactions,
            aliases,
        })
    }
}

/// The id of a file's document.
pub(super) fn document_id(collection: &str, path: &str) -> Result<DocumentId, QuarantinedFile> {
    DocumentId::new(collection, path).map_err(|error| QuarantinedFile {
        path: path.to_owned(),
        line: None,
        reason: error.to_string(),
    })
}

fn content(parsed: Parsed, defaults: FolderDefaults, path: &str, root_commit: &str) -> Content {
    let front = parsed.front;
    let from_template = |template: String| {
        template
            .replace("{path}", &percent_encoded(path))
            .replace("{commit}", root_commit)
    };
    Content {
        title: parsed.title,
        body: parsed.body,
        kind: front.kind.or(defaults.kind).unwrap_or_default(),
        uri: front.uri.or_else(|| defaults.uri.map(from_template)),
        service: front.service,
        severity: front.severity,
        tags: front.tags,
        created: front.created,
        updated: front.updated,
        first_line: parsed.first_line,
    }
}

fn file_stem(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    if stem.is_empty() { name } else { stem }
}
