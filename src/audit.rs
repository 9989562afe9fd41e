//! The audit log: what was asked, what was shown, under which ACL entry, and what was changed.
//!
//! Upholds AUDIT-FIRST (an [`AuditLog::append`] that has returned is durable; anything else is an
//! error, and the caller sends nothing) and REPLAY (entries carry the spans, separators and hashes
//! from which an answer is rebuilt).
//!
//! On disk: `log.jsonl` holds one record a line, each naming the hash of the one before it
//! ([`chain`]); a signed head, kept apart, says how far the log reached ([`head`]), since a chain
//! alone cannot miss its own end. Whoever appends holds an operating system lock for the length of
//! one batch ([`mod@log`]); whoever reads ([`mod@verify`]) takes no lock at all.
//!
//! What this does not show: somebody who can write both files *and* kept an older signed head can
//! put both back to that day. Only a copy of the head on another machine tells; the head is one
//! small file for that reason, and [`verify::verify_against`] takes such copies.

pub mod chain;
pub mod entry;
pub mod file;
pub mod head;
pub mod log;
pub mod receipt;
pub mod verify;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

pub use chain::HexHash;
pub use entry::{Entry, Event, OutboxId, Passage};
pub use head::{AuditKey, Head, PublicKey};
pub use log::{Appended, AuditLog, Recovery};
pub use receipt::{Receipt, ReceiptError, verify_receipt};
pub use verify::{Fault, Follow, Problem, Report, StoredRecord, find_answer, tail, verify};

/// Where the parts of an audit log are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPaths {
    /// The directory of the log and its lock.
    pub directory: PathBuf,
    /// The signed head. Best on another volume than the log, with other permissions.
    pub head: PathBuf,
    /// The private key that signs heads and receipts.
    pub key: PathBuf,
}

impl AuditPaths {
    /// The default places below a data directory: `audit/`, `audit-head.json`, `keys/audit.pem`.
    pub fn in_data(data: &Path) -> Self {
        Self {
            directory: data.join("audit"),
            head: data.join("audit-head.json"),
            key: data.join("keys").join("audit.pem"),
        }
    }

    /// The log itself.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log.jsonl")
    }

    /// The file whose lock a writer holds for the length of a batch.
    pub fn lock(&self) -> PathBuf {
        self.directory.join("lock")
    }
}

/// Why the audit log cannot be opened, read or written.
///
/// It can be cloned because one failed batch answers every request that waited for it.
#[derive(Clone, Debug, Error)]
pub enum AuditError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The log ends before the point that the signed head vouches for.
    #[error("the audit log has {length} bytes, but its signed head vouches for {expected}")]
    Truncated {
        /// Length found.
        length: u64,
        /// Length that was signed, or that this process had written itself.
        expected: u64,
    },
    /// The record that the head names is not the one that stands there.
    #[error("record {seq} of the audit log is not the one that the signed head names")]
    HeadMismatch {
        /// The head's record.
        seq: u64,
    },
    /// The log has records, but its signed head is gone.
    #[error("the audit log has records, but its signed head {} is missing", path.display())]
    HeadMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The head cannot be read or bears no signature of this key.
    #[error("the signed head of the audit log {} is not genuine: {why}", path.display())]
    HeadForged {
        /// The head's file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is a log or a head, but no key. A new one is only made for a new log.
    #[error("the key of the audit log {} is missing", path.display())]
    KeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Others than its owner may read the key.
    #[error("the key {} can be read by others (mode {mode:o}): set it to 600", path.display())]
    KeyExposed {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no Ed25519 key in PEM.
    #[error("{} holds no Ed25519 key in PEM", path.display())]
    KeyUnreadable {
        /// The key's file.
        path: PathBuf,
    },
    /// A record after the head does not continue the chain.
    #[error("the audit log is broken at byte {offset}, where record {seq} should be")]
    Broken {
        /// The record that was expected.
        seq: u64,
        /// Where it was expected.
        offset: u64,
    },
    /// An earlier write failed. What is on disk is unknown until the log is opened again.
    #[error("the audit log is closed after a failure: {cause}")]
    Poisoned {
        /// The failure.
        cause: String,
    },
    /// One entry is larger than a record may be.
    #[error(
        "an audit entry of {bytes} bytes exceeds {} bytes",
        chain::MAX_ENTRY_BYTES
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Too many entries wait for the disk.
    #[error("too many audit entries are waiting for the disk")]
    Overloaded,
    /// The entry has no JSON form.
    #[error("an audit entry cannot be written as JSON: {0}")]
    Unserializable(String),
    /// The writer has ended.
    #[error("the audit log is closed")]
    Closed,
}

impl AuditError {
    /// Wraps a system error with what was tried on which file; made for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source: Arc::new(source),
        }
    }
}
