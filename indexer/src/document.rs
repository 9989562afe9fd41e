//! Documents: their ids, kinds, contents and the names of their revisions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::clock::Timestamp;

/// Longest document id, in bytes.
pub const MAX_ID_BYTES: usize = 512;
/// Longest collection name, in bytes.
pub const MAX_COLLECTION_BYTES: usize = 64;

/// `collection/path`: stable and case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId {
    text: Arc<str>,
    collection_length: u8,
}

/// Why a document id is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    /// The collection part is not a plain name.
    #[error(
        "collection `{0}` is not a name: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit"
    )]
    Collection(String),
    /// There is no path after the collection.
    #[error("a document id is collection/path")]
    NoPath,
    /// Longer than 512 bytes.
    #[error("document id is longer than {MAX_ID_BYTES} bytes")]
    TooLong,
    /// An empty, `.` or `..` segment, or a control, bidirectional or zero-width character.
    #[error("document path has an empty, `.` or `..` segment or an invisible character")]
    Path,
}

impl DocumentId {
    /// Joins a collection and a path.
    pub fn new(collection: &str, path: &str) -> Result<Self, IdError> {
        check_collection(collection)?;
        if path.is_empty() {
            return Err(IdError::NoPath);
        }
        let text = format!("{collection}/{path}");
        if text.len() > MAX_ID_BYTES {
            return Err(IdError::TooLong);
        }
        let bad_segment = |segment: &str| matches!(segment, "" | "." | "..");
        if path.split('/').any(bad_segment) || path.contains(is_invisible) {
            return Err(IdError::Path);
        }
        Ok(Self {
            // `check_collection` has bounded it.
            collection_length: collection.len() as u8,
            text: text.into(),
        })
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The collection, the part before the first slash.
    pub fn collection(&self) -> &str {
        self.text.split_at(usize::from(self.collection_length)).0
    }

    /// The path within the collection.
    pub fn path(&self) -> &str {
        let rest = self.text.split_at(usize::from(self.collection_length)).1;
        rest.strip_prefix('/').unwrap_or(rest)
    }
}

impl FromStr for DocumentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (collection, path) = text.split_once('/').ok_or(IdError::NoPath)?;
        Self::new(collection, path)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Checks the name of a collection.
pub fn check_collection(name: &str) -> Result<(), IdError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && name.len() <= MAX_COLLECTION_BYTES && name.chars().all(plain) {
        return Ok(());
    }
    Err(IdError::Collection(name.chars().take(80).collect()))
}

/// Characters that a reader cannot see: controls, zero-width, bidirectional controls and tags.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// What sort of document it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Instructions for operators.
    Runbook,
    /// The report of something that happened.
    Incident,
    /// Anything else.
    #[default]
    Doc,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Runbook, Self::Incident, Self::Doc];

    /// `runbook`, `incident` or `doc`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runbook => "runbook",
            Self::Incident => "incident",
            Self::Doc => "doc",
        }
    }

    /// The kind with this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A SHA-256, printed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash of several parts, each preceded by its length so that no two lists collide.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Wraps stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The content of one revision: everything that a reader may be shown, nothing about access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Title.
    pub title: String,
    /// Markdown, with hidden text and secrets already removed.
    pub body: String,
    /// Sort of document.
    pub kind: Kind,
    /// Where a person opens it, if the source says; may hold `{line}`.
    pub uri: Option<String>,
    /// The service it is about.
    pub service: Option<String>,
    /// Severity of an incident.
    pub severity: Option<String>,
    /// Tags, in the order given.
    pub tags: Vec<String>,
    /// When the source says it was created.
    pub created: Option<Timestamp>,
    /// When the source says it was last changed.
    pub updated: Option<Timestamp>,
    /// Line of the source file at which the body begins, from 1.
    pub first_line: u32,
}

impl Content {
    /// The name of the revision: a SHA-256 over every field, each length-prefixed.
    pub fn revision(&self) -> ContentHash {
        let created = self.created.map(|t| t.to_string()).unwrap_or_default();
        let updated = self.updated.map(|t| t.to_string()).unwrap_or_default();
        let first_line = self.first_line.to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![
            self.title.as_bytes(),
            self.body.as_bytes(),
            self.kind.as_str().as_bytes(),
            self.uri.as_deref().unwrap_or_default().as_bytes(),
            self.service.as_deref().unwrap_or_default().as_bytes(),
            self.severity.as_deref().unwrap_or_default().as_bytes(),
            created.as_bytes(),
            updated.as_bytes(),
            &first_line,
        ];
        parts.extend(self.tags.iter().map(String::as_bytes));
        ContentHash::of_parts(parts)
    }
}

/// The indexed unit: a stretch of a revision's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Position within the document, from 0.
    pub number: u32,
    /// Headings above the chunk, outermost first.
    pub heading: Vec<String>,
    /// First byte in the body.
    pub start: usize,
    /// One past the last byte in the body.
    pub end: usize,
    /// First line in the source file, from 1.
    pub first_line: u32,
    /// Last line in the source file, inclusive.
    pub last_line: u32,
}
