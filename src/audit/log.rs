//! The writer: one thread that commits all waiting entries together.
//!
//! Upholds AUDIT-FIRST: an append is answered after its record is durable and anchored, or with an
//! error. It also upholds NOTHING-LOST for changes: a row of the catalog's outbox that is drained
//! again after a crash is recognised under the lock and written once.
//!
//! A batch is: lock, read what another process appended meanwhile, write all lines at once, sync,
//! write the head, answer, unlock. While one batch waits for the disk the next one gathers, so the
//! number of syncs follows the disk and not the number of requests; there is no artificial delay.

mod writer;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::chain::{HexHash, MAX_ENTRY_BYTES};
use super::entry::{Entry, OutboxId};
use super::file::{DiskFile, LogFile, create_private_directory};
use super::head::AuditKey;
use super::{AuditError, AuditPaths};
use writer::Writer;

/// Requests that may wait for the disk. Beyond it a stalled disk would eat the memory instead.
const MAX_WAITING: usize = 16 << 10;

/// The open log. Share it in an `Arc`; dropping it writes what waits and syncs the head.
pub struct AuditLog {
    requests: Option<Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    waiting: Arc<AtomicUsize>,
    poisoned: Arc<AtomicBool>,
    latest_outbox: Arc<Mutex<Option<OutboxId>>>,
    key: Arc<AuditKey>,
    recovery: Recovery,
    redact: Option<Redact>,
}

/// Where a record stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its number, from 1.
    pub seq: u64,
    /// Its hash.
    pub hash: HexHash,
    /// The entry came from a row of the outbox that the log holds already. Nothing was written;
    /// number and hash are those of the latest record.
    pub repeated: bool,
}

/// What opening the log had to mend or take on trust. The service records both when it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of an incomplete last record, never acknowledged, that were cut off.
    pub cut_tail: Option<u64>,
    /// Records beyond the signed head. They chain, but until now nothing vouched for them.
    pub unanchored: u64,
}

/// Changes an entry before it is written, for instance to take secrets out of a query.
type Redact = Box<dyn Fn(&mut Entry) + Send + Sync>;
type Answer = Result<Vec<Appended>, AuditError>;

struct Request {
    entries: Vec<Prepared>,
    bytes: usize,
    answer: Box<dyn FnOnce(Answer) + Send>,
}

struct Prepared {
    json: String,
    outbox: Option<OutboxId>,
}

impl AuditLog {
    /// Opens the log, or begins a new one, and starts its writer. Reads the end of the log from
    /// the head on, not the whole.
    pub fn open(paths: &AuditPaths) -> Result<Self, AuditError> {
        let directory = &paths.directory;
        create_private_directory(directory).map_err(AuditError::io("create", directory))?;
        let path = paths.log();
        let file = DiskFile::open_or_create(&path).map_err(AuditError::io("open", &path))?;
        Self::with_file(paths, Box::new(file))
    }

    /// Opens the log over a given file; lock, head and key are where `paths` says. This is the
    /// seam for tests of failing disks.
    pub fn with_file(paths: &AuditPaths, file: Box<dyn LogFile>) -> Result<Self, AuditError> {
        let directory = &paths.directory;
        create_private_directory(directory).map_err(AuditError::io("create", directory))?;
        let latest_outbox = Arc::new(Mutex::new(None));
        let (mut writer, recovery) = Writer::open(paths, file, Arc::clone(&latest_outbox))?;
        let poisoned = writer.poisoned();
        let key = writer.key();
        let (requests, receiver) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let answered = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let thread = thread
            .spawn(move || writer.run(&receiver, &answered))
            .map_err(AuditError::io("start a writer for", directory))?;
        Ok(Self {
            requests: Some(requests),
            writer: Some(thread),
            waiting,
            poisoned,
            latest_outbox,
            key,
            recovery,
            redact: None,
        })
    }

