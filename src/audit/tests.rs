//! What the tests of the audit log share, and tests of opening it.

use std::os::unix::fs::PermissionsExt;

use ambit_indexer::clock::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

/// A data directory that vanishes with the test.
pub(super) struct Home {
    pub(super) paths: AuditPaths,
    _directory: TempDir,
}

impl Home {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            paths: AuditPaths::in_data(directory.path()),
            _directory: directory,
        }
    }

    /// A closed log of `count` records.
    pub(super) fn with_records(count: u64) -> Self {
        let home = Self::new();
        let log = home.open();
        for number in 0..count {
            log.append_blocking(refused(number)).unwrap();
        }
        log.close();
        home
    }

    pub(super) fn open(&self) -> AuditLog {
        AuditLog::open(&self.paths).unwrap()
    }

    pub(super) fn read(&self) -> Vec<u8> {
        std::fs::read(self.paths.log()).unwrap()
    }

    pub(super) fn write(&self, bytes: &[u8]) {
        std::fs::write(self.paths.log(), bytes).unwrap();
    }

    pub(super) fn verify(&self) -> Report {
        let key = AuditKey::load(&self.paths.key).unwrap();
        verify(&self.paths, &key.public()).unwrap()
    }
}

pub(super) fn instant() -> Timestamp {
    "2026-03-01T12:00:00.25Z".parse().unwrap()
}

pub(super) fn refused(number: u64) -> Entry {
    let event = Event::Refused {
        surface: "/v1/search".to_owned(),
        reason: format!("reason-{number}"),
        document: None,
    };
    Entry::new(instant(), event)
}

fn change(generation: impl Into<u128>, number: u64) -> Entry {
    let event = Event::Change {
        document: Some("runbooks/failover.md".to_owned()),
        action: "acl".to_owned(),
        details: json!({"row": number}),
        outbox: Some(OutboxId {
            generation: Uuid::from_u128(generation.into()),
            number,
        }),
    };
    Entry::new(instant(), event)
}

fn failure(paths: &AuditPaths) -> AuditError {
    match AuditLog::open(paths) {
        Ok(_) => panic!("the log opened"),
        Err(error) => error,
    }
}

