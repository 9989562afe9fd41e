//! One data directory: catalog, index and access table together, and the only way to content.
//!
//! Upholds ONE-DOOR (what it hands out is guarded or a [`Selection`](crate::catalog::Selection))
//! and NOTHING-LOST (on opening, the index is brought up to the catalog, whatever either was
//! doing when the process died).

mod lock;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use thiserror::Error;

pub use crate::catalog::StoredContent;
use crate::catalog::{
    AccessTable, Catalog, CatalogError, Counts, HistoryRow, Ord, OutboxRow, OwnerView, Publication,
    QuarantinedFile,
};

use crate::chunk;
use crate::clock::Clock;
use crate::document::{Chunk, DocumentId};
use crate::guarded::Guarded;
use crate::index::{Index, IndexError, IndexView, Origin, PIPELINE_VERSION};
use crate::label::Labels;
use lock::{DirectoryLock, lock_directory};

/// How often, and after what pause, opening beside a busy writer is tried again.
const BESIDE_TRIES: u32 = 40;
const BESIDE_PAUSE: Duration = Duration::from_millis(25);

/// Why a data directory could not be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process works on it.
    #[error("{0} is in use by another ambit process (a server?); stop it first")]
    InUse(PathBuf),
    /// The directory cannot be read or written.
    #[error("cannot use the data directory {path}: {source}")]
    Folder {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// A consistent view: the access table and an index at least as new.
#[derive(Clone)]
pub struct Snapshot {
    /// What is in force.
    pub table: Arc<AccessTable>,
    /// What can be found.
    pub index: Arc<IndexView>,
}

/// An open data directory.
pub struct Store {
    pub(crate) catalog: Catalog,
    pub(crate) index: Index,
    pub(crate) clock: Arc<Clock>,
    /// Runs that write take turns.
    pub(crate) run: Mutex<()>,
    generation: String,
    snapshot: RwLock<Snapshot>,
    /// Whether the catalog may say something that is not in force yet.
    behind: AtomicBool,
    /// Held for as long as the store writes; the system lets go of it when the process ends.
    _lock: Option<DirectoryLock>,
}

impl Store {
    /// Opens a data directory for reading and writing; creates it if absent. One process at a
    /// time may hold it so.
    pub fn open(directory: &Path, labels: Labels, clock: Arc<Clock>) -> Result<Self, StoreError> {
        let folder_error = |source| StoreError::Folder {
            path: directory.to_owned(),
            source,
        };
        std::fs::create_dir_all(directory).map_err(folder_error)?;
        let lock = lock_directory(directory)?;
        check_catalog_is_there(directory)?;
        let catalog = Catalog::open(&catalog_path(directory), labels)?;
        let generation = catalog.meta("generation")?.unwrap_or_default();
        let (index, origin) = Index::open(&index_path(directory), &generation)?;
        catalog.drop_staged()?;
        let store = Self::assemble(catalog, index, clock, generation, Some(lock))?;
        if origin == Origin::New {
            store.renew_chunks()?;
        }
        store.reconcile()?;
        Ok(store)
    }

    /// Opens a data directory for reading, beside a process that may be writing.
    ///
    /// The writer may commit between the steps of opening; then they do not fit together, and all
    /// is done again.
    pub fn open_beside(
        directory: &Path,
        labels: Labels,
        clock: Arc<Clock>,
    ) -> Result<Self, StoreError> {
        let mut tries = BESIDE_TRIES;
        loop {
            let opened = Self::try_open_beside(directory, labels.clone(), Arc::clone(&clock));
            tries -= 1;
            let again = match &opened {
                Ok(store) => store.unindexed()? > 0,
                Err(error) => matches!(error, StoreError::Index(_)),
            };
            if !again || tries == 0 {
                return opened;
            }
            std::thread::sleep(BESIDE_PAUSE);
        }
    }

    fn try_open_beside(
        directory: &Path,
        labels: Labels,
        clock: Arc<Clock>,
    ) -> Result<Self, StoreError> {
        let catalog = Catalog::open_beside(&catalog_path(directory), labels)?;
        let generation = catalog.meta("generation")?.unwrap_or_default();
        let index = Index::open_beside(&index_path(directory), &generation)?;
        Self::assemble(catalog, index, clock, generation, None)
    }

    /// Throws the index of a data directory away; the next opening makes it again from the
    /// catalog.
    pub fn discard_index(directory: &Path) -> Result<(), StoreError> {
        let _lock = lock_directory(directory)?;
        let index = index_path(directory);
        match std::fs::remove_dir_all(&index) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Folder {
                    path: index,
                    source,
                })
            }
            _ => Ok(()),
        }
    }

    fn assemble(
        catalog: Catalog,
        index: Index,
        clock: Arc<Clock>,
        generation: String,
        lock: Option<DirectoryLock>,
    ) -> Result<Self, StoreError> {
        let snapshot = Snapshot {
            table: Arc::new(AccessTable::new(catalog.live_documents()?)),
            index: index.view(),
        };
        Ok(Self {
            catalog,
            index,
            clock,
            run: Mutex::new(()),
            generation,
            snapshot: RwLock::new(snapshot),
            behind: AtomicBool::new(false),
            _lock: lock,
        })
    }

    /// The view that one request works on.
    pub fn snapshot(&self) -> Snapshot {
        let snapshot = self.snapshot.read();
        snapshot.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The content of a live revision, sealed under the policy in force now. Whoever serves a
    /// caller asks [`Store::standing`] first, so that what is forbidden costs no reading.
    pub fn content(&self, ord: Ord) -> Result<Option<Guarded<StoredContent>>, StoreError> {
        let table = self.snapshot().table;
        let Some(policy) = table.policy(ord) else {
            return Ok(None);
        };
        let content = self.catalog.content(ord)?;
        Ok(content.map(|content| Guarded::new(content, Arc::clone(policy))))
    }

    /// The live revision of a document: a number that says nothing by itself.
    pub fn current(&self, id: &DocumentId) -> Option<Ord> {
        self.snapshot().table.current(id)
    }

    /// The chunks of a live revision, sealed likewise.
    pub fn chunks(&self, ord: Ord) -> Result<Option<Guarded<Vec<Chunk>>>, StoreError> {
        let table = self.snapshot().table;
        let Some(policy) = table.policy(ord) else {
            return Ok(None);
        };
        let chunks = self.catalog.chunks(ord)?;
        Ok(Some(Guarded::new(chunks, Arc::clone(policy))))
    }

    /// The policy in force for a revision, sealed: for the check that comes after the audit entry.
    pub fn standing(&self, ord: Ord) -> Option<Guarded<()>> {
        let table = self.snapshot().table;
        let policy = table.policy(ord)?;
        Some(Guarded::new((), Arc::clone(policy)))
    }

    /// The policy of a document: for its owners' administration, never for readers.
    pub fn owner_view(&self, id: &DocumentId) -> Result<Option<OwnerView>, StoreError> {
        Ok(self.catalog.owner_view(id)?)
    }

    /// The history of a document's policy: for its owners' administration.
    pub fn acl_history(&self, id: &DocumentId) -> Result<Vec<HistoryRow>, StoreError> {
        Ok(self.catalog.acl_history(id)?)
    }

    /// Principals (`kind:tenant/object`) with the names that people wrote for them.
    pub fn spellings(&self) -> Result<Vec<(String, String)>, StoreError> {
        Ok(self.catalog.spellings()?)
    }

    /// Counts for the operator.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        Ok(self.catalog.counts()?)
    }

    /// Files in quarantine, for the operator.
    pub fn quarantined(&self) -> Result<Vec<(String, QuarantinedFile)>, StoreError> {
        Ok(self.catalog.quarantined()?)
    }

    /// Live revisions whose chunks the index lacks: empty unless something is wrong.
    pub fn unindexed(&self) -> Result<usize, StoreError> {
        let indexed = self.index.ords();
        let table = self.snapshot().table;
        Ok(table.live().filter(|ord| !indexed.contains(ord)).count())
    }

    /// Names this catalog's line of numbers; a restored catalog has another.
    pub fn generation(&self) -> &str {
        &self.generation
    }

    /// Audit entries of changes that the log does not have yet, oldest first.
    pub fn outbox(&self) -> Result<Vec<OutboxRow>, StoreError> {
        Ok(self.catalog.outbox()?)
    }

    /// Forgets audit entries up to `last`, once the log has them.
    pub fn outbox_done(&self, last: i64) -> Result<(), StoreError> {
        Ok(self.catalog.outbox_done(last)?)
    }

    /// Commits the index under the catalog's generation.
    pub(crate) fn commit_index(&self) -> Result<(), StoreError> {
        Ok(self.index.commit(&self.generation)?)
    }

    /// Puts what the catalog says now in force for every later request.
    pub(crate) fn refresh(&self) -> Result<(), StoreError> {
        self.put_in_force(AccessTable::new(self.catalog.live_documents()?));
        Ok(())
    }

    /// Commits a publication and puts what it changes in force for every later request.
    ///
    /// INVARIANT (REVOCATION): a table is made from the one before only if that one has all that
    /// was committed. Where something fails in between, [`catch_up`](Self::catch_up) has to come
    /// first.
    pub(crate) fn publish(&self, publication: &Publication<'_>) -> Result<(), StoreError> {
        self.behind.store(true, Ordering::SeqCst);
        self.catalog.publish(publication)?;
        let documents = publication.documents.iter().map(|change| change.row);
        let changes = self.catalog.changes_of(documents)?;
        let before = self.snapshot();
        if changes.is_empty() && before.index.version() == self.index.view().version() {
            // What is remembered of callers stays as it is.
            self.behind.store(false, Ordering::SeqCst);
        } else {
            self.put_in_force(before.table.with(changes));
        }
        Ok(())
    }

    /// Table and index change together: one version of the table goes with one of the index.
    fn put_in_force(&self, table: AccessTable) {
        let fresh = Snapshot {
            table: Arc::new(table),
            index: self.index.view(),
        };
        let snapshot = self.snapshot.write();
        *snapshot.unwrap_or_else(PoisonError::into_inner) = fresh;
        self.behind.store(false, Ordering::SeqCst);
    }

    /// Reads everything anew if an earlier write may have been committed and not put in force.
    pub(crate) fn catch_up(&self) -> Result<(), StoreError> {
        if self.behind.load(Ordering::SeqCst) {
            self.index.rollback()?;
            self.catalog.drop_staged()?;
            self.refresh()?;
            self.reconcile()?;
        }
        Ok(())
    }

    /// Forgets a run that failed: nothing of it was in force, and nothing is left of it.
    pub(crate) fn abandon_run(&self) {
        // Whether the run's commit took effect is not known: what the catalog says now counts.
        self.behind.store(true, Ordering::SeqCst);
        let undone = self.catch_up();
        if let Err(error) = undone {
            // The next run, or opening, does the same again.
            tracing::error!(%error, "a failed run could not be cleaned up now");
        }
    }

    /// Brings the index up to the catalog: what is live and missing is added, the rest deleted.
    fn reconcile(&self) -> Result<(), StoreError> {
        let indexed = self.index.ords();
        let table = self.snapshot().table;
        let stray: Vec<Ord> = indexed
            .iter()
            .copied()
            .filter(|ord| !table.is_live(*ord))
            .collect();
        let missing: Vec<Ord> = table.live().filter(|ord| !indexed.contains(ord)).collect();
        if stray.is_empty() && missing.is_empty() {
            return Ok(());
        }
        tracing::info!(
            missing = missing.len(),
            stray = stray.len(),
            "bringing the index up to the catalog"
        );
        self.index.delete(stray)?;
        for ord in missing {
            let Some(stored) = self.catalog.content(ord)? else {
                continue;
            };
            let drafts = chunk::of_content(&stored.content);
            self.index.add(ord, &stored.content, &drafts)?;
        }
        self.commit_index()?;
        self.refresh()
    }

    /// Cuts every live revision into chunks again if the stored ones are of another version of
    /// the chunker, so that index and catalog agree on what a chunk is.
    fn renew_chunks(&self) -> Result<(), StoreError> {
        let version = PIPELINE_VERSION.to_string();
        if self.catalog.meta("chunks_version")?.as_deref() == Some(&version) {
            return Ok(());
        }
        for ord in self.snapshot().table.live() {
            if let Some(stored) = self.catalog.content(ord)? {
                let drafts = chunk::of_content(&stored.content);
                let chunks: Vec<Chunk> = drafts.into_iter().map(|draft| draft.chunk).collect();
                self.catalog.replace_chunks(ord, &chunks)?;
            }
        }
        self.catalog.set_meta("chunks_version", &version)?;
        Ok(())
    }
}

fn catalog_path(directory: &Path) -> PathBuf {
    directory.join("catalog.sqlite")
}

fn index_path(directory: &Path) -> PathBuf {
    directory.join("index")
}

/// A catalog is made before its index. Where there is an index and no catalog, the catalog was
/// lost, and an empty one in its place would hide that.
fn check_catalog_is_there(directory: &Path) -> Result<(), StoreError> {
    let path = catalog_path(directory);
    let length = path.metadata().map_or(0, |metadata| metadata.len());
    if length == 0 && index_path(directory).exists() {
        return Err(CatalogError::Missing(path).into());
    }
    Ok(())
}
