//! Document ids, kinds, and the names of revisions.

use std::collections::BTreeSet;

use ambit_indexer::document::{
    Content, ContentHash, DocumentId, IdError, Kind, MAX_ID_BYTES, check_collection,
};
use proptest::prelude::*;

fn id(text: &str) -> Result<DocumentId, IdError> {
    text.parse()
}

#[test]
fn an_id_is_collection_and_path() {
    let id = id("ops/db/fail over.md").unwrap();
    assert_eq!(id.collection(), "ops");
    assert_eq!(id.path(), "db/fail over.md");
    assert_eq!(id.to_string(), "ops/db/fail over.md");
    assert_eq!(DocumentId::new("ops", "db/fail over.md"), Ok(id));
}

#[test]
fn ids_are_case_sensitive_and_not_normalised() {
    let texts = [
        "ops/a.md",
        "ops/A.md",
        "Ops/a.md",
        "ops/\u{e9}.md",
        "ops/e\u{301}.md",
        "ops/a%2emd",
        "ops/a\\b.md",
        "ops/a b.md",
        "ops/...",
    ];
    let ids: BTreeSet<DocumentId> = texts.iter().map(|text| id(text).unwrap()).collect();
    assert_eq!(ids.len(), texts.len());
}

#[test]
fn what_is_no_id_is_refused_for_its_reason() {
    for text in ["", "ops", "ops/"] {
        assert_eq!(id(text), Err(IdError::NoPath), "{text:?}");
    }
    let collections = [
        "/a",
        "-x/a",
        ".x/a",
        "_x/a",
        "o ps/a",
        "öps/a",
        "o:ps/a",
        "\u{200b}ops/a",
        "%6fps/a",
    ];
    for text in collections {
        assert!(matches!(id(text), Err(IdError::Collection(_))), "{text:?}");
    }
    let paths = [
        "ops//a",
        "ops/a/",
        "ops/./a",
        "ops/../a",
        "ops/a/..",
        "ops/a\u{0}",
        "ops/a\nb",
        "ops/a\u{200b}",
        "ops/a\u{202e}b",
        "ops/\u{feff}a",
        "ops/a\u{e0061}",
        "ops/a\u{ad}b",
        "ops/\u{1b}[31m",
    ];
    for text in paths {
        assert_eq!(id(text), Err(IdError::Path), "{text:?}");
    }
}

#[test]
fn lengths_are_bounded_in_bytes() {
    let path = "é".repeat((MAX_ID_BYTES - 4) / 2);
    assert!(DocumentId::new("ops", &path).is_ok());
    let longer = format!("{path}x");
    assert_eq!(DocumentId::new("ops", &longer), Err(IdError::TooLong));
    assert!(check_collection(&"a".repeat(64)).is_ok());
    assert!(check_collection(&"a".repeat(65)).is_err());
    assert!(check_collection("").is_err());
    assert!(check_collection("9.a-b_C").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ids_survive_printing_and_reading(collection in "[A-Za-z0-9][A-Za-z0-9._-]{0,20}", path in "\\PC{1,40}") {
        if let Ok(made) = DocumentId::new(&collection, &path) {
            prop_assert_eq!(made.collection(), collection);
            prop_assert_eq!(made.path(), path);
            prop_assert_eq!(id(made.as_str()), Ok(made));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in any::<String>()) {
        if let Ok(read) = id(&text) {
            prop_assert_eq!(read.as_str(), text);
            prop_assert!(read.as_str().len() <= MAX_ID_BYTES);
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other(a in "[ab]{0,4}", b in "[ab]{0,4}", c in "[ab]{0,4}", d in "[ab]{0,4}") {
        let left = ContentHash::of_parts([a.as_bytes(), b.as_bytes()]);
        let right = ContentHash::of_parts([c.as_bytes(), d.as_bytes()]);
        prop_assert_eq!(left == right, (&a, &b) == (&c, &d));
    }
}

#[test]
fn kinds_have_one_name_each() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
        assert_eq!(Kind::from_name(&kind.as_str().to_uppercase()), None);
    }
    assert_eq!(Kind::from_name(""), None);
    assert_eq!(Kind::default(), Kind::Doc);
}

#[test]
fn a_revision_is_named_by_every_field() {
    let base = Content {
        title: "t".to_owned(),
        body: "b".to_owned(),
        kind: Kind::Doc,
        uri: None,
        service: None,
        severity: None,
        tags: Vec::new(),
        created: None,
        updated: None,
        first_line: 1,
    };
    let instant = ambit_indexer::clock::Timestamp::UNIX_EPOCH;
    let with = |change: &dyn Fn(&mut Content)| {
        let mut content = base.clone();
        change(&mut content);
        content.revision()
    };
    let text = || Some("x".to_owned());
    let revisions = [
        base.revision(),
        with(&|c| c.title = "b".to_owned()),
        with(&|c| c.body = "t".to_owned()),
        with(&|c| {
            c.title = "tb".to_owned();
            c.body.clear();
        }),
        with(&|c| c.kind = Kind::Runbook),
        with(&|c| c.uri = text()),
        with(&|c| c.service = text()),
        with(&|c| c.severity = text()),
        with(&|c| c.tags = vec!["x".to_owned()]),
        with(&|c| c.tags = vec!["x".to_owned(), String::new()]),
        with(&|c| c.created = Some(instant)),
        with(&|c| c.updated = Some(instant)),
        with(&|c| c.first_line = 2),
    ];
    let distinct: BTreeSet<ContentHash> = revisions.into_iter().collect();
    assert_eq!(distinct.len(), revisions.len());
    assert_eq!(base.revision(), base.clone().revision());
    assert_eq!(base.revision().to_string().len(), 64);
}
