//! Faults of every sort, each found at its line; see leak-catalogue U4.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::chain::Tip;
use super::super::entry::tests::entries;
use super::super::tests::{Home, refused};
use super::super::{AuditKey, Event, Head};
use super::*;

/// Entries of a log, at least so many. Random numbers of outbox rows would count as repeated.
fn logs(least: usize) -> impl Strategy<Value = Vec<Entry>> {
    let entry = entries().prop_map(|mut entry| {
        if let Event::Change { outbox, .. } = &mut entry.event {
            *outbox = None;
        }
        entry
    });
    vec(entry, least..8)
}

/// A closed log with these entries.
fn log_of(entries: &[Entry]) -> Home {
    let home = Home::new();
    let log = home.open();
    log.append_all_blocking(entries.to_vec()).unwrap();
    log.close();
    home
}

fn lines(home: &Home) -> Vec<Vec<u8>> {
    let bytes = home.read();
    bytes
        .split_inclusive(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// The line of the first problem, after writing these lines.
fn first_fault(home: &Home, lines: &[Vec<u8>]) -> (u64, Fault) {
    home.write(&lines.concat());
    let report = home.verify();
    assert!(!report.is_sound(), "no problem found: {report:?}");
    let first = report.problems[0].clone();
    let before: usize = lines
        .iter()
        .take(first.line as usize - 1)
        .map(Vec::len)
        .sum();
    assert_eq!(first.offset, before as u64, "{report:?}");
    (first.line, first.what)
}

/// Writes the entries as a chain of their own, as somebody without the key can.
fn rechained(entries: &[Entry]) -> Vec<Vec<u8>> {
    let mut tip = Tip::genesis();
    let write = |entry| {
        let mut line = Vec::new();
        tip.extend(&serde_json::to_string(entry).unwrap(), &mut line);
        line
    };
    entries.iter().map(write).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_bit_is_found_at_its_line(
        entries in logs(1), position: Index, bit in 0..8_u32,
    ) {
        let home = log_of(&entries);
        let mut bytes = home.read();
        let position = position.index(bytes.len());
        let line = bytes[..position].iter().filter(|&&b| b == b'\n').count() as u64 + 1;
        bytes[position] ^= 1 << bit;
        home.write(&bytes);
        let report = home.verify();
        prop_assert!(!report.is_sound());
        prop_assert_eq!(report.problems[0].line, line, "{:?}", report);
        prop_assert!(report.problems.len() <= 2, "one fault, few problems: {:?}", report);
    }

    #[test]
    fn a_deleted_line_is_found(entries in logs(1), position: Index) {
        let home = log_of(&entries);
        let mut lines = lines(&home);
        let position = position.index(lines.len());
        lines.remove(position);
        let seq = position as u64 + 1;
        let expected = if position == lines.len() {
            Fault::Truncated { first: seq, last: seq }
        } else {
            Fault::Missing { first: seq, last: seq }
        };
        prop_assert_eq!(first_fault(&home, &lines), (seq, expected));
        prop_assert_eq!(home.verify().problems.len(), 1);
    }

    #[test]
    fn a_duplicated_line_is_found(
        entries in logs(1), from: Index, to: Index,
    ) {
        let home = log_of(&entries);
        let mut lines = lines(&home);
        let from = from.index(lines.len());
        // Anywhere after the original, which is where a copy can be told from it.
        let to = from + 1 + to.index(lines.len() - from);
        lines.insert(to, lines[from].clone());
        prop_assert_eq!(first_fault(&home, &lines), (to as u64 + 1, Fault::Duplicate));
        prop_assert_eq!(home.verify().problems.len(), 1);
    }

    #[test]
    fn swapped_lines_are_found(entries in logs(2), a: Index, b: Index) {
        let home = log_of(&entries);
        let mut lines = lines(&home);
        let (a, b) = (a.index(lines.len()), b.index(lines.len()));
        prop_assume!(a != b);
        lines.swap(a, b);
        let (line, what) = first_fault(&home, &lines);
        prop_assert_eq!(line, a.min(b) as u64 + 1);
        if a.abs_diff(b) == 1 {
            prop_assert_eq!(what, Fault::OutOfOrder);
            prop_assert_eq!(home.verify().problems.len(), 1);
        }
    }

    #[test]
    fn an_inserted_line_is_found(
        entries in logs(1), position: Index, junk in vec(any::<u8>(), 0..40),
    ) {
        let home = log_of(&entries);
        let mut lines = lines(&home);
        // Before the end: after it, one line that is no record is a torn write.
        let position = position.index(lines.len());
        let mut junk: Vec<u8> = junk.into_iter().filter(|&b| b != b'\n').collect();
        junk.push(b'\n');
        lines.insert(position, junk);
        let expected = (position as u64 + 1, Fault::Malformed);
        prop_assert_eq!(first_fault(&home, &lines), expected);
        prop_assert_eq!(home.verify().problems.len(), 1);
    }

    #[test]
    fn a_rewritten_tail_is_found_against_the_head(
        entries in logs(1), from: Index,
    ) {
        let home = log_of(&entries);
        let mut forged = entries.clone();
        let from = from.index(forged.len());
        forged[from].trace = Some("forged".to_owned());
        let lines = rechained(&forged);
        let last = entries.len() as u64;
        prop_assert_eq!(first_fault(&home, &lines), (last, Fault::HeadMismatch));
    }

    #[test]
    fn a_cut_is_found_unless_it_was_never_acknowledged(
        entries in logs(2), anchored: Index, cut: Index,
    ) {
        // The head names `anchored` records; the rest was written and never acknowledged.
        let anchored = 1 + anchored.index(entries.len() - 1);
        let home = log_of(&entries[..anchored]);
        let kept = home.read().len();
        let whole = rechained(&entries).concat();
        let cut = cut.index(whole.len() + 1);
        home.write(&whole[..cut]);
        let report = home.verify();
        let torn = whole[..cut].iter().rev().take_while(|&&b| b != b'\n').count() as u64;
        prop_assert_eq!(report.incomplete_tail.unwrap_or(0), torn);
        let lines = whole[..cut].iter().filter(|&&b| b == b'\n').count() as u64;
        if cut >= kept {
            prop_assert!(report.is_sound(), "{report:?}");
            prop_assert_eq!(report.unanchored, lines - anchored as u64);
        } else {
            let what = Fault::Truncated { first: lines + 1, last: anchored as u64 };
            let [problem] = &report.problems[..] else { panic!("{report:?}") };
            prop_assert_eq!(problem.line, lines + 1);
            prop_assert_eq!(&problem.what, &what);
        }
    }
}

#[test]
fn a_record_has_one_spelling() {
    let home = Home::with_records(3);
    let lines = lines(&home);
    let second = String::from_utf8(lines[1].clone()).unwrap();
    let hash = second.split('"').nth(9).unwrap();
    for (from, to) in [
        ("\"seq\":2", "\"seq\":02"),
        ("\"seq\":2", "\"seq\":+2"),
        ("\"seq\":2", "\"seq\": 2"),
        (hash, hash.to_uppercase().as_str()),
        ("}\n", "} \n"),
        ("}\n", "}\r\n"),
    ] {
        let mut respelt = lines.clone();
        respelt[1] = second.replacen(from, to, 1).into_bytes();
        assert_ne!(respelt, lines);
        let (line, what) = first_fault(&home, &respelt);
        assert!(line == 2 && matches!(what, Fault::Malformed), "{what:?}");
    }
}

#[test]
fn a_record_rehashed_in_place_is_found_where_the_chain_breaks() {
    let entries: Vec<Entry> = (0..5).map(refused).collect();
    let home = log_of(&entries);
    let mut forged = entries.clone();
    forged[2].trace = Some("forged".to_owned());
    let mut lines = lines(&home);
    lines[2].clone_from(&rechained(&forged)[2]);
    assert_eq!(first_fault(&home, &lines), (4, Fault::Unchained));
    assert_eq!(home.verify().problems.len(), 1);
}

#[test]
fn a_stranger_with_a_high_number_does_not_hide_the_rest() {
    let entries: Vec<Entry> = (0..30).map(refused).collect();
    let home = log_of(&entries);
    let mut tip = Tip::genesis();
    tip.seq = 1_000_000;
    let mut stranger = Vec::new();
    tip.extend("{}", &mut stranger);
    let mut lines = lines(&home);
    lines.insert(3, stranger);
    // A second fault, far behind the first.
    lines[25] = b"gone\n".to_vec();
    assert_eq!(first_fault(&home, &lines).0, 4);
    let report = home.verify();
    assert_eq!(report.problems.last().unwrap().line, 26, "{report:?}");
    assert!(report.problems.len() <= 4, "{report:?}");
}

#[test]
fn a_log_of_something_else_does_not_fill_the_memory() {
    let home = log_of(&[refused(0)]);
    home.write(&b"\n".repeat(5000));
    let report = home.verify();
    assert_eq!(report.problems.len(), 1000);
    assert!(report.more_problems >= 3999);
}

#[test]
fn log_and_head_put_back_together_are_found_against_a_kept_head() {
    let home = Home::with_records(3);
    let old = (home.read(), std::fs::read(&home.paths.head).unwrap());
    let log = home.open();
    log.append_blocking(refused(3)).unwrap();
    log.close();
    let key = AuditKey::load(&home.paths.key).unwrap().public();
    let kept = Head::load(&home.paths.head, &key).unwrap().unwrap();
    home.write(&old.0);
    std::fs::write(&home.paths.head, &old.1).unwrap();
    assert!(home.verify().is_sound());
    let report = verify_against(&home.paths, &key, &[kept]).unwrap();
    assert_eq!(
        report.problems[0].what,
        Fault::Truncated { first: 4, last: 4 }
    );
}

#[test]
fn a_log_that_was_never_begun_is_sound() {
    let home = Home::new();
    let key = AuditKey::create(&home.paths.key).unwrap().public();
    assert_eq!(verify(&home.paths, &key).unwrap(), Report::default());
    assert_eq!(tail(&home.paths, 5).unwrap(), []);
}
