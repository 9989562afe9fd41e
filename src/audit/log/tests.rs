//! Tests of the writer: durability, group commit, failing disks, several writers.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use super::super::file::LogFile;
use super::super::head::Head;
use super::super::tests::{Home, refused};
use super::super::{AuditError, verify};
use super::*;

/// A disk that forgets what was not synced, fails on demand, and can be made to wait.
#[derive(Clone, Default)]
struct Disk {
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    syncs: usize,
    held: bool,
    waiting: bool,
    fail_sync: bool,
    fail_truncate: bool,
    /// Bytes that still fit; an append beyond them writes what fits and fails.
    room: Option<usize>,
}

impl Disk {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let result = work(&mut self.state.0.lock().unwrap());
        self.state.1.notify_all();
        result
    }

    /// What is left after the power failed.
    fn after_power_failure(&self) -> Self {
        let durable = self.with(|state| state.durable.clone());
        let disk = Self::default();
        disk.with(|state| {
            state.bytes.clone_from(&durable);
            state.durable = durable;
        });
        disk
    }

    fn open(&self, home: &Home) -> Result<AuditLog, AuditError> {
        AuditLog::with_file(&home.paths, Box::new(self.clone()))
    }

    /// Waits until the writer stands before a held sync.
    fn await_held_sync(&self) {
        let state = self.state.0.lock().unwrap();
        drop(self.state.1.wait_while(state, |s| !s.waiting).unwrap());
    }
}