    /// Sets a hook that changes every entry before it is written.
    #[must_use]
    pub fn redacting(mut self, redact: impl Fn(&mut Entry) + Send + Sync + 'static) -> Self {
        self.redact = Some(Box::new(redact));
        self
    }

    /// Appends an entry; when this returns, it is durable.
    ///
    /// INVARIANT (AUDIT-FIRST): on any error the caller sends nothing. A caller that stops waiting
    /// may still have been recorded: recorded and not sent is safe, the reverse is not.
    pub async fn append(&self, entry: Entry) -> Result<Appended, AuditError> {
        only(self.append_all(vec![entry]).await?)
    }

    /// [`AuditLog::append`] for threads that are not part of an async runtime.
    pub fn append_blocking(&self, entry: Entry) -> Result<Appended, AuditError> {
        only(self.append_all_blocking(vec![entry])?)
    }

    /// Appends entries in order, in one batch. A crash may leave the first few of them.
    ///
    /// Rows of the catalog's outbox have to come in ascending order and from the oldest row that
    /// is still there: a number below one already recorded counts as recorded.
    pub async fn append_all(&self, entries: Vec<Entry>) -> Result<Vec<Appended>, AuditError> {
        let (sender, answer) = oneshot::channel();
        // An error here says that the caller no longer waits, which is its own affair.
        self.submit(entries, Box::new(move |result| drop(sender.send(result))))?;
        answer.await.unwrap_or(Err(AuditError::Closed))
    }

    /// [`AuditLog::append_all`] for threads that are not part of an async runtime.
    pub fn append_all_blocking(&self, entries: Vec<Entry>) -> Result<Vec<Appended>, AuditError> {
        let (sender, answer) = mpsc::sync_channel(1);
        self.submit(entries, Box::new(move |result| drop(sender.send(result))))?;
        answer.recv().unwrap_or(Err(AuditError::Closed))
    }

    /// The latest row of the catalog's outbox that the log holds.
    pub fn latest_outbox(&self) -> Option<OutboxId> {
        let latest = self.latest_outbox.lock();
        *latest.unwrap_or_else(PoisonError::into_inner)
    }

    /// What opening the log had to mend.
    pub const fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// The key that signs heads, for signing receipts.
    pub const fn key(&self) -> &Arc<AuditKey> {
        &self.key
    }

    /// Whether the log takes entries: no write of this process has failed. For probes only; an
    /// append says for itself.
    pub fn accepts_entries(&self) -> bool {
        !self.poisoned.load(Ordering::Acquire)
    }

    /// Writes what waits, syncs the head and ends the writer; dropping the log does the same.
    pub fn close(self) {}

    fn submit(
        &self,
        entries: Vec<Entry>,
        answer: Box<dyn FnOnce(Answer) + Send>,
    ) -> Result<(), AuditError> {
        // Serialised here, by the many callers, so that the one writer only hashes and writes.
        let mut prepared = Vec::with_capacity(entries.len());
        let mut bytes = 0_usize;
        for mut entry in entries {
            if let Some(redact) = &self.redact {
                redact(&mut entry);
            }
            let json = serde_json::to_string(&entry)
                .map_err(|error| AuditError::Unserializable(error.to_string()))?;
            if json.len() > MAX_ENTRY_BYTES {
                return Err(AuditError::TooLarge { bytes: json.len() });
            }
            bytes = bytes.saturating_add(json.len());
            let outbox = entry.outbox();
            prepared.push(Prepared { json, outbox });
        }
        let request = Request {
            entries: prepared,
            bytes,
            answer,
        };
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(AuditError::Overloaded);
        }
        let requests = self.requests.as_ref().ok_or(AuditError::Closed)?;
        requests.send(request).map_err(|_| AuditError::Closed)
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        // The writer ends when its channel has no sender left and is empty.
        self.requests = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the audit log's writer had panicked");
        }
    }
}

fn only(appended: Vec<Appended>) -> Result<Appended, AuditError> {
    appended.into_iter().next().ok_or(AuditError::Closed)
}

#[cfg(test)]
mod tests;