#[test]
fn a_log_is_continued_after_it_was_closed() {
    let home = Home::with_records(3);
    let log = home.open();
    assert_eq!(log.recovery(), Recovery::default());
    assert_eq!(log.append_blocking(refused(3)).unwrap().seq, 4);
    log.close();
    let report = home.verify();
    assert_eq!((report.records, report.head_seq), (4, Some(4)));
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn the_end_of_the_log_can_be_shown_followed_and_searched() {
    let home = Home::with_records(20);
    let log = home.open();
    let last = tail(&home.paths, 3).unwrap();
    assert_eq!(last.iter().map(|r| r.seq).collect::<Vec<_>>(), [18, 19, 20]);
    assert_eq!(last[2].entry().unwrap(), refused(19));
    assert_eq!(tail(&home.paths, 100).unwrap().len(), 20);

    let mut follow = Follow::from_end(&home.paths).unwrap();
    assert_eq!(follow.next(10).unwrap(), []);
    let answer = Uuid::from_u128(7);
    let mut entry = refused(20);
    entry.answer = Some(answer);
    log.append_blocking(entry).unwrap();
    let reason = "acl changed".to_owned();
    let withdrawn = Entry::new(instant(), Event::Withdrawn { answer, reason });
    log.append_blocking(withdrawn).unwrap();
    let mut mentions = refused(21);
    mentions.trace = Some(answer.to_string());
    log.append_blocking(mentions).unwrap();
    let seen = |records: Vec<StoredRecord>| records.iter().map(|r| r.seq).collect::<Vec<_>>();
    assert_eq!(seen(follow.next(2).unwrap()), [21, 22]);
    assert_eq!(seen(follow.next(2).unwrap()), [23]);
    assert_eq!(seen(find_answer(&home.paths, answer).unwrap()), [21, 22]);
}

#[test]
fn an_incomplete_last_record_is_cut_off_and_no_fault() {
    for torn in [
        &b"{\"seq\":4,\"prev\":\"00"[..],
        &b"\0\0\0\0\n"[..],
        &b"x"[..],
    ] {
        let home = Home::with_records(3);
        let whole = home.read();
        home.write(&[&whole, torn].concat());
        let report = home.verify();
        assert_eq!(report.incomplete_tail, Some(torn.len() as u64));
        assert!(report.is_sound(), "{report:?}");
        let log = home.open();
        assert_eq!(log.recovery().cut_tail, Some(torn.len() as u64));
        assert_eq!(home.read(), whole);
        assert_eq!(log.append_blocking(refused(3)).unwrap().seq, 4);
        assert!(home.verify().is_sound());
    }
}

#[test]
fn a_log_shorter_than_its_head_does_not_open() {
    let home = Home::with_records(3);
    let whole = home.read();
    let expected = whole.len() as u64;
    home.write(&whole[..whole.len() - 1]);
    let error = failure(&home.paths);
    assert!(
        matches!(error, AuditError::Truncated { length, expected: e } if length == expected - 1 && e == expected)
    );
    std::fs::remove_file(home.paths.log()).unwrap();
    assert!(matches!(failure(&home.paths), AuditError::Truncated { .. }));
    let report = home.verify();
    assert_eq!(
        report.problems[0].what,
        Fault::Truncated { first: 1, last: 3 }
    );
}

#[test]
fn a_log_that_does_not_meet_its_head_does_not_open() {
    let home = Home::with_records(3);
    let mut bytes = home.read();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    home.write(&bytes);
    let error = failure(&home.paths);
    assert!(matches!(error, AuditError::HeadMismatch { seq: 3 }));
}

#[test]
fn a_head_that_is_missing_or_forged_stops_the_log() {
    let home = Home::with_records(3);
    let text = std::fs::read_to_string(&home.paths.head).unwrap();
    for forged in [
        text.replace("\"seq\":3", "\"seq\":2"),
        text.replace("\"signature\":\"", "\"signature\":\"00"),
        text.replace("\"key\":\"", "\"key\":\"0"),
        "nonsense".to_owned(),
        String::new(),
    ] {
        std::fs::write(&home.paths.head, forged).unwrap();
        assert!(matches!(
            failure(&home.paths),
            AuditError::HeadForged { .. }
        ));
        let report = home.verify();
        assert!(matches!(report.problems[0].what, Fault::HeadForged { .. }));
        assert_eq!(report.records, 3);
    }
    std::fs::remove_file(&home.paths.head).unwrap();
    assert!(matches!(
        failure(&home.paths),
        AuditError::HeadMissing { .. }
    ));
    assert_eq!(home.verify().problems[0].what, Fault::HeadMissing);
}

#[test]
fn a_head_is_overwritten_in_place_and_keeps_its_length() {
    let home = Home::with_records(3);
    let log = home.open();
    for number in 0..20_u32 {
        log.append_blocking(change(number, u64::MAX)).unwrap();
        let text = std::fs::read(&home.paths.head).unwrap();
        assert_eq!((text.len(), text.last()), (512, Some(&b'\n')));
        assert_eq!(home.verify().unanchored, 0);
    }
}

#[test]
fn a_head_may_lag_but_what_follows_must_chain() {
    let home = Home::with_records(2);
    let old_head = std::fs::read(&home.paths.head).unwrap();
    let anchored = home.read().len();
    let log = home.open();
    for number in 2..5 {
        log.append_blocking(refused(number)).unwrap();
    }
    log.close();
    std::fs::write(&home.paths.head, &old_head).unwrap();
    let report = home.verify();
    assert_eq!((report.head_seq, report.unanchored), (Some(2), 3));
    assert!(report.is_sound());
    let whole = home.read();
    assert_eq!(home.open().recovery().unanchored, 3);
    assert_eq!(home.verify().unanchored, 0);

    std::fs::write(&home.paths.head, &old_head).unwrap();
    let mut edited = whole.clone();
    let in_third = anchored + 200;
    edited[in_third] ^= 1;
    home.write(&edited);
    let error = failure(&home.paths);
    assert!(
        matches!(error, AuditError::Broken { seq: 3, offset } if offset == anchored as u64),
        "{error}"
    );
}

#[test]
fn a_key_is_private_and_never_replaced() {
    let home = Home::with_records(1);
    let mode = std::fs::metadata(&home.paths.key).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    for mode in [0o640, 0o604] {
        let open = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&home.paths.key, open).unwrap();
        let error = failure(&home.paths);
        assert!(matches!(error, AuditError::KeyExposed { mode: m, .. } if m == mode));
    }
    std::fs::remove_file(&home.paths.key).unwrap();
    assert!(matches!(
        failure(&home.paths),
        AuditError::KeyMissing { .. }
    ));
    std::fs::remove_file(home.paths.log()).unwrap();
    assert!(matches!(
        failure(&home.paths),
        AuditError::KeyMissing { .. }
    ));
}

