//! What the writer's thread does with the file: recovery when it opens, batches afterwards.
//!
//! Upholds AUDIT-FIRST: the order is write, sync, head, answer; any failure ends the log's life in
//! this process, because after a failed sync nobody can say what the disk holds.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::super::chain::{Lines, Record, Tip, record_before};
use super::super::entry::OutboxId;
use super::super::file::{LogFile, create_private_directory};
use super::super::head::{AuditKey, Head, HeadWriter};
use super::super::{AuditError, AuditPaths};
use super::{Appended, Recovery, Request};

/// Bytes of entries after which a batch takes no further request.
const BATCH_BYTES: usize = 4 << 20;

pub(super) struct Writer {
    paths: AuditPaths,
    file: Box<dyn LogFile>,
    lock: File,
    key: Arc<AuditKey>,
    head: HeadWriter,
    tip: Tip,
    outbox: Option<OutboxId>,
    /// The same, for [`AuditLog::latest_outbox`](super::AuditLog::latest_outbox).
    published_outbox: Arc<Mutex<Option<OutboxId>>>,
    poison: Option<String>,
    /// Whether there is a poison, for whoever asks from outside.
    poisoned: Arc<AtomicBool>,
}

impl Writer {
    /// Checks the log against its head and takes over what stands beyond it.
    pub(super) fn open(
        paths: &AuditPaths,
        file: Box<dyn LogFile>,
        published_outbox: Arc<Mutex<Option<OutboxId>>>,
    ) -> Result<(Self, Recovery), AuditError> {
        let lock = open_lock(paths)?;
        // Held to the end of this function: another process may be in the middle of a batch.
        take_lock(&lock, paths)?;
        let length = file
            .length()
            .map_err(AuditError::io("read", &paths.log()))?;
        let key = open_key(paths, length)?;
        let head = Head::load(&paths.head, &key.public())?;
        let tip = match head {
            Some(head) => check_head(paths, file.as_ref(), &head, length)?,
            None if length > 0 => {
                let path = paths.head.clone();
                return Err(AuditError::HeadMissing { path });
            }
            None => Tip::genesis(),
        };
        let mut writer = Self {
            paths: paths.clone(),
            file,
            lock,
            key: Arc::new(key),
            head: HeadWriter::new(&paths.head),
            tip,
            outbox: head.and_then(|head| head.outbox),
            published_outbox,
            poison: None,
            poisoned: Arc::new(AtomicBool::new(false)),
        };
        let recovery = writer.catch_up()?;
        if recovery.unanchored > 0 {
            let records = recovery.unanchored;
            tracing::warn!(
                records,
                "audit records beyond the signed head were taken over"
            );
        }
        // What is taken over counts as recorded from here on, so it has to be durable.
        let synced = writer.file.sync();
        synced.map_err(AuditError::io("sync", &paths.log()))?;
        writer.publish_outbox();
        writer.head.create(&writer.latest(), &writer.key)?;
        release_lock(&writer.lock, paths)?;
        Ok((writer, recovery))
    }

    pub(super) fn key(&self) -> Arc<AuditKey> {
        Arc::clone(&self.key)
    }

