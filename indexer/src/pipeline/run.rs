//! The run itself: compare, stage, make findable, publish.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use serde_json::json;

use super::policies::FolderPolicies;
use super::prepare::{Prepared, Preparer, ReadDocument, checked_out_commit, document_id};
use super::{Progress, QuarantinedFile, RunError, RunOptions, RunReport};
use crate::acl::StatedPolicy;
use crate::catalog::{
    DocumentChange, Ord, Publication, SourceKind, StagedRevision, StoredDocument,
};
use crate::clock::Timestamp;
use crate::document::{Chunk, ContentHash, DocumentId, check_collection};
use crate::principal::Principal;
use crate::source::folder::{self, FolderListing};
use crate::store::Store;

/// How many documents are staged in one transaction.
const BATCH: usize = 256;

/// Makes the folder documents of a collection those of the given folders.
pub fn index_folders(
    store: &Store,
    options: &RunOptions<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<RunReport, RunError> {
    check_collection(options.collection)?;
    let turn = store.run.lock().unwrap_or_else(PoisonError::into_inner);
    let listing = folder::list(options.roots)?;
    let labels = store.catalog.labels();
    let policies = FolderPolicies::load(&listing, options.directory, labels)?;
    let mut stored = HashMap::new();
    for document in store.catalog.documents_of(options.collection)? {
        stored.insert(document.id.path().to_owned(), document);
    }
    check_removals(&stored, &listing, options)?;
    let mut run = Run {
        store,
        options,
        now: store.clock.now(),
        policies: &policies,
        report: RunReport {
            skipped: listing.skipped.clone(),
            quarantined: policies.broken().cloned().collect(),
            ..RunReport::default()
        },
        batch: Vec::new(),
        changes: Vec::new(),
        superseded: Vec::new(),
        staged: false,
        aliases: policies.aliases.iter().cloned().collect(),
    };
    let outcome = run
        .read_files(&listing, &mut stored, progress)
        .and_then(|()| run.take_away(stored.into_values()));
    let Run {
        report,
        changes,
        superseded,
        staged,
        aliases,
        now,
        ..
    } = run;
    let publication = Publication {
        collection: options.collection,
        who: options.who,
        why: "indexing run",
        now,
        documents: changes,
        quarantine: report.quarantined.clone(),
        folders: policies.into_changes(),
    };
    let published = outcome
        .and_then(|()| Ok(store.catalog.record_aliases(&aliases, now)?))
        .and_then(|()| publish(store, &publication, &superseded, staged));
    if let Err(error) = published {
        store.abandon_run();
        return Err(error);
    }
    drop(turn);
    Ok(report)
}

fn publish(
    store: &Store,
    publication: &Publication<'_>,
    superseded: &[Ord],
    staged: bool,
) -> Result<(), RunError> {
    if staged || !superseded.is_empty() {
        store.index.delete(superseded.iter().copied())?;
        store.commit_index()?;
    }
    store.catalog.publish(publication)?;
    store.refresh()?;
    Ok(())
}

/// More than a third gone looks like a wrong folder or an empty checkout, not like an edit.
fn check_removals(
    stored: &HashMap<String, StoredDocument>,
    listing: &FolderListing,
    options: &RunOptions<'_>,
) -> Result<(), RunError> {
    let live = stored
        .values()
        .filter(|document| document.source == SourceKind::Folder && document.current.is_some());
    let (mut of, mut gone) = (0, 0);
    for document in live {
        of += 1;
        gone += usize::from(!listing.documents.contains_key(document.id.path()));
    }
    if gone * 3 > of && !options.allow_mass_removal {
        return Err(RunError::MassRemoval { gone, of });
    }
    Ok(())
}

struct Run<'a> {
    store: &'a Store,
    options: &'a RunOptions<'a>,
    now: Timestamp,
    policies: &'a FolderPolicies,
    report: RunReport,
    /// Documents with new content that are not staged yet.
    batch: Vec<(DocumentId, ReadDocument, Option<StoredDocument>)>,
    changes: Vec<DocumentChange>,
    superseded: Vec<Ord>,
    staged: bool,
    /// Names that were written, with what they stand for.
    aliases: BTreeMap<String, Principal>,
}