#[test]
fn another_key_does_not_pass() {
    let home = Home::with_records(1);
    let other = Home::with_records(1);
    std::fs::copy(&other.paths.key, &home.paths.key).unwrap();
    assert!(matches!(
        failure(&home.paths),
        AuditError::HeadForged { .. }
    ));
    let key = AuditKey::load(&home.paths.key).unwrap().public();
    let pem = key.to_pem().unwrap();
    assert_eq!(PublicKey::from_pem(&pem), Some(key));
    assert!(!format!("{:?}", AuditKey::load(&home.paths.key).unwrap()).contains("PRIVATE"));
}

#[test]
fn rows_of_the_outbox_are_written_once() {
    let home = Home::new();
    let log = home.open();
    assert_eq!(log.latest_outbox(), None);
    let rows = |numbers: std::ops::RangeInclusive<u64>| numbers.map(|n| change(1_u32, n)).collect();
    let first = log.append_all_blocking(rows(1..=3)).unwrap();
    assert!(first.iter().all(|row| !row.repeated));
    // Everything after the rows is ordinary traffic; a crash came before the rows were deleted.
    log.append_blocking(refused(1)).unwrap();
    log.close();
    let log = home.open();
    assert_eq!(log.latest_outbox().unwrap().number, 3);
    let again = log.append_all_blocking(rows(2..=5)).unwrap();
    let repeated: Vec<bool> = again.iter().map(|row| row.repeated).collect();
    assert_eq!(repeated, [true, true, false, false]);
    assert_eq!(again[3].seq, 6);

    // Another process drains the same rows and one more; this one then drains all of them again.
    let beside = home.open();
    let other = beside.append_all_blocking(rows(4..=6)).unwrap();
    assert_eq!(other.iter().filter(|row| !row.repeated).count(), 1);
    let mine = log.append_all_blocking(rows(4..=6)).unwrap();
    assert!(mine.iter().all(|row| row.repeated));
    assert_eq!(log.latest_outbox().unwrap().number, 6);

    // A restored catalog numbers from an earlier row, under a new generation: nothing is lost.
    let restored = log.append_blocking(change(2_u32, 4)).unwrap();
    assert!(!restored.repeated);
    assert!(home.verify().is_sound());
}

#[test]
fn the_latest_row_is_found_beyond_a_head_that_lags() {
    let home = Home::with_records(1);
    let old_head = std::fs::read(&home.paths.head).unwrap();
    let log = home.open();
    log.append_blocking(change(1_u32, 9)).unwrap();
    log.append_blocking(refused(1)).unwrap();
    log.close();
    std::fs::write(&home.paths.head, old_head).unwrap();
    assert_eq!(home.open().latest_outbox().unwrap().number, 9);
}

#[test]
fn entries_are_redacted_before_they_are_written() {
    let home = Home::new();
    let log = home.open().redacting(|entry| entry.trace = None);
    let mut entry = refused(0);
    entry.trace = Some("canary-5b1f".to_owned());
    log.append_blocking(entry).unwrap();
    let text = String::from_utf8(home.read()).unwrap();
    assert!(text.contains("reason-0") && !text.contains("canary-5b1f"));
}

#[test]
fn an_entry_larger_than_a_record_is_refused_alone() {
    let home = Home::new();
    let log = home.open();
    let mut entry = refused(0);
    entry.trace = Some("x".repeat(chain::MAX_ENTRY_BYTES));
    let error = log.append_blocking(entry).unwrap_err();
    assert!(matches!(error, AuditError::TooLarge { .. }));
    let mut entry = refused(0);
    entry.trace = Some("x".repeat(chain::MAX_ENTRY_BYTES - 300));
    log.append_blocking(entry).unwrap();
    log.append_blocking(refused(1)).unwrap();
    log.close();
    assert_eq!(home.verify().records, 2);
    assert_eq!(home.open().append_blocking(refused(2)).unwrap().seq, 3);
}
