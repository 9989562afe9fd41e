//! The access table after any number of writes is the table of the final documents, and says of
//! every earlier one what is otherwise now.

use std::collections::BTreeMap;
use std::sync::Arc;

use ambit_indexer::acl::{EffectiveAcl, EffectiveEntry};
use ambit_indexer::catalog::{AccessTable, Change, DocumentFacts, LiveDocument, Selection};
use ambit_indexer::document::{DocumentId, Kind};
use ambit_indexer::guarded::PolicyClass;
use ambit_indexer::label::Labels;
use proptest::prelude::*;

use crate::naive::Entry;
use crate::worlds::{instant, own, principal};

const DOCUMENTS: u8 = 12;
const PRINCIPALS: u8 = 5;

/// What a write does to one document.
#[derive(Clone, Debug)]
enum Edit {
    Gone,
    /// Under a number of its own, so many after the last one.
    Revised(u32, Vec<Entry>, u8),
    /// Under the number that it has, if it has one.
    Kept(Vec<Entry>, u8),
}

fn edits() -> impl Strategy<Value = Vec<(u8, Edit)>> {
    let until = prop_oneof![Just(None), (0_i64..4).prop_map(Some)];
    let entry = (any::<bool>(), 0..PRINCIPALS, until);
    let entry = entry.prop_map(|(grants, who, until)| Entry { grants, who, until });
    // Few policies, so that they are shared, given up and taken again.
    let entries = prop::collection::vec(entry, 0..2);
    let edit = prop_oneof![
        1 => Just(Edit::Gone),
        2 => (prop_oneof![3 => 1_u32..3, 1 => 200_u32..600], entries.clone(), 0_u8..2)
            .prop_map(|(step, entries, kind)| Edit::Revised(step, entries, kind)),
        2 => (entries, 0_u8..2).prop_map(|(entries, kind)| Edit::Kept(entries, kind)),
    ];
    prop::collection::vec((0..DOCUMENTS, edit), 0..5)
}

fn id(document: u8) -> DocumentId {
    DocumentId::new("ops", &format!("{document}")).unwrap()
}

fn live(document: u8, ord: u32, entries: &[Entry], kind: u8) -> LiveDocument {
    let acl = EffectiveAcl {
        entries: own(entries),
        owners: Vec::new(),
        label: Labels::default().highest(),
        stated: true,
    };
    LiveDocument {
        ord,
        policy: Arc::new(PolicyClass {
            acl,
            version: String::new(),
            collection: "ops".to_owned(),
        }),
        facts: DocumentFacts {
            id: id(document),
            kind: [Kind::Runbook, Kind::Incident][usize::from(kind)],
            service: None,
            tags: Box::default(),
            updated: instant(0),
        },
    }
}

/// Documents as they should be, and the changes that make them so.
#[derive(Default)]
struct Documents {
    live: BTreeMap<u8, LiveDocument>,
    highest: u32,
}

impl Documents {
    fn edit(&mut self, edits: &[(u8, Edit)]) -> Vec<Change> {
        let changes = edits.iter().map(|(document, edit)| {
            let known = self.live.get(document).map(|live| live.ord);
            let live = match edit {
                Edit::Gone => None,
                Edit::Kept(entries, kind) => known.map(|ord| live(*document, ord, entries, *kind)),
                Edit::Revised(step, entries, kind) => {
                    self.highest += step;
                    Some(live(*document, self.highest, entries, *kind))
                }
            };
            match &live {
                Some(live) => self.live.insert(*document, live.clone()),
                None => self.live.remove(document),
            };
            Change {
                id: id(*document),
                live,
            }
        });
        changes.collect()
    }
}

/// Whether some live entry of a policy is about a principal.
fn about(who: u8, now: i64) -> impl Fn(&PolicyClass) -> bool {
    move |class| {
        let concerns = |written: &EffectiveEntry| {
            written.entry.principal == principal(who) && written.entry.is_live(instant(now))
        };
        class.acl.entries.iter().any(concerns)
    }
}

type Row = (u32, DocumentFacts, PolicyClass);

/// All that a selection shows, in every way it can be asked.
fn shown(selection: &Selection, highest: u32) -> Vec<Row> {
    let listed: Vec<(u32, DocumentFacts)> = selection
        .iter()
        .map(|(ord, facts)| (ord, facts.clone()))
        .collect();
    let mut rows = Vec::new();
    for ord in (0..=highest + 1).chain([u32::MAX]) {
        let (facts, policy) = (selection.get(ord), selection.policy(ord));
        assert_eq!(facts.is_some(), policy.is_some());
        assert_eq!(facts.is_some(), selection.permits(ord));
        if let Some((facts, policy)) = facts.zip(policy) {
            let policy = PolicyClass {
                acl: policy.acl.clone(),
                version: policy.version.clone(),
                collection: policy.collection.clone(),
            };
            rows.push((ord, facts.clone(), policy));
        }
    }
    let asked = rows.iter().map(|(ord, facts, _)| (*ord, facts.clone()));
    assert_eq!(listed, asked.collect::<Vec<_>>());
    rows
}

/// The ords of which two tables say different things.
fn different(before: &[Row], after: &[Row]) -> Vec<u32> {
    let of = |rows: &[Row], others: &[Row]| {
        let rows = rows.iter().filter(|row| !others.contains(row));
        rows.map(|(ord, ..)| *ord).collect::<Vec<_>>()
    };
    [of(before, after), of(after, before)].concat()
}