impl Run<'_> {
    /// Reads every file and takes its document out of `stored`; what is left there has no file.
    fn read_files(
        &mut self,
        listing: &FolderListing,
        stored: &mut HashMap<String, StoredDocument>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RunError> {
        let preparer = Preparer {
            options: self.options,
            labels: self.store.catalog.labels(),
            policies: self.policies,
            directory_fingerprint: self.options.directory.fingerprint(),
        };
        let commits = commits_of(self.options.roots);
        let total = listing.documents.len();
        for (done, (path, file)) in listing.documents.iter().enumerate() {
            progress(Progress { done, total });
            let bytes = folder::read(file)?;
            let commit = commit_for(&commits, file);
            self.place_file(&preparer, path, &bytes, commit, stored)?;
            if self.batch.len() >= BATCH {
                self.stage()?;
            }
        }
        self.stage()?;
        progress(Progress { done: total, total });
        Ok(())
    }

    fn place_file(
        &mut self,
        preparer: &Preparer<'_>,
        path: &str,
        bytes: &[u8],
        commit: &str,
        stored: &mut HashMap<String, StoredDocument>,
    ) -> Result<(), RunError> {
        let id = match document_id(self.options.collection, path) {
            Ok(id) => id,
            Err(file) => {
                self.report.quarantined.push(file);
                return Ok(());
            }
        };
        if let Some(broken) = self.policies.broken_above(path) {
            // The stored document, if any, stays in `stored` and is taken away at the end.
            self.report.quarantined.push(QuarantinedFile {
                path: path.to_owned(),
                line: None,
                reason: format!("the folder policy {} cannot be read", broken.path),
            });
            return Ok(());
        }
        match preparer.prepare(path, bytes, commit, stored.get(path)) {
            Prepared::Unchanged => match stored.remove(path) {
                Some(document) => self.keep(document)?,
                None => return Ok(()),
            },
            Prepared::Read(read) => {
                let before = stored.remove(path);
                self.batch.push((id, *read, before));
            }
            Prepared::Refused(file) => self.report.quarantined.push(file),
        }
        Ok(())
    }

    /// Content stays; the policy may still be another.
    fn keep(&mut self, document: StoredDocument) -> Result<(), RunError> {
        self.report.unchanged += 1;
        let Some((ord, revision)) = document.current else {
            return Ok(());
        };
        let stated = document.stated.clone();
        let source_hash = document.source_hash;
        self.put_in_force(
            &document.id,
            document.row,
            source_hash,
            stated,
            ord,
            revision,
            &Before::of(Some(&document)),
        )
    }

    /// Stages the batch and notes what its documents become.
    fn stage(&mut self) -> Result<(), RunError> {
        let batch = std::mem::take(&mut self.batch);
        let mut fresh = Vec::new();
        for (id, read, before) in batch {
            self.report.hidden_removed += u64::from(read.hidden_removed);
            self.report.redactions += read.redactions as u64;
            self.aliases.extend(read.aliases.iter().cloned());
            let current = before.as_ref().and_then(|document| document.current);
            match (current, &before) {
                // Only text about access has changed.
                (Some((ord, revision)), Some(document)) if revision == read.revision => {
                    self.report.unchanged += 1;
                    let known = Before::of(Some(document));
                    let row = document.row;
                    let hash = Some(read.source_hash);
                    self.put_in_force(&id, row, hash, read.stated, ord, revision, &known)?;
                }
                _ => fresh.push((id, read, before)),
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        self.stage_fresh(fresh)
    }

    fn stage_fresh(
        &mut self,
        fresh: Vec<(DocumentId, ReadDocument, Option<StoredDocument>)>,
    ) -> Result<(), RunError> {
        let chunks: Vec<Vec<Chunk>> = fresh
            .iter()
            .map(|(_, read, _)| read.drafts.iter().map(|d| d.chunk.clone()).collect())
            .collect();
        let staged: Vec<StagedRevision<'_>> = fresh
            .iter()
            .zip(&chunks)
            .map(|((id, read, _), chunks)| StagedRevision {
                id,
                source: SourceKind::Folder,
                content: &read.content,
                revision: read.revision,
                chunks,
            })
            .collect();
        let placed = self.store.catalog.stage(&staged, self.now)?;
        self.staged = true;
        for ((id, read, before), (row, ord)) in fresh.into_iter().zip(placed) {
            self.store.index.add(ord, &read.content, &read.drafts)?;
            self.report.indexed += 1;
            self.report.chunks += read.drafts.len();
            let known = Before::of(before.as_ref());
            self.superseded.extend(known.ord);
            let hash = Some(read.source_hash);
            self.put_in_force(&id, row, hash, read.stated, ord, read.revision, &known)?;
        }
        Ok(())
    }

    /// Notes that a revision is in force under the policy that its path now gives it.
    #[expect(
        clippy::too_many_arguments,
        reason = "the seven facts of one document's change; a struct would be filled in once"
    )]
    fn put_in_force(
        &mut self,
        id: &DocumentId,
        row: i64,
        source_hash: Option<ContentHash>,
        stated: StatedPolicy,
        ord: Ord,
        revision: ContentHash,
        before: &Before,
    ) -> Result<(), RunError> {
        let labels = self.store.catalog.labels();
        let acl = self.policies.effective(id.path(), &stated, labels);
        if !acl.stated {
            self.report.without_acl.push(id.path().to_owned());
        }
        let same_content = before.ord == Some(ord);
        let acl_row = self.store.catalog.acl_row(&acl)?;
        let same_policy = acl_row.is_some() && acl_row == before.acl_row;
        if same_content && same_policy && source_hash == before.source_hash {
            return Ok(());
        }
        if same_content && !same_policy {
            self.report.new_policy += 1;
        }
        let action = match (same_content, same_policy) {
            (false, _) => "put",
            (true, false) => "acl",
            (true, true) => "restated",
        };
        let outbox = json!({
            "action": action, "document": id.as_str(), "revision": revision.to_string(),
            "ord": ord, "who": self.options.who,
        });
        self.changes.push(DocumentChange {
            row,
            source_hash,
            stated,
            live: Some((ord, acl)),
            outbox: outbox.to_string(),
        });
        Ok(())
    }

    /// Takes documents away whose file is gone or in quarantine.
    fn take_away(&mut self, left: impl Iterator<Item = StoredDocument>) -> Result<(), RunError> {
        let refused: std::collections::HashSet<&str> = self
            .report
            .quarantined
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        let mut removed = 0;
        for document in left.filter(|document| document.source == SourceKind::Folder) {
            let Some((ord, _)) = document.current else {
                continue;
            };
            let quarantined = refused.contains(document.id.path());
            removed += usize::from(!quarantined);
            let action = if quarantined { "quarantine" } else { "remove" };
            let outbox = json!({
                "action": action, "document": document.id.as_str(), "ord": ord,
                "who": self.options.who,
            });
            self.superseded.push(ord);
            self.changes.push(DocumentChange {
                row: document.row,
                source_hash: None,
                stated: document.stated,
                live: None,
                outbox: outbox.to_string(),
            });
        }
        self.report.removed += removed;
        Ok(())
    }
}

/// What was in force for a document before the run.
#[derive(Default)]
struct Before {
    ord: Option<Ord>,
    acl_row: Option<i64>,
    source_hash: Option<ContentHash>,
}

impl Before {
    fn of(document: Option<&StoredDocument>) -> Self {
        document.map_or_else(Self::default, |document| Self {
            ord: document.current.map(|(ord, _)| ord),
            acl_row: document.acl_row,
            source_hash: document.source_hash,
        })
    }
}

fn commits_of(roots: &[PathBuf]) -> BTreeMap<&Path, String> {
    let commits = roots.iter().map(|root| {
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.clone());
        (root.as_path(), checked_out_commit(&absolute))
    });
    commits.collect()
}

fn commit_for<'a>(commits: &'a BTreeMap<&Path, String>, file: &Path) -> &'a str {
    let root = commits.iter().find(|(root, _)| file.starts_with(root));
    root.map_or("HEAD", |(_, commit)| commit)
}
