//! Entries: what is written is read back, and contexts are rebuilt exactly or not at all.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;

use super::super::tests::instant;
use super::*;

pub(in crate::audit) fn entries() -> impl Strategy<Value = Entry> {
    let caller = (any::<u128>(), "\\PC{0,12}", option::of(any::<u128>())).prop_map(
        |(object, agent, client)| CallerRecord {
            tenant: Uuid::from_u128(1),
            object: Uuid::from_u128(object),
            kind: CallerKind::CommandLine,
            agent,
            client: client.map(Uuid::from_u128),
            project: None,
            team: Some("sre".to_owned()),
            environment: None,
            groups_hash: groups_hash([Uuid::from_u128(object)]),
            token_hash: client.map(|_| HexHash::of(b"token")),
        },
    );
    (
        0..4_000_000_000_i64,
        option::of(any::<u128>()),
        option::of(caller),
        events(),
    )
        .prop_map(|(seconds, answer, caller, event)| Entry {
            answer: answer.map(Uuid::from_u128),
            trace: None,
            caller,
            run: Some("run \u{2028}\n1".to_owned()),
            charges: vec![Charge {
                meter: "tokens".to_owned(),
                amount: u64::MAX,
            }],
            ..Entry::new(Timestamp::from_second(seconds).unwrap(), event)
        })
}

fn passages() -> impl Strategy<Value = Passage> {
    (
        "\\PC{1,20}",
        any::<u32>(),
        any::<u64>(),
        option::of(0..4096_u32),
    )
        .prop_map(|(document, ord, end, score)| Passage {
            revision: HexHash::of(document.as_bytes()),
            chunk_hash: HexHash::of(b"text"),
            document,
            ord,
            first_chunk: 0,
            last_chunk: 2,
            start: 1,
            end,
            first_line: 3,
            last_line: 9,
            score: score.map(|score| f64::from(score) / 64.0),
            acl_version: "acl".to_owned(),
            deciding_entry: 1,
            deciding_principal: "everyone".to_owned(),
        })
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        ("(?s).{0,40}", vec(passages(), 0..3)).prop_map(|(query, passages)| Event::Search {
            query,
            filters: json!({"labels": ["general"]}),
            top_k: 10,
            passages,
            body_sha256: HexHash::of(b"body"),
            bytes: 4,
        }),
        ("(?s).{0,40}", vec(passages(), 0..3))
            .prop_map(|(query, passages)| { Event::Context(Box::new(context(query, passages))) }),
        passages().prop_map(|passage| Event::Document {
            passage,
            body_sha256: HexHash::of(b"body"),
        }),
        (any::<u64>(), option::of("(?s).{1,20}")).prop_map(|(number, document)| Event::Change {
            document,
            action: "put".to_owned(),
            details: json!({"who": null, "numbers": [1, -2, 0.5]}),
            outbox: Some(OutboxId {
                generation: Uuid::from_u128(4),
                number,
            }),
        }),
        Just(Event::Started {
            version: "0.1.0".to_owned(),
            cut_tail: Some(3),
            unanchored: 0,
        }),
    ]
}

fn context(query: String, passages: Vec<Passage>) -> ContextRecord {
    ContextRecord {
        query,
        filters: json!({}),
        max_tokens: 100,
        format: "text".to_owned(),
        render: "plain".to_owned(),
        separators: vec!["\n".to_owned(); passages.len() + 1],
        passages,
        omitted: Vec::new(),
        nonce: Some("nonce".to_owned()),
        body_sha256: HexHash::of(b"body"),
        context_sha256: HexHash::of(b"context"),
        context_tokens: 7,
    }
}

proptest! {
    #[test]
    fn an_entry_is_read_back(entry in entries()) {
        let text = serde_json::to_string(&entry).unwrap();
        prop_assert!(!text.contains('\n'), "one entry, one line");
        prop_assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    }
}

#[test]
fn the_written_form_is_the_documented_one() {
    let reason = "acl changed".to_owned();
    let answer = Uuid::from_u128(5);
    let entry = Entry::new(instant(), Event::Withdrawn { answer, reason });
    assert_eq!(
        serde_json::to_string(&entry).unwrap(),
        r#"{"time":"2026-03-01T12:00:00.25Z","event":{"type":"withdrawn","answer":"00000000-0000-0000-0000-000000000005","reason":"acl changed"}}"#
    );
}

#[test]
fn a_set_of_groups_has_one_hash() {
    let [a, b] = [1, 2].map(Uuid::from_u128);
    assert_eq!(groups_hash([a, b]), groups_hash([b, a, b]));
    assert_ne!(groups_hash([a]), groups_hash([a, b]));
    assert_ne!(groups_hash([]), groups_hash([a]));
}

#[test]
fn a_context_is_rebuilt_exactly_or_not_at_all() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut passage = || passages().new_tree(&mut runner).unwrap().current();
    let mut record = context(String::new(), vec![passage(), passage()]);
    record.separators = ["[1] ", "\n[2] ", "\n"].map(str::to_owned).to_vec();
    record.context_sha256 = HexHash::of(b"[1] one\n[2] two\n");
    assert_eq!(
        record.rebuild(&["one", "two"]).unwrap(),
        "[1] one\n[2] two\n"
    );
    assert_eq!(record.rebuild(&["one", "twO"]), None);
    assert_eq!(record.rebuild(&["one"]), None);
    record.separators.pop();
    assert_eq!(record.rebuild(&["one", "two"]), None);
}
