//! An indexing run: source → parse → chunk → resolve → write.
//!
//! A run stages its revisions under ords that nobody can read, makes them findable, and then
//! publishes folder policies, ACLs, revisions and removals together (NOTHING-LOST: all of a run
//! or nothing of it; content is never visible under an ACL that was not its own).

mod changes;
mod links;
mod policies;
mod prepare;
mod run;

use std::path::PathBuf;

use thiserror::Error;

use crate::catalog::CatalogError;
pub use crate::catalog::QuarantinedFile;
use crate::directory::Directory;
use crate::document::IdError;
use crate::index::IndexError;
use crate::parse::SecretPolicy;
use crate::source::folder::FolderError;
use crate::store::StoreError;

pub use links::percent_encoded;
pub use run::index_folders;

/// What to index and how.
#[derive(Clone, Debug)]
pub struct RunOptions<'a> {
    /// The collection; its folder documents become exactly those of the roots.
    pub collection: &'a str,
    /// Folders of Markdown files, taken as one tree.
    pub roots: &'a [PathBuf],
    /// Resolves the names in ACLs.
    pub directory: &'a Directory,
    /// What happens to a document that holds a secret.
    pub secrets: SecretPolicy,
    /// Permits a run that removes more than a third of the collection.
    pub allow_mass_removal: bool,
    /// Who runs it, for the history of ACLs.
    pub who: &'a str,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files looked at.
    pub done: usize,
    /// Files in all.
    pub total: usize,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunReport {
    /// Documents that are new or have new content.
    pub indexed: usize,
    /// Documents whose content stayed; includes those with a new policy.
    pub unchanged: usize,
    /// Of the unchanged, documents whose policy is another now.
    pub new_policy: usize,
    /// Documents whose file is gone.
    pub removed: usize,
    /// Documents on whose path no ACL is stated, by path: stored, and read by nobody.
    pub without_acl: Vec<String>,
    /// Files that could not become documents.
    pub quarantined: Vec<QuarantinedFile>,
    /// Files that are not Markdown, by path.
    pub skipped: Vec<String>,
    /// Chunks written.
    pub chunks: usize,
    /// Invisible characters and comments removed.
    pub hidden_removed: u64,
    /// Secrets replaced.
    pub redactions: u64,
}

/// Why a run stopped. Nothing of it is in force then.
#[derive(Debug, Error)]
pub enum RunError {
    /// A source cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The collection's name is not usable.
    #[error(transparent)]
    Collection(#[from] IdError),
    /// More than a third of the collection is gone from the sources.
    #[error(
        "{gone} of {of} documents of the collection are gone from the sources, more than a third; \
         if that is meant, say --allow-mass-removal"
    )]
    MassRemoval {
        /// Documents without a file.
        gone: usize,
        /// Documents of the collection.
        of: usize,
    },
    /// A folder policy changed while the documents were read.
    #[error(
        "a folder policy changed while the documents were read; nothing is in force, run again"
    )]
    PoliciesChanged,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CatalogError> for RunError {
    fn from(error: CatalogError) -> Self {
        Self::Store(error.into())
    }
}

impl From<IndexError> for RunError {
    fn from(error: IndexError) -> Self {
        Self::Store(error.into())
    }
}
