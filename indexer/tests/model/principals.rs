//! Principals match byte for byte; spellings read back as what they were.

use std::collections::BTreeSet;

use ambit_indexer::directory::Directory;
use ambit_indexer::principal::{
    ObjectId, Principal, PrincipalKind, PrincipalSpelling, SpellingError, TenantId, hyphenated_guid,
};
use proptest::prelude::*;
use uuid::Uuid;

const KINDS: [PrincipalKind; 3] = [
    PrincipalKind::User,
    PrincipalKind::Group,
    PrincipalKind::Application,
];
const GUID: &str = "0f6e2c1a-7b1d-4c55-9a3e-2f6d1b0c8e77";

fn parse(text: &str) -> Result<PrincipalSpelling, SpellingError> {
    text.parse()
}

/// Names that a sloppy comparison would take for one another (leak B12).
#[test]
fn names_that_look_alike_are_different_people() {
    let names = [
        "user-2",
        "User-2",
        "USER-2",
        "user2",
        "user_2",
        "user.2",
        "user-2.",
        "user‐2",
        "user–2",
        "us\u{e9}r-2",
        "use\u{301}r-2",
        "\u{fb01}x",
        "fix",
        "straße",
        "strasse",
        "ı",
        "i",
        "İ",
        "Ω",
        "\u{2126}",
        "ｕｓｅｒ",
        "user",
        "user-2\u{fe0f}",
    ];
    let distinct: BTreeSet<&str> = names.into_iter().collect();
    assert_eq!(distinct.len(), names.len());
    let mut principals = BTreeSet::new();
    let directory = Directory::embedded(TenantId::new(Uuid::from_u128(1)));
    for name in names {
        for kind in KINDS {
            let spelling = parse(&format!("{}:{name}", kind.as_str())).unwrap();
            assert_eq!(spelling, PrincipalSpelling::Alias(kind, name.to_owned()));
            principals.insert(directory.resolve(&spelling).unwrap());
        }
    }
    assert_eq!(principals.len(), names.len() * KINDS.len());
}

#[test]
fn the_kind_is_part_of_the_identity() {
    let objects: BTreeSet<ObjectId> = KINDS.map(|kind| ObjectId::from_name(kind, "a")).into();
    assert_eq!(objects.len(), 3, "user:a, group:a and app:a differ");
    let directory = Directory::embedded(TenantId::new(Uuid::from_u128(1)));
    let guids: BTreeSet<Principal> = KINDS
        .map(|kind| parse(&format!("{}:{GUID}", kind.as_str())).unwrap())
        .map(|spelling| directory.resolve(&spelling).unwrap())
        .into();
    assert_eq!(guids.len(), 3, "one GUID as user, group and app is three");
}

/// Pinned: data directories and tokens out there hold these.
#[test]
fn a_name_always_becomes_the_same_guid() {
    let alice = ObjectId::from_name(PrincipalKind::User, "alice");
    assert_eq!(alice, ObjectId::from_name(PrincipalKind::User, "alice"));
    assert_eq!(alice.guid().get_version_num(), 5);
}

#[test]
fn a_guid_is_read_in_one_form_and_case_does_not_make_another() {
    let lower = parse(&format!("user:{GUID}")).unwrap();
    let upper = parse(&format!("user:{}", GUID.to_uppercase())).unwrap();
    assert_eq!(lower, upper, "hexadecimal digits have no case");
    assert!(matches!(lower, PrincipalSpelling::Guid(..)));
    let plain = GUID.replace('-', "");
    for other in [
        plain.clone(),
        format!("{{{GUID}}}"),
        format!("urn:uuid:{GUID}"),
        format!("{GUID}0"),
        GUID.replace('-', "_"),
    ] {
        assert_eq!(hyphenated_guid(&other), None, "{other}");
        let spelling = parse(&format!("user:{other}")).unwrap();
        assert!(matches!(spelling, PrincipalSpelling::Alias(..)), "{other}");
    }
}