    pub(super) fn poisoned(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.poisoned)
    }

    /// Serves requests until nobody can send any more.
    pub(super) fn run(&mut self, requests: &Receiver<Request>, waiting: &AtomicUsize) {
        loop {
            let sync_due = match self.poison {
                None => self.head.sync_due_in(),
                Some(_) => None,
            };
            let first = match sync_due {
                None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(rest) => requests.recv_timeout(rest),
            };
            let batch = match first {
                Ok(first) => gather(first, requests),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            waiting.fetch_sub(batch.len(), Ordering::Relaxed);
            self.serve(batch);
        }
        if let Err(error) = self.locked(|writer| writer.head.sync()) {
            tracing::error!(%error, "the head of the audit log could not be synced at close");
        }
    }

    fn serve(&mut self, batch: Vec<Request>) {
        if let Some(cause) = self.poison.clone() {
            return refuse(batch, &AuditError::Poisoned { cause });
        }
        let mut unanswered = batch;
        let outcome = self.locked(|writer| {
            let appended = writer.commit(&unanswered)?;
            for (request, appended) in unanswered.drain(..).zip(appended) {
                (request.answer)(Ok(appended));
            }
            // After the answers: nobody waits for the head to be durable.
            match writer.head.sync_due_in() {
                Some(rest) if rest.is_zero() => writer.head.sync(),
                _ => Ok(()),
            }
        });
        if let Err(error) = outcome {
            tracing::error!(%error, "the audit log is closed until it is opened again");
            self.poison = Some(error.to_string());
            self.poisoned.store(true, Ordering::Release);
            refuse(unanswered, &error);
        }
    }

    /// Makes a batch durable and says where each of its entries stands.
    fn commit(&mut self, batch: &[Request]) -> Result<Vec<Vec<Appended>>, AuditError> {
        let adopted = self.catch_up()?;
        if adopted.unanchored > 0 {
            self.warn_of_unsigned();
        }
        let (mut tip, mut outbox) = (self.tip, self.outbox);
        let mut bytes = Vec::new();
        let mut appended = Vec::with_capacity(batch.len());
        for request in batch {
            let mut places = Vec::with_capacity(request.entries.len());
            for entry in &request.entries {
                // INVARIANT (NOTHING-LOST): decided under the lock, so that two processes that
                // drain the same rows write each of them once.
                let repeated = entry.outbox.is_some_and(|row| row.is_covered_by(outbox));
                if !repeated {
                    tip.extend(&entry.json, &mut bytes);
                    outbox = entry.outbox.or(outbox);
                }
                places.push(Appended {
                    seq: tip.seq,
                    hash: tip.hash,
                    repeated,
                });
            }
            appended.push(places);
        }
        // (What another process appended is synced below too: a repeated row counts on it.)
        if bytes.is_empty() && adopted == Recovery::default() {
            return Ok(appended);
        }
        self.write(&bytes)?;
        self.tip = tip;
        self.outbox = outbox;
        self.publish_outbox();
        self.head.write(&self.latest(), &self.key)?;
        Ok(appended)
    }

    /// INVARIANT (AUDIT-FIRST): returns `Ok` only after the bytes are durable.
    fn write(&mut self, bytes: &[u8]) -> Result<(), AuditError> {
        let path = self.paths.log();
        let written = self.file.append(bytes);
        let written = written.map_err(AuditError::io("write", &path));
        let synced = written.and_then(|()| self.file.sync().map_err(AuditError::io("sync", &path)));
        if let Err(error) = synced {
            // Nobody has been told of these records: wholly absent is right, and the next to open
            // the log, or a process beside this one, finds a clean end. If this fails as well, they
            // find records or an incomplete one that was never acknowledged, which is right too.
            let undone = self.file.truncate(self.tip.length);
            if let Err(error) = undone.and_then(|()| self.file.sync()) {
                tracing::error!(%error, "a failed write to the audit log could not be taken back");
            }
            return Err(error);
        }
        Ok(())
    }

    /// Reads what was appended since this process last wrote: after the head when opening, by
    /// another process later on. Cuts off an incomplete last record: the lock is held, so whoever
    /// was writing it is gone and has told nobody.
    fn catch_up(&mut self) -> Result<Recovery, AuditError> {
        let path = self.paths.log();
        let length = self.file.length();
        let length = length.map_err(AuditError::io("read", &path))?;
        let expected = self.tip.length;
        if length == expected {
            return Ok(Recovery::default());
        }
        if length < expected {
            return Err(AuditError::Truncated { length, expected });
        }
        let before = self.tip.seq;
        let mut lines = Lines::new(self.file.as_ref(), self.tip.length, length);
        let read = |error| AuditError::io("read", &path)(error);
        while let Some(line) = lines.next().map_err(read)? {
            let broken = AuditError::Broken {
                seq: self.tip.seq.saturating_add(1),
                offset: line.offset,
            };
            let record = line.complete.then(|| Record::parse(line.bytes)).flatten();
            let Some(record) = record else {
                if line.end < length {
                    return Err(broken);
                }
                break;
            };
            if !self.tip.follow(&record, line.end) {
                return Err(broken);
            }
            self.outbox = outbox_of(&record).or(self.outbox);
        }
        let cut = length.saturating_sub(self.tip.length);
        if cut > 0 {
            tracing::warn!(
                bytes = cut,
                "cut an incomplete last record off the audit log"
            );
            let cut = self.file.truncate(self.tip.length);
            cut.map_err(AuditError::io("truncate", &path))?;
        }
        Ok(Recovery {
            cut_tail: (cut > 0).then_some(cut),
            unanchored: self.tip.seq.saturating_sub(before),
        })
    }

    /// Another process signs what it appends. What no head covers was left behind by one that was
    /// killed, or was put there by somebody without the key; the chain alone cannot tell.
    fn warn_of_unsigned(&self) {
        let head = Head::load(&self.paths.head, &self.key.public());
        if !matches!(head, Ok(Some(head)) if head.seq >= self.tip.seq) {
            tracing::warn!("audit records that no signed head covers were taken over");
        }
    }

    fn latest(&self) -> Head {
        Head {
            seq: self.tip.seq,
            hash: self.tip.hash,
            length: self.tip.length,
            outbox: self.outbox,
        }
    }

    fn publish_outbox(&self) {
        let published = self.published_outbox.lock();
        *published.unwrap_or_else(PoisonError::into_inner) = self.outbox;
    }

    /// Works while no other process appends.
    fn locked<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, AuditError>,
    ) -> Result<T, AuditError> {
        take_lock(&self.lock, &self.paths)?;
        let result = work(self);
        release_lock(&self.lock, &self.paths)?;
        result
    }
}

