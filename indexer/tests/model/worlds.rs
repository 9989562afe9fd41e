//! Small worlds, all of them: every ACL of up to three entries and every chain of up to three
//! folders, compared with the naive evaluator.

use std::collections::BTreeSet;

use ambit_indexer::acl::inherit::FolderPolicy;
use ambit_indexer::acl::{
    Access, Decision, EffectiveEntry, Entry, StatedPolicy, decide, effective,
};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::label::{Label, Labels};
use ambit_indexer::principal::{ObjectId, Principal, PrincipalKind, PrincipalSet, TenantId};
use uuid::Uuid;

use crate::naive::{self, EVERYONE, Node};

const NOW: i64 = 1_000;
const FOLDERS: [&str; 3] = ["", "a", "a/b"];

pub(crate) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// The principal that a number stands for: even ones are users, odd ones groups.
pub(crate) fn principal(number: u8) -> Principal {
    if number == EVERYONE {
        return Principal::Everyone;
    }
    let kind = match number % 2 {
        0 => PrincipalKind::User,
        _ => PrincipalKind::Group,
    };
    Principal::Object {
        kind,
        tenant: TenantId::new(Uuid::from_u128(7)),
        object: ObjectId::new(Uuid::from_u128(u128::from(number))),
    }
}

pub(crate) fn caller(numbers: &BTreeSet<u8>) -> PrincipalSet {
    PrincipalSet::complete(numbers.iter().map(|number| principal(*number)))
}

pub(crate) fn entry(entry: &naive::Entry) -> Entry {
    Entry {
        access: if entry.grants {
            Access::Grant
        } else {
            Access::Deny
        },
        principal: principal(entry.who),
        until: entry.until.map(instant),
    }
}

pub(crate) fn own(entries: &[naive::Entry]) -> Vec<EffectiveEntry> {
    let own = |written| EffectiveEntry {
        entry: entry(written),
        folder: None,
    };
    entries.iter().map(own).collect()
}

/// All callers that can be made of two principals.
fn callers() -> Vec<BTreeSet<u8>> {
    [&[][..], &[0], &[1], &[0, 1]]
        .map(|numbers| numbers.iter().copied().collect())
        .to_vec()
}

fn entries() -> Vec<naive::Entry> {
    let mut entries = Vec::new();
    for grants in [true, false] {
        for who in [0, 1, EVERYONE] {
            for until in [None, Some(NOW - 1), Some(NOW), Some(NOW + 1)] {
                entries.push(naive::Entry { grants, who, until });
            }
        }
    }
    entries
}

/// All lists of exactly `length` of the items.
fn lists<T: Clone>(items: &[T], length: usize) -> Vec<Vec<T>> {
    let mut lists = vec![Vec::new()];
    for _ in 0..length {
        lists = lists
            .iter()
            .flat_map(|list| {
                items.iter().map(move |item| {
                    let mut longer = list.clone();
                    longer.push(item.clone());
                    longer
                })
            })
            .collect();
    }
    lists
}

#[test]
fn every_small_acl_is_decided_as_the_contract_says() {
    let callers: Vec<_> = callers().into_iter().map(|c| (caller(&c), c)).collect();
    let mut decided = 0;
    for length in 0..=3 {
        for acl in lists(&entries(), length) {
            let effective = own(&acl);
            for (set, numbers) in &callers {
                let verdict = decide(&effective, set, instant(NOW));
                let allowed = naive::allows(&acl, numbers, NOW);
                let expected = if allowed {
                    Decision::Allow
                } else {
                    Decision::Deny
                };
                assert_eq!(verdict.decision, expected, "{acl:?} for {numbers:?}");
                let first = naive::deciding(&acl, numbers, NOW);
                assert_eq!(verdict.entry, first, "{acl:?} for {numbers:?}");
                decided += 1;
            }
        }
    }
    assert_eq!(decided, 4 * (1 + 24 + 24 * 24 + 24 * 24 * 24));
}

/// The labels of the tests, by rank.
fn ranks() -> (Labels, Vec<Label>) {
    let labels = Labels::default();
    let ranks = labels.names().iter().map(|name| labels.get(name).unwrap());
    let ranks = ranks.collect();
    (labels, ranks)
}