#[test]
fn a_configured_directory_knows_its_names_and_no_others() {
    let object = ObjectId::new(Uuid::from_u128(9));
    let names = [(PrincipalKind::Group, "sre".to_owned(), object)];
    let directory = Directory::listed(TenantId::new(Uuid::from_u128(1)), names);
    assert!(directory.resolve(&parse("group:sre").unwrap()).is_ok());
    for unknown in ["user:sre", "app:sre", "group:SRE", "group:sre-oncall"] {
        let refused = directory.resolve(&parse(unknown).unwrap()).unwrap_err();
        assert_eq!(refused.0, unknown, "the message names what was written");
    }
    let guid = parse(&format!("user:{GUID}")).unwrap();
    assert!(
        directory.resolve(&guid).is_ok(),
        "a GUID needs no directory"
    );
    assert!(directory.resolve(&PrincipalSpelling::Everyone).is_ok());
}

#[test]
fn directories_that_resolve_differently_have_different_fingerprints() {
    let tenants = [1, 2].map(|number| TenantId::new(Uuid::from_u128(number)));
    let listed = |names: &[(PrincipalKind, &str, u128)]| {
        let names = names.iter().map(|(kind, name, object)| {
            let object = ObjectId::new(Uuid::from_u128(*object));
            (*kind, (*name).to_owned(), object)
        });
        Directory::listed(tenants[0], names)
    };
    let directories = [
        Directory::embedded(tenants[0]),
        Directory::embedded(tenants[1]),
        listed(&[]),
        listed(&[(PrincipalKind::User, "a", 1)]),
        listed(&[(PrincipalKind::User, "a", 2)]),
        listed(&[(PrincipalKind::Group, "a", 1)]),
        listed(&[(PrincipalKind::User, "a", 1), (PrincipalKind::User, "b", 1)]),
    ];
    let prints: BTreeSet<_> = directories.iter().map(Directory::fingerprint).collect();
    assert_eq!(prints.len(), directories.len());
}

#[test]
fn what_is_no_principal_is_refused() {
    let unknown = [
        "",
        "alice",
        "Everyone",
        "everyone ",
        "EVERYONE",
        "*",
        "User:alice",
        "users:alice",
        "oid",
        " user:alice",
        "service:a",
        "user",
        "usér:a",
    ];
    for text in unknown {
        let refused = parse(text).unwrap_err();
        assert!(matches!(refused, SpellingError::Unknown(_)), "{text}");
    }
    let long = format!("user:{}", "é".repeat(129));
    let bad = [
        "user:",
        "group: sre",
        "user:a b",
        "user:a\tb",
        "user:a\n",
        "user:\u{0}",
        "user:a\u{a0}b",
        "user:a,b",
        "user:a\u{3000}",
        "user:\u{1b}[31m",
        &long,
    ];
    for text in bad {
        let refused = parse(text).unwrap_err();
        assert!(matches!(refused, SpellingError::BadName(_)), "{text:?}");
    }
    assert!(parse(&format!("user:{}", "é".repeat(128))).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spellings_survive_printing_and_reading(
        kind in prop::sample::select(&KINDS[..]), name in "\\PC{1,20}", guid in any::<u128>(),
    ) {
        let guid = PrincipalSpelling::Guid(kind, ObjectId::new(Uuid::from_u128(guid)));
        prop_assert_eq!(parse(&guid.to_string()), Ok(guid));
        if let Ok(spelling) = parse(&format!("{}:{name}", kind.as_str())) {
            prop_assert_eq!(parse(&spelling.to_string()), Ok(spelling));
        }
    }

    #[test]
    fn anything_is_read_or_refused_without_a_panic(text in any::<String>()) {
        if let Ok(spelling) = parse(&text) {
            prop_assert_eq!(parse(&spelling.to_string()), Ok(spelling));
        }
    }

    #[test]
    fn a_resolved_principal_prints_a_spelling_of_itself(name in "[a-zé-]{1,12}") {
        let directory = Directory::embedded(TenantId::new(Uuid::from_u128(1)));
        for kind in KINDS {
            let written = PrincipalSpelling::Alias(kind, name.clone());
            let principal = directory.resolve(&written).unwrap();
            let printed = parse(&principal.to_string()).unwrap();
            prop_assert_eq!(directory.resolve(&printed), Ok(principal));
        }
    }
}