/// Takes the requests that wait already; none is waited for.
fn gather(first: Request, requests: &Receiver<Request>) -> Vec<Request> {
    let mut bytes = first.bytes;
    let mut batch = vec![first];
    while bytes < BATCH_BYTES {
        let Ok(request) = requests.try_recv() else {
            break;
        };
        bytes = bytes.saturating_add(request.bytes);
        batch.push(request);
    }
    batch
}

fn refuse(batch: Vec<Request>, error: &AuditError) {
    for request in batch {
        (request.answer)(Err(error.clone()));
    }
}

/// The key that is there, or a new one for a new log: a lost key must not be replaced unnoticed.
fn open_key(paths: &AuditPaths, length: u64) -> Result<AuditKey, AuditError> {
    let has_head = paths.head.try_exists();
    let has_head = has_head.map_err(AuditError::io("read", &paths.head))?;
    match AuditKey::load(&paths.key) {
        Err(AuditError::KeyMissing { .. }) if length == 0 && !has_head => {
            AuditKey::create(&paths.key)
        }
        loaded => loaded,
    }
}

/// Checks that the head's record stands where the head says, and that it is this one.
fn check_head(
    paths: &AuditPaths,
    file: &dyn LogFile,
    head: &Head,
    length: u64,
) -> Result<Tip, AuditError> {
    if length < head.length {
        return Err(AuditError::Truncated {
            length,
            expected: head.length,
        });
    }
    let tip = head.tip();
    let mismatch = AuditError::HeadMismatch { seq: head.seq };
    if head.seq == 0 {
        return if tip == Tip::genesis() {
            Ok(tip)
        } else {
            Err(mismatch)
        };
    }
    let line = record_before(file, head.length);
    let line = line.map_err(AuditError::io("read", &paths.log()))?;
    let record = line.as_deref().and_then(Record::parse);
    match record {
        Some(record) if record.names(&tip) && record.is_intact() => Ok(tip),
        _ => Err(mismatch),
    }
}

/// The row of the outbox that a record was drained from. Reads that one field only, so that entries
/// of later versions do not stop the log from opening.
fn outbox_of(record: &Record<'_>) -> Option<OutboxId> {
    #[derive(Deserialize)]
    struct Outer {
        event: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        outbox: Option<OutboxId>,
    }
    let outer: Outer = serde_json::from_str(record.entry).ok()?;
    outer.event.outbox
}

fn open_lock(paths: &AuditPaths) -> Result<File, AuditError> {
    let directory = &paths.directory;
    create_private_directory(directory).map_err(AuditError::io("create", directory))?;
    let path = paths.lock();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.mode(0o600).open(&path);
    file.map_err(AuditError::io("open", &path))
}

fn take_lock(lock: &File, paths: &AuditPaths) -> Result<(), AuditError> {
    loop {
        match lock.lock() {
            // A signal handler ran; the lock is still wanted.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(AuditError::io("lock", &paths.lock())),
        }
    }
}

fn release_lock(lock: &File, paths: &AuditPaths) -> Result<(), AuditError> {
    lock.unlock()
        .map_err(AuditError::io("unlock", &paths.lock()))
}
