//! The access scope: reasons, their order, and that it is an intersection.

use ambit_indexer::acl::Access::{Deny, Grant};
use ambit_indexer::acl::{Access, EffectiveAcl, EffectiveEntry, Entry};
use proptest::prelude::*;

use super::super::Refusal::{AboveCeiling, DenyEntry, NoGrant, NotStated, OutsideCollections};
use super::super::ScopeVerdict::{Permitted, Refused};
use super::*;

fn principal(name: &str) -> Principal {
    let (kind, name) = name.split_once(':').unwrap_or(("everyone", ""));
    let kind = match kind {
        "user" => PrincipalKind::User,
        "group" => PrincipalKind::Group,
        "app" => PrincipalKind::Application,
        _ => return Principal::Everyone,
    };
    Principal::Object {
        kind,
        tenant: DEVELOPMENT_TENANT,
        object: ObjectId::from_name(kind, name),
    }
}

fn acl(label: &str, entries: &[(Access, &str)]) -> EffectiveAcl {
    let entry = |(access, name): &(Access, &str)| EffectiveEntry {
        entry: Entry {
            access: *access,
            principal: principal(name),
            until: None,
        },
        folder: None,
    };
    EffectiveAcl {
        entries: entries.iter().map(entry).collect(),
        owners: Vec::new(),
        label: Labels::default().get(label).unwrap_or(Label::UNKNOWN),
        stated: true,
    }
}

/// Alice in `sre`, through an agent for `runbooks` up to `general`.
fn alice() -> AccessScope {
    let principals = PrincipalSet::complete([principal("user:alice"), principal("group:sre")]);
    AccessScope::new(principals, &registration("copilot"), now())
}

const GRANT: &[(Access, &str)] = &[(Grant, "group:dba"), (Grant, "group:sre")];
const DENY: &[(Access, &str)] = &[(Grant, "user:alice"), (Deny, "group:sre")];

/// Label, entries, collection.
type Row = (
    &'static str,
    &'static [(Access, &'static str)],
    &'static str,
    ScopeVerdict,
);

#[rustfmt::skip]
const VERDICTS: [Row; 13] = [
    ("general",      GRANT,                     "runbooks",  Permitted { entry: 1 }),
    ("public",       &[(Grant, "everyone")],    "runbooks",  Permitted { entry: 0 }),
    ("general",      &[],                       "runbooks",  Refused(NoGrant)),
    ("general",      &[(Grant, "user:bob")],    "runbooks",  Refused(NoGrant)),
    ("general",      &[(Grant, "group:alice")], "runbooks",  Refused(NoGrant)),
    // A6: a grant to the agent is not one to whoever asks through it.
    ("general",      &[(Grant, "app:copilot")], "runbooks",  Refused(NoGrant)),
    ("general",      DENY,                      "runbooks",  Refused(DenyEntry(1))),
    ("confidential", GRANT,                     "runbooks",  Refused(AboveCeiling)),
    ("unknown",      GRANT,                     "runbooks",  Refused(AboveCeiling)),
    ("general",      GRANT,                     "incidents", Refused(OutsideCollections)),
    ("general",      GRANT,                     "Runbooks",  Refused(OutsideCollections)),
    ("unknown",      DENY,                      "incidents", Refused(DenyEntry(1))),
    ("unknown",      GRANT,                     "incidents", Refused(AboveCeiling)),
];

#[test]
fn verdicts() {
    for (label, entries, collection, expected) in VERDICTS {
        let acl = acl(label, entries);
        let verdict = alice().verdict(&acl, collection);
        assert_eq!(verdict, expected, "{label} {entries:?} {collection}");
        let permitted = matches!(expected, Permitted { .. });
        assert_eq!(alice().permits(&acl, collection), permitted);
        let unstated = EffectiveAcl {
            stated: false,
            ..acl
        };
        assert_eq!(alice().verdict(&unstated, collection), Refused(NotStated));
    }
}

/// A ceiling that is no longer configured equals an unknown label, and still closes.
#[test]
fn unknown_under_unknown_is_refused() {
    let agent = Registration {
        highest_label: Label::UNKNOWN,
        ..registration("copilot")
    };
    let scope = AccessScope::new(PrincipalSet::complete([]), &agent, now());
    let acl = acl("unknown", &[(Grant, "everyone")]);
    assert_eq!(scope.verdict(&acl, "runbooks"), Refused(AboveCeiling));
}

#[test]
fn an_entry_ends_at_the_instant_of_the_request() {
    let mut acl = acl("general", &[(Grant, "user:alice")]);
    acl.entries[0].entry.until = Some(now());
    assert!(!alice().permits(&acl, "runbooks"));
    acl.entries[0].entry.until = Some(at(NOW + 1));
    assert!(alice().permits(&acl, "runbooks"));
}

proptest! {
    /// A6: a scope permits nothing that either side alone does not permit.
    #[test]
    fn scope_is_an_intersection(
        entries in prop::collection::vec(
            (any::<bool>(), prop::sample::select(vec!["user:alice", "group:sre", "group:dba", "app:copilot", "everyone"])),
            0..6,
        ),
        label in prop::sample::select(vec!["public", "general", "confidential", "unknown"]),
        collection in prop::sample::select(vec!["runbooks", "incidents"]),
        stated in any::<bool>(),
    ) {
        let entries: Vec<(Access, &str)> = entries
            .into_iter()
            .map(|(grant, name)| (if grant { Grant } else { Deny }, name))
            .collect();
        let acl = EffectiveAcl { stated, ..acl(label, &entries) };
        let matching = |access| entries.iter().any(|(other, name)| {
            *other == access && ["user:alice", "group:sre", "everyone"].contains(name)
        });
        let subject_may = stated && matching(Grant) && !matching(Deny);
        let agent_may = collection == "runbooks" && ["public", "general"].contains(&label);
        prop_assert_eq!(alice().permits(&acl, collection), subject_may && agent_may);
    }
}