/// One table of the history.
struct Kept {
    table: Arc<AccessTable>,
    all: Vec<Row>,
}

fn check(table: &Arc<AccessTable>, documents: &Documents, history: &[Kept]) {
    let fresh = Arc::new(AccessTable::new(documents.live.values().cloned()));
    assert_eq!(table.len(), fresh.len());
    assert_eq!(table.is_empty(), documents.live.is_empty());
    let highest = documents.highest;
    let all = shown(&table.select(|_| true), highest);
    assert_eq!(all, shown(&fresh.select(|_| true), highest));
    assert!(table.touched_since(fresh.version()).is_none());
    for who in 0..PRINCIPALS {
        assert!(table.names(&principal(who)) || !fresh.names(&principal(who)));
        let selected = |now| shown(&table.select(about(who, now)), highest);
        for now in 0..5 {
            assert_eq!(
                selected(now),
                shown(&fresh.select(about(who, now)), highest)
            );
            if now > 0 && table.period(instant(now)) == table.period(instant(now - 1)) {
                assert_eq!(selected(now), selected(now - 1), "one period, one answer");
            }
        }
        for kept in history {
            let earlier = kept.table.select(about(who, 2)).permitted();
            let (selection, touched) = table.reselect(&earlier, about(who, 2)).unwrap();
            assert_eq!(shown(&selection, highest), selected(2));
            assert_eq!(Some(touched), table.touched_since(kept.table.version()));
        }
    }
    for kept in history {
        let touched = table.touched_since(kept.table.version()).unwrap();
        let different = different(&kept.all, &all);
        assert!(different.iter().all(|ord| touched.ords.contains(ord)));
        assert!(
            kept.table.touched_since(table.version()).is_none(),
            "it is later"
        );
        let still = shown(&kept.table.select(|_| true), highest);
        assert_eq!(still, kept.all, "an earlier table stays what it was");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_step_by_step_is_the_table_of_the_last_step(
        first in edits(), writes in prop::collection::vec(edits(), 1..12),
    ) {
        let mut documents = Documents::default();
        documents.edit(&first);
        let mut table = Arc::new(AccessTable::new(documents.live.values().cloned()));
        let mut history = Vec::new();
        for edits in &writes {
            let all = shown(&table.select(|_| true), documents.highest);
            history.push(Kept { table: Arc::clone(&table), all });
            table = Arc::new(table.with(documents.edit(edits)));
            check(&table, &documents, &history);
        }
    }
}

#[test]
fn the_log_reaches_back_256_writes() {
    let mut table = Arc::new(AccessTable::new([]));
    let mut versions = Vec::new();
    for write in 0..600_u32 {
        versions.push(table.version());
        let grants = [Entry {
            grants: true,
            who: (write % 5) as u8,
            until: None,
        }];
        let document = live((write % 7) as u8, write, &grants, 0);
        table = Arc::new(table.with([Change {
            id: document.facts.id.clone(),
            live: Some(document),
        }]));
        for (back, version) in versions.iter().rev().enumerate() {
            let touched = table.touched_since(*version);
            assert_eq!(touched.is_some(), back < 256, "{back} before {write}");
            let newest = touched.map(|touched| touched.ords.contains(&write));
            assert_ne!(newest, Some(false));
        }
    }
    assert_eq!(table.len(), 7);
    assert!(
        table
            .touched_since(table.version())
            .unwrap()
            .ords
            .is_empty()
    );
}

/// A document of a fresh policy, whose one entry ends at an instant of its own.
fn ending(write: u32) -> LiveDocument {
    let entry = Entry {
        grants: true,
        who: 0,
        until: Some(i64::from(write)),
    };
    live(0, write, &[entry], 0)
}

#[test]
fn ends_of_entries_that_are_gone_are_forgotten() {
    let mut table = Arc::new(AccessTable::new([]));
    let mut forgot = 0;
    for write in 0..5000_u32 {
        let document = ending(write);
        let change = Change {
            id: document.facts.id.clone(),
            live: Some(document),
        };
        let next = Arc::new(table.with([change]));
        // What was found by the old ends must not be brought to a table with fewer.
        forgot += u32::from(next.touched_since(table.version()).is_none());
        table = next;
        let end = instant(i64::from(write));
        assert_eq!(table.period(end), Some(end));
    }
    assert_eq!(forgot, 1);
    assert_eq!(table.period(instant(10)), None);
}

#[test]
fn the_log_is_bounded_in_changes_too() {
    let all = |policy: u8| {
        (0..3000_u32).map(move |ord| {
            let entry = Entry {
                grants: true,
                who: policy,
                until: None,
            };
            let mut document = live(0, ord, &[entry], 0);
            document.facts.id = DocumentId::new("ops", &format!("{ord}")).unwrap();
            document
        })
    };
    let first = Arc::new(AccessTable::new(all(0)));
    let change = |live: LiveDocument| Change {
        id: live.facts.id.clone(),
        live: Some(live),
    };
    let second = first.with(all(1).map(change));
    let third = second.with(all(2).map(change));
    assert_eq!(
        third.touched_since(second.version()).unwrap().ords.len(),
        3000
    );
    assert!(third.touched_since(first.version()).is_none());
}
