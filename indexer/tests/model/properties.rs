//! Laws that hold for every ACL and every caller.

use std::collections::BTreeSet;

use ambit_indexer::acl::{Decision, decide};
use proptest::prelude::*;

use crate::naive::{self, EVERYONE, Entry};
use crate::worlds::{caller, entry, instant, own, principal};

const NOW: i64 = 1_000;

fn entries(denies: bool) -> impl Strategy<Value = Vec<Entry>> {
    let who = prop_oneof![9 => 0_u8..6, 1 => Just(EVERYONE)];
    let until = prop_oneof![Just(None), (NOW - 2..NOW + 3).prop_map(Some)];
    let grants = if denies {
        prop::bool::ANY.boxed()
    } else {
        Just(true).boxed()
    };
    let entry = (grants, who, until).prop_map(|(grants, who, until)| Entry { grants, who, until });
    prop::collection::vec(entry, 0..8)
}

fn people() -> impl Strategy<Value = BTreeSet<u8>> {
    prop::collection::btree_set(0_u8..6, 0..5)
}

fn allowed(acl: &[Entry], who: &BTreeSet<u8>) -> bool {
    decide(&own(acl), &caller(who), instant(NOW)).decision == Decision::Allow
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_decision_is_the_naive_one(acl in entries(true), who in people()) {
        prop_assert_eq!(allowed(&acl, &who), naive::allows(&acl, &who, NOW));
    }

    #[test]
    fn without_denies_visibility_is_the_union_over_groups(acl in entries(false), who in people()) {
        let nobody = allowed(&acl, &BTreeSet::new());
        let apart = who.iter().any(|one| allowed(&acl, &BTreeSet::from([*one])));
        prop_assert_eq!(allowed(&acl, &who), nobody || apart);
    }

    #[test]
    fn without_denies_more_groups_never_see_less(
        acl in entries(false), who in people(), more in people(),
    ) {
        let all: BTreeSet<u8> = who.union(&more).copied().collect();
        prop_assert!(allowed(&acl, &all) || !allowed(&acl, &who));
    }

    #[test]
    fn a_deny_never_adds_a_reader(
        acl in entries(true), extra in entries(true), who in people(), at in 0_usize..9,
    ) {
        let denies = extra.into_iter().map(|entry| Entry { grants: false, ..entry });
        let mut longer = acl.clone();
        for deny in denies {
            longer.insert(at.min(longer.len()), deny);
        }
        prop_assert!(allowed(&acl, &who) || !allowed(&longer, &who));
    }

    #[test]
    fn a_grant_never_takes_a_reader_away(acl in entries(true), extra in entries(false), who in people()) {
        let longer: Vec<Entry> = acl.iter().chain(&extra).copied().collect();
        prop_assert!(allowed(&longer, &who) || !allowed(&acl, &who));
    }

    #[test]
    fn the_order_of_entries_does_not_matter(
        (acl, shuffled) in entries(true)
            .prop_flat_map(|acl| (Just(acl.clone()), Just(acl).prop_shuffle())),
        who in people(),
    ) {
        prop_assert_eq!(allowed(&acl, &who), allowed(&shuffled, &who));
    }

    #[test]
    fn stating_an_entry_twice_changes_nothing(acl in entries(true), who in people()) {
        let twice: Vec<Entry> = acl.iter().chain(&acl).copied().collect();
        prop_assert_eq!(allowed(&acl, &who), allowed(&twice, &who));
    }

    #[test]
    fn renaming_everybody_consistently_changes_nothing(
        acl in entries(true),
        who in people(),
        names in Just((0_u8..6).collect::<Vec<u8>>()).prop_shuffle(),
        shift in 0_u8..4,
    ) {
        // A bijection, onto numbers that may lie outside the old ones.
        let rename = |number: u8| match number {
            EVERYONE => EVERYONE,
            number => names[usize::from(number)] + 6 * shift,
        };
        let renamed: Vec<Entry> = acl
            .iter()
            .map(|entry| Entry { who: rename(entry.who), ..*entry })
            .collect();
        let renamed_who = who.iter().map(|one| rename(*one)).collect();
        prop_assert_eq!(allowed(&acl, &who), allowed(&renamed, &renamed_who));
    }

    #[test]
    fn time_only_ends_entries(acl in entries(true), who in people(), later in 0_i64..4) {
        // What counts later is what counted before, less what has ended.
        let live = |at| {
            let instants = acl.iter().map(entry).filter(|e| e.is_live(instant(at)));
            instants.collect::<Vec<_>>()
        };
        let (before, after) = (live(NOW), live(NOW + later));
        prop_assert!(after.iter().all(|entry| before.contains(entry)));
        let left: Vec<Entry> = acl
            .iter()
            .filter(|entry| entry.until.is_none_or(|until| NOW + later < until))
            .map(|entry| Entry { until: None, ..*entry })
            .collect();
        let now = decide(&own(&acl), &caller(&who), instant(NOW + later)).decision;
        prop_assert_eq!(now == Decision::Allow, allowed(&left, &who));
    }

    #[test]
    fn a_set_holds_what_it_was_given_and_everyone(who in people(), other in 0_u8..8) {
        let set = caller(&who);
        prop_assert!(set.contains(&principal(EVERYONE)));
        prop_assert_eq!(set.contains(&principal(other)), who.contains(&other));
        prop_assert_eq!(set.iter().count(), who.len() + 1);
        let twice: Vec<_> = set.iter().chain(set.iter()).copied().collect();
        prop_assert_eq!(ambit_indexer::principal::PrincipalSet::complete(twice), set);
    }
}

#[test]
fn the_same_guid_in_another_tenant_is_somebody_else() {
    use ambit_indexer::principal::{Principal, PrincipalSet, TenantId};
    let Principal::Object { kind, object, .. } = principal(0) else {
        unreachable!("number 0 is an object");
    };
    let foreign = Principal::Object {
        kind,
        tenant: TenantId::new(uuid::Uuid::from_u128(8)),
        object,
    };
    let grant = [Entry {
        grants: true,
        who: 0,
        until: None,
    }];
    let foreigner = PrincipalSet::complete([foreign]);
    let verdict = decide(&own(&grant), &foreigner, instant(NOW));
    assert_eq!(verdict.decision, Decision::Deny);
}
