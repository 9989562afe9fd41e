//! One engine while the world changes: each answer is that of the snapshot it was asked with,
//! whatever the engine remembers of earlier and later ones.

use std::sync::Arc;

use ambit::search::{Engine, Filters, Limits, Ranking, WeightedQuery};
use ambit_indexer::acl::Access::{Deny, Grant};
use ambit_indexer::catalog::{Change, LiveDocument};
use ambit_indexer::document::DocumentId;
use ambit_indexer::store::Snapshot;

use crate::world::{
    Question, World, at, caller, entry, live, page, paths, policy, query, readable_by, seen,
};

const MANY: Limits = Limits {
    top_k: 1000,
    per_document: 3,
};

fn tango() -> WeightedQuery {
    query(&[("tango", 1.0), ("lima", 0.5)])
}

/// Asks about any snapshot; gives the paths that were found, sorted.
pub(crate) fn ask(engine: &Engine, snapshot: &Snapshot, groups: &[&str], now: i64) -> Vec<String> {
    let ranking = ask_with(engine, snapshot, groups, now, &Filters::default());
    let mut found: Vec<String> = paths(&ranking).into_iter().map(str::to_owned).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Asks about any snapshot.
pub(crate) fn ask_with(
    engine: &Engine,
    snapshot: &Snapshot,
    groups: &[&str],
    now: i64,
    filters: &Filters,
) -> Ranking {
    let question = Question {
        caller: &caller(groups, now),
        query: &tango(),
        filters,
        limits: MANY,
    };
    question.ask(engine, snapshot)
}

/// A filter that admits everything.
pub(crate) fn lenient() -> Filters {
    Filters {
        updated_since: Some(at(-1)),
        ..Filters::default()
    }
}

fn text(ord: u32) -> String {
    "tango ".repeat(ord as usize % 4 + 1) + &"lima ".repeat(ord as usize % 3)
}

/// Documents `d<ord>` for one group.
pub(crate) fn pages(ords: std::ops::Range<u32>, reader: &str) -> Vec<(LiveDocument, Vec<String>)> {
    let page = |ord| page(ord, &format!("d{ord}"), reader, [text(ord), text(ord + 1)]);
    ords.map(page).collect()
}

fn gone(ord: u32) -> Change {
    Change {
        id: DocumentId::new("ops", &format!("d{ord}")).unwrap(),
        live: None,
    }
}

#[test]
fn a_change_of_what_is_forbidden_changes_no_answer() {
    let mut world = World::new();
    world.segment(pages(0..40, "a").into_iter().chain(pages(100..160, "b")));
    let both = |world: &World| {
        let filters = [Filters::default(), lenient()];
        filters.map(|filters| {
            seen(&ask_with(
                &world.engine,
                &world.snapshot(),
                &["a"],
                0,
                &filters,
            ))
        })
    };
    let expected = both(&world);
    let fresh = Engine::new(1 << 20);
    for step in 0..24_u32 {
        match step % 6 {
            0 => world.segment(pages(1000 + step * 10..1010 + step * 10, "b")),
            1 => world.remove(&[&format!("d{}", 100 + step), &format!("d{}", 130 + step)]),
            2 => world.put(live(
                102,
                "d102",
                &readable_by(["b", "c"][step as usize % 2]),
            )),
            // Staged: in the index, in no table.
            3 => world.add(5000 + step, [text(step)]),
            4 => world.commit(),
            _ => world.merge(),
        }
        assert_eq!(both(&world), expected, "step {step}");
        let anew = ask_with(&fresh, &world.snapshot(), &["a"], 0, &Filters::default());
        assert_eq!(seen(&anew), expected[0]);
    }
}

/// Every order of asking about four states: readable, revoked, deleted, readable again.
#[test]
fn each_snapshot_is_answered_as_of_itself() {
    let mut world = World::new();
    world.segment(pages(0..20, "a"));
    let mut states = vec![(world.snapshot(), true)];
    world.put(live(3, "d3", &readable_by("b")));
    states.push((world.snapshot(), false));
    world.remove(&["d3"]);
    states.push((world.snapshot(), false));
    let mut again = page(77, "d3", "a", [text(3), text(4)]);
    again.0.facts.updated = at(9);
    world.segment([again]);
    states.push((world.snapshot(), true));
    for order in 0..256 {
        let engine = Engine::new(1 << 20);
        for place in 0..4 {
            let (snapshot, readable) = &states[order >> (2 * place) & 3];
            let found = ask(&engine, snapshot, &["a"], 0);
            assert_eq!(found.contains(&"d3".to_owned()), *readable, "{order}");
            assert_eq!(found.len(), 19 + usize::from(*readable));
            ask_with(&engine, snapshot, &["a"], 0, &lenient());
        }
    }
}

/// Entries count before their end and not at it; requests begin in any order.
#[test]
fn entries_end_at_their_instant_whoever_asked_before() {
    let mut world = World::new();
    let with = |entries| policy("ops", "general", entries);
    let policies = [
        with(vec![entry(Grant, "a", Some(10))]),
        with(vec![entry(Grant, "a", None), entry(Deny, "a", Some(20))]),
        with(vec![
            entry(Grant, "a", Some(20)),
            entry(Deny, "a", Some(10)),
        ]),
        with(vec![entry(Grant, "a", None)]),
    ];
    let pages = policies
        .iter()
        .zip(0..)
        .map(|(policy, ord)| (live(ord, &format!("d{ord}"), policy), vec![text(ord)]));
    world.segment(pages);
    let expected = |now: i64| {
        let readable = [now < 10, now >= 20, (10..20).contains(&now), true];
        let readable = readable
            .into_iter()
            .zip(0..)
            .filter(|(readable, _)| *readable);
        readable
            .map(|(_, ord)| format!("d{ord}"))
            .collect::<Vec<_>>()
    };
    let instants = [
        9, 10, 9, 10, 11, 10, 9, 20, 19, 20, 21, 19, 9, 21, 10, 0, 30, 9, 19, 18, 19,
    ];
    let snapshot = world.snapshot();
    for now in instants {
        assert_eq!(
            ask(&world.engine, &snapshot, &["a"], now),
            expected(now),
            "{now}"
        );
        let filtered = ask_with(&world.engine, &snapshot, &["a"], now, &lenient());
        assert_eq!(filtered.chunks.len(), expected(now).len());
    }
    // Entries that come later, and end just before, at, or just after the instant.
    world.add(9, [text(9)]);
    world.commit();
    for (now, step) in instants.into_iter().zip(0..) {
        let ends = with(vec![entry(Grant, "a", Some(now + step % 3 - 1))]);
        world.put(live(9, "d9", &ends));
        let mut wanted = expected(now);
        assert_eq!(ask(&world.engine, &snapshot, &["a"], now), wanted, "{now}");
        wanted.extend((step % 3 == 2).then(|| "d9".to_owned()));
        let found = ask(&world.engine, &world.snapshot(), &["a"], now);
        assert_eq!(found, wanted, "{now}");
    }
}

/// The table's log reaches so far back and no further. What is lost first is that a document came
/// under a policy of its own.
#[test]
fn more_writes_than_are_logged_between_two_questions() {
    let mut world = World::new();
    world.segment(pages(0..50, "a"));
    for writes in [1, 255, 256, 257, 300] {
        for reader in ["b", "a"] {
            let before = ask(&world.engine, &world.snapshot(), &["a"], 0);
            let nobody = entry(Deny, &format!("nobody{writes}"), None);
            let own = policy("ops", "general", vec![entry(Grant, reader, None), nobody]);
            world.put(live(7, "d7", &own));
            for write in 1..writes {
                world.put(live(49, "d49", &readable_by(["c", "b"][write % 2])));
            }
            let found = ask(&world.engine, &world.snapshot(), &["a"], 0);
            assert_ne!(found, before);
            assert_eq!(found.contains(&"d7".to_owned()), reader == "a", "{writes}");
        }
    }
}

/// The index forgets before the table does, while a view is remembered.
#[test]
fn chunks_that_the_index_deletes_under_one_table() {
    let mut world = World::new();
    world.segment(pages(0..50, "a"));
    for ord in 10..20 {
        world.delete(ord);
        world.commit();
        let found = ask(&world.engine, &world.snapshot(), &["a"], 0);
        assert!(!found.contains(&format!("d{ord}")));
    }
}

/// The number of a policy that no document has any more is given to the next new one.
#[test]
fn a_number_that_stands_for_another_policy() {
    for together in [false, true] {
        let mut world = World::new();
        world.segment(
            pages(0..3, "a")
                .into_iter()
                .chain(pages(3..6, "b"))
                .chain(pages(6..7, "x")),
        );
        let first = world.snapshot();
        let mut readers = ["a", "b"];
        for step in 0..6 {
            for groups in [["a"], ["b"], ["x"]] {
                ask(&world.engine, &world.snapshot(), &groups, 0);
            }
            readers.reverse();
            // All documents leave their policy, and another one of the same number comes.
            let away = (0..6).map(gone);
            let back = (0..6u32).map(|ord| {
                let reader = readers[ord as usize / 3];
                let deny = entry(Deny, &format!("nobody{step}"), None);
                let policy = policy("ops", "general", vec![entry(Grant, reader, None), deny]);
                let live = live(ord, &format!("d{ord}"), &policy);
                Change {
                    id: live.facts.id.clone(),
                    live: Some(live),
                }
            });
            if together {
                world.publish(away.chain(back).collect());
            } else {
                world.publish(away.collect());
                world.publish(back.collect());
            }
            let low = ask(&world.engine, &world.snapshot(), &[readers[0]], 0);
            assert_eq!(low, ["d0", "d1", "d2"]);
            assert_eq!(ask(&world.engine, &world.snapshot(), &["x"], 0), ["d6"]);
            assert_eq!(ask(&world.engine, &first, &["a"], 0), ["d0", "d1", "d2"]);
        }
    }
}

/// Who is in a group that no entry names shares a view with those who are not, until one does.
#[test]
fn a_group_that_is_named_later() {
    let mut world = World::new();
    world.segment(pages(0..4, "a"));
    let before = world.snapshot();
    let check = |snapshot: &Snapshot, with: usize, without: usize| {
        assert_eq!(ask(&world.engine, snapshot, &["a", "late"], 0).len(), with);
        assert_eq!(ask(&world.engine, snapshot, &["a"], 0).len(), without);
        assert_eq!(
            ask(&world.engine, snapshot, &["a", "late", "later"], 0).len(),
            with
        );
    };
    check(&before, 4, 4);
    let denies = policy(
        "ops",
        "general",
        vec![entry(Grant, "a", None), entry(Deny, "late", None)],
    );
    let table = Arc::new(before.table.with([Change {
        live: Some(live(0, "d0", &denies)),
        ..gone(0)
    }]));
    let denied = Snapshot {
        table,
        ..before.clone()
    };
    check(&denied, 3, 4);
    check(&before, 4, 4);
    let table = Arc::new(denied.table.with([Change {
        live: Some(live(1, "d1", &readable_by("late"))),
        ..gone(1)
    }]));
    let granted = Snapshot {
        table,
        ..before.clone()
    };
    for _ in 0..2 {
        check(&granted, 3, 3);
        check(&denied, 3, 4);
        check(&before, 4, 4);
    }
}

/// More callers than any cache of theirs holds.
#[test]
fn a_small_cache_forgets_and_does_not_mix_up() {
    const GROUPS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    for bytes in [0, 1, 3000, 20_000] {
        let engine = Engine::new(bytes);
        let mut world = World::new();
        for round in 0..3 {
            let pages = GROUPS
                .iter()
                .zip(round * 60..)
                .flat_map(|(group, ord)| pages(ord * 10..ord * 10 + 5, group));
            world.segment(pages.collect::<Vec<_>>());
            for step in 0..128 {
                // Every caller, in an order that jumps about.
                let members = step * 37 % 64;
                let groups: Vec<&str> = GROUPS
                    .into_iter()
                    .zip(0..)
                    .filter(|(_, bit)| members >> bit & 1 == 1)
                    .map(|(group, _)| group)
                    .collect();
                let found = ask(&engine, &world.snapshot(), &groups, 0);
                assert_eq!(found.len(), groups.len() * 5 * (round as usize + 1));
            }
        }
    }
}
