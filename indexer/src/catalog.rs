//! The catalog: SQLite, the source of truth for documents, revisions, ACLs and quarantine.
//!
//! Upholds NOTHING-LOST (a commit is durable before it returns) and ONE-DOOR (content leaves as
//! [`Guarded`](crate::guarded::Guarded) values). Everything that is not guarded is for the
//! pipeline, which writes, and for the operator, who sees no content.

mod documents;
mod encoding;
mod live;
mod publish;
mod reports;
mod schema;
mod stage;
mod table;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use thiserror::Error;

use crate::label::Labels;

pub use documents::StoredContent;
pub(crate) use documents::{SourceKind, StoredDocument};
pub use publish::OutboxRow;
pub(crate) use publish::{DocumentChange, FolderChange, Publication};
pub use reports::{Counts, HistoryRow, OwnerView, QuarantinedFile};
pub(crate) use stage::StagedRevision;
pub use table::{
    AccessTable, Change, DocumentFacts, LiveDocument, Ord, Permitted, Selection, Touched,
};

/// Why the catalog could not do something.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// There is no catalog at this place.
    #[error("there is no catalog at {0}")]
    Missing(PathBuf),
    /// The database was written by another version of this program.
    #[error("the catalog has schema version {found}; this program knows version {known}")]
    SchemaVersion {
        /// The version in the file.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// Something stored cannot be read back.
    #[error("the catalog is damaged: {0}")]
    Damaged(String),
    /// The database refused.
    #[error("the catalog's database failed: {0}")]
    Database(#[from] rusqlite::Error),
}

/// One catalog file: a writer, and readers that work beside it.
#[derive(Debug)]
pub(crate) struct Catalog {
    path: PathBuf,
    labels: Labels,
    writer: Option<Mutex<Connection>>,
    readers: Mutex<Vec<Connection>>,
}

impl Catalog {
    /// Opens for reading and writing, creating the file if it is absent.
    pub(crate) fn open(path: &Path, labels: Labels) -> Result<Self, CatalogError> {
        let writer = schema::open(path, schema::Mode::Write)?;
        Ok(Self {
            path: path.to_owned(),
            labels,
            writer: Some(Mutex::new(writer)),
            readers: Mutex::new(Vec::new()),
        })
    }

    /// Opens for reading, beside whoever writes.
    pub(crate) fn open_beside(path: &Path, labels: Labels) -> Result<Self, CatalogError> {
        let reader = schema::open(path, schema::Mode::Read)?;
        Ok(Self {
            path: path.to_owned(),
            labels,
            writer: None,
            readers: Mutex::new(vec![reader]),
        })
    }

    /// The labels that stored names are read with.
    pub(crate) const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Runs `work` on the writing connection.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let writer = self.writer.as_ref().ok_or_else(|| {
            CatalogError::Damaged("a catalog opened for reading cannot be written".to_owned())
        })?;
        work(&mut lock(writer))
    }

    /// Runs `work` on a reading connection of its own, so that readers never wait for a writer.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let idle = lock(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open(&self.path, schema::Mode::Read)?,
        };
        let result = work(&connection);
        if result.is_ok() {
            lock(&self.readers).push(connection);
        }
        result
    }

    /// A value from the table of facts about the catalog itself.
    pub(crate) fn meta(&self, key: &str) -> Result<Option<String>, CatalogError> {
        use rusqlite::OptionalExtension;
        self.read(|connection| {
            let query = "SELECT value FROM meta WHERE key = ?1";
            Ok(connection
                .prepare_cached(query)?
                .query_row([key], |row| row.get(0))
                .optional()?)
        })
    }

    /// Sets such a value.
    pub(crate) fn set_meta(&self, key: &str, value: &str) -> Result<(), CatalogError> {
        self.write(|connection| {
            let statement = "INSERT INTO meta (key, value) VALUES (?1, ?2)
                ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            connection.execute(statement, (key, value))?;
            Ok(())
        })
    }
}

/// A panic elsewhere cannot leave a connection half-changed (its transaction rolls back), so a
/// poisoned lock is taken all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