impl LogFile for Disk {
    fn length(&self) -> io::Result<u64> {
        Ok(self.with(|state| state.bytes.len() as u64))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|state| {
            let fits = state.room.unwrap_or(usize::MAX).min(bytes.len());
            state.bytes.extend_from_slice(&bytes[..fits]);
            if fits < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.0.lock().unwrap();
        state.waiting = state.held;
        self.state.1.notify_all();
        let mut state = self.state.1.wait_while(state, |s| s.held).unwrap();
        state.waiting = false;
        state.syncs += 1;
        if state.fail_sync {
            return Err(io::Error::other("sync"));
        }
        state.durable = state.bytes.clone();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.with(|state| {
            if state.fail_truncate {
                return Err(io::Error::other("truncate"));
            }
            state.bytes.truncate(length as usize);
            Ok(())
        })
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|state| {
            let rest = state.bytes.get(offset as usize..).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        })
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(4).build().unwrap()
}

#[test]
fn what_was_acknowledged_survives_a_power_failure() {
    let home = Home::new();
    let disk = Disk::default();
    let log = disk.open(&home).unwrap();
    for number in 0..20 {
        let appended = log.append_blocking(refused(number)).unwrap();
        // Everything but the synced bytes is gone; head and lock are as the process left them.
        let left = disk.after_power_failure().with(|state| state.bytes.clone());
        let last = left
            .trim_ascii_end()
            .rsplit(|&b| b == b'\n')
            .next()
            .unwrap();
        let record = super::super::chain::Record::parse(last).unwrap();
        assert_eq!((record.seq, record.hash), (appended.seq, appended.hash));
    }
    drop(log);
    let reopened = disk.after_power_failure().open(&home).unwrap();
    assert_eq!(reopened.append_blocking(refused(20)).unwrap().seq, 21);
}

#[test]
fn the_head_is_never_ahead_of_what_is_durable() {
    let home = Home::new();
    let disk = Disk::default();
    let log = disk.open(&home).unwrap();
    log.append_blocking(refused(0)).unwrap();
    disk.with(|state| state.held = true);
    std::thread::scope(|scope| {
        let append = scope.spawn(|| log.append_blocking(refused(1)));
        disk.await_held_sync();
        // Written but not synced: neither the head nor the waiter may know of it.
        let head = Head::load(&home.paths.head, &log.key().public());
        assert_eq!(head.unwrap().unwrap().seq, 1);
        assert!(!append.is_finished());
        disk.with(|state| state.held = false);
        assert_eq!(append.join().unwrap().unwrap().seq, 2);
    });
}

#[test]
fn one_sync_serves_all_that_wait() {
    let home = Home::new();
    let disk = Disk::default();
    let log = disk.open(&home).unwrap();
    let before = disk.with(|state| {
        state.held = true;
        state.syncs
    });
    let mut appends: Vec<_> = (0..500).map(|n| Box::pin(log.append(refused(n)))).collect();
    let mut context = Context::from_waker(Waker::noop());
    for append in &mut appends {
        assert!(append.as_mut().poll(&mut context).is_pending());
    }
    disk.with(|state| state.held = false);
    let mut seqs: Vec<u64> = Vec::new();
    for append in appends {
        seqs.push(runtime_once(append).unwrap().seq);
    }
    assert_eq!(seqs, (1..=500).collect::<Vec<_>>());
    // One for the batch that was on its way, one for all the others.
    let syncs = disk.with(|state| state.syncs) - before;
    assert!(syncs <= 2, "{syncs} syncs");
}

fn runtime_once<T>(future: impl Future<Output = T>) -> T {
    let builder = tokio::runtime::Builder::new_current_thread().build();
    builder.unwrap().block_on(future)
}

#[test]
fn a_failed_sync_reaches_every_waiter_and_closes_the_log() {
    let home = Home::new();
    let disk = Disk::default();
    let log = disk.open(&home).unwrap();
    log.append_blocking(refused(0)).unwrap();
    disk.with(|state| {
        state.held = true;
        state.fail_sync = true;
    });
    let mut appends: Vec<_> = (0..50).map(|n| Box::pin(log.append(refused(n)))).collect();
    let mut context = Context::from_waker(Waker::noop());
    for append in &mut appends {
        assert!(matches!(append.as_mut().poll(&mut context), Poll::Pending));
    }
    disk.with(|state| state.held = false);
    for append in appends {
        let error = runtime_once(append).unwrap_err();
        assert!(matches!(
            error,
            AuditError::Io { .. } | AuditError::Poisoned { .. }
        ));
    }
    // The disk works again, but what it holds is unknown until somebody looks.
    disk.with(|state| state.fail_sync = false);
    let error = log.append_blocking(refused(1)).unwrap_err();
    assert!(matches!(error, AuditError::Poisoned { .. }));
    drop(log);
    let log = disk.after_power_failure().open(&home).unwrap();
    assert_eq!(log.append_blocking(refused(1)).unwrap().seq, 2);
}

#[test]
fn a_failed_write_is_taken_back() {
    for fail_truncate in [false, true] {
        let home = Home::new();
        let disk = Disk::default();
        let log = disk.open(&home).unwrap();
        log.append_blocking(refused(0)).unwrap();
        let whole = disk.with(|state| {
            state.room = Some(100);
            state.fail_truncate = fail_truncate;
            state.bytes.clone()
        });
        let error = log.append_blocking(refused(1)).unwrap_err();
        assert!(matches!(
            error,
            AuditError::Io {
                action: "write",
                ..
            }
        ));
        assert!(matches!(
            log.append_blocking(refused(1)).unwrap_err(),
            AuditError::Poisoned { .. }
        ));
        drop(log);
        disk.with(|state| {
            let torn = usize::from(fail_truncate) * 100;
            assert_eq!(state.bytes.len(), whole.len() + torn);
            state.room = None;
            state.fail_truncate = false;
        });
        let log = disk.open(&home).unwrap();
        assert_eq!(log.recovery().cut_tail, fail_truncate.then_some(100));
        assert_eq!(log.append_blocking(refused(1)).unwrap().seq, 2);
    }
}

#[test]
fn a_head_that_cannot_be_written_is_an_error() {
    let home = Home::new();
    let log = home.open();
    log.append_blocking(refused(0)).unwrap();
    // Somebody takes the head away under the running log. It must not quietly come back.
    let head = std::fs::read(&home.paths.head).unwrap();
    std::fs::remove_file(&home.paths.head).unwrap();
    let error = log.append_blocking(refused(1)).unwrap_err();
    // On a slow machine the head's own sync may have met the gap first.
    let recorded = u64::from(matches!(error, AuditError::Io { .. }));
    assert!(recorded == 1 || matches!(error, AuditError::Poisoned { .. }));
    let error = log.append_blocking(refused(2)).unwrap_err();
    assert!(matches!(error, AuditError::Poisoned { .. }));
    drop(log);
    assert!(!home.paths.head.exists());
    std::fs::write(&home.paths.head, head).unwrap();
    // The record itself was durable; recorded and not sent is safe.
    let log = home.open();
    assert_eq!(log.recovery().unanchored, recorded);
    assert_eq!(log.append_blocking(refused(2)).unwrap().seq, 2 + recorded);
}

#[test]
fn a_log_that_shrinks_under_its_writer_is_an_error() {
    let home = Home::new();
    let log = home.open();
    log.append_blocking(refused(0)).unwrap();
    home.write(b"");
    let error = log.append_blocking(refused(1)).unwrap_err();
    assert!(matches!(error, AuditError::Truncated { length: 0, .. }));
}

#[test]
fn many_tasks_and_two_writers_keep_one_chain() {
    let home = Home::new();
    let logs = [Arc::new(home.open()), Arc::new(home.open())];
    let key = logs[0].key().public();
    let mut seqs = runtime().block_on(async {
        let tasks: Vec<_> = (0..400_u64)
            .map(|number| {
                let log = Arc::clone(&logs[(number % 2) as usize]);
                tokio::spawn(async move { log.append(refused(number)).await.unwrap().seq })
            })
            .collect();
        // Beside the live writers the log is sound at any moment.
        for _ in 0..5 {
            let report = verify(&home.paths, &key).unwrap();
            assert!(report.is_sound(), "{report:?}");
        }
        let mut seqs = Vec::new();
        for task in tasks {
            seqs.push(task.await.unwrap());
        }
        seqs
    });
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=400).collect::<Vec<_>>());
    let report = home.verify();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.records, report.unanchored), (400, 0));
}

#[test]
fn what_waits_is_written_when_the_log_is_dropped() {
    let home = Home::new();
    let done = Arc::new(AtomicU64::new(0));
    let log = home.open();
    for number in 0..50 {
        let done = Arc::clone(&done);
        let answer = Box::new(move |result: Answer| {
            assert!(result.is_ok());
            done.fetch_add(1, Ordering::SeqCst);
        });
        log.submit(vec![refused(number)], answer).unwrap();
    }
    drop(log);
    assert_eq!(done.load(Ordering::SeqCst), 50);
    assert_eq!(home.verify().records, 50);
}

#[test]
fn a_stalled_disk_bounds_what_waits() {
    let home = Home::new();
    let disk = Disk::default();
    let log = disk.open(&home).unwrap();
    disk.with(|state| state.held = true);
    let ignore = || Box::new(|_: Answer| {});
    log.submit(vec![refused(0)], ignore()).unwrap();
    disk.await_held_sync();
    for number in 0..MAX_WAITING as u64 {
        log.submit(vec![refused(number)], ignore()).unwrap();
    }
    let error = log.submit(vec![refused(0)], ignore()).unwrap_err();
    assert!(matches!(error, AuditError::Overloaded));
    disk.with(|state| state.held = false);
    drop(log);
    assert_eq!(
        disk.with(|state| state.bytes.iter().filter(|&&b| b == b'\n').count()),
        MAX_WAITING + 1
    );
}