fn stated(node: &Node, ranks: &[Label]) -> StatedPolicy {
    StatedPolicy {
        acl: node.acl.as_ref().map(|acl| acl.iter().map(entry).collect()),
        owners: node.owners.iter().map(|owner| principal(*owner)).collect(),
        label: node.label.map(|rank| ranks[rank]),
    }
}

/// Compares one chain (folders, then the document) with the naive evaluator.
fn check_chain(chain: &[Node], labels: &Labels, ranks: &[Label]) {
    let (document, folders) = chain.split_last().unwrap();
    let policies: Vec<StatedPolicy> = folders.iter().map(|node| stated(node, ranks)).collect();
    let above: Vec<FolderPolicy<'_>> = policies
        .iter()
        .zip(FOLDERS)
        .map(|(policy, path)| FolderPolicy { path, policy })
        .collect();
    let found = effective(&above, &stated(document, ranks), labels.unlabelled());
    let expected = naive::reach(folders, document, 1);
    let entries: Vec<EffectiveEntry> = expected
        .entries
        .iter()
        .map(|(folder, written)| EffectiveEntry {
            entry: entry(written),
            folder: folder.map(|number| FOLDERS[number].to_owned()),
        })
        .collect();
    assert_eq!(found.entries, entries, "{chain:?}");
    let owners: BTreeSet<Principal> = expected.owners.iter().copied().map(principal).collect();
    assert_eq!(found.owners, Vec::from_iter(owners), "{chain:?}");
    assert_eq!(found.label, ranks[expected.label], "{chain:?}");
    assert_eq!(found.stated, expected.stated, "{chain:?}");
    let flat: Vec<naive::Entry> = expected.entries.iter().map(|(_, entry)| *entry).collect();
    for numbers in callers() {
        let verdict = decide(&found.entries, &caller(&numbers), instant(NOW));
        let allowed = naive::allows(&flat, &numbers, NOW);
        assert_eq!(verdict.decision == Decision::Allow, allowed, "{chain:?}");
        if !found.stated {
            assert_eq!(
                verdict.decision,
                Decision::Deny,
                "nothing stated, no access"
            );
        }
    }
}

fn check_chains(nodes: &[Node]) {
    let (labels, ranks) = ranks();
    for folders in 0..=3 {
        for chain in lists(nodes, folders + 1) {
            check_chain(&chain, &labels, &ranks);
        }
    }
}

fn acl(entries: &[(bool, u8)]) -> Option<Vec<naive::Entry>> {
    let entry = |(grants, who): &(bool, u8)| naive::Entry {
        grants: *grants,
        who: *who,
        until: None,
    };
    Some(entries.iter().map(entry).collect())
}

#[test]
fn every_chain_of_acls_is_inherited_as_the_contract_says() {
    let acls = [
        None,
        acl(&[]),
        acl(&[(true, 0)]),
        acl(&[(false, 1)]),
        acl(&[(false, 0), (true, 1)]),
        acl(&[(true, EVERYONE)]),
        acl(&[(false, EVERYONE), (true, 0)]),
    ];
    let node = |acl: Option<Vec<naive::Entry>>| Node {
        acl,
        ..Node::default()
    };
    check_chains(&acls.map(node));
}

#[test]
fn every_chain_of_owners_and_labels_adds_up() {
    let mut nodes = Vec::new();
    for owners in [&[][..], &[0], &[1, 0]] {
        for label in [None, Some(0), Some(1), Some(3)] {
            nodes.push(Node {
                acl: None,
                owners: owners.to_vec(),
                label,
            });
        }
    }
    check_chains(&nodes);
}

#[test]
fn acls_owners_and_labels_do_not_touch_each_other() {
    let mut nodes = Vec::new();
    for acl in [None, acl(&[(true, 0), (false, 1)])] {
        for owners in [&[][..], &[0]] {
            for label in [None, Some(2)] {
                nodes.push(Node {
                    acl: acl.clone(),
                    owners: owners.to_vec(),
                    label,
                });
            }
        }
    }
    check_chains(&nodes);
}

#[test]
fn until_ends_at_the_instant_itself_whatever_the_resolution() {
    let until = Timestamp::from_microsecond(5).unwrap();
    let mut written = entry(&naive::Entry {
        grants: true,
        who: 0,
        until: None,
    });
    written.until = Some(until);
    let live = |microseconds| written.is_live(Timestamp::from_microsecond(microseconds).unwrap());
    assert!(live(4));
    assert!(!live(5));
    assert!(!live(6));
}
