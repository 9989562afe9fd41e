//! NON-INTERFERENCE: one server holds everything, its twin only what one caller may read; every
//! answer to that caller is the same, byte for byte (leaks N1-N6, N10, N11, B3, B4, S1, S3-S5).

use std::collections::BTreeSet;

use ambit::config::DEMO_AGENT;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use serde_json::{Value, json};

use crate::support::app::{TestApp, start};
use crate::support::client::{Answer, Call, get_document, post, receipts};
use crate::support::corpus::Corpus;
use crate::support::naive::{Person, may_read};
use crate::support::shapes::{self, TAGS, WorldShape};

/// Headers that may differ between equal answers. Each is a channel and has to be justified:
/// `date` is the machine's clock, the other two are random. In bodies, the answer id and with it
/// the receipts differ; receipts are compared decoded, with the answer id masked. So is the ACL
/// version, a hash salted by each catalog, of which only equality within an answer is compared.
const EXCLUDED_HEADERS: [&str; 3] = ["date", "x-request-id", "ambit-answer-id"];

/// Cases in an ordinary run; `PROPTEST_CASES` overrides it.
const CASES: u32 = 24;

fn cases() -> u32 {
    // The default of proptest's own configuration is what the variable says, or 256.
    match Config::default().cases {
        256 => CASES,
        wanted => wanted,
    }
}

proptest! {
    #![proptest_config(Config {
        cases: cases(),
        max_shrink_iters: 200,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/twin.regressions"),
        ))),
        ..Config::default()
    })]

    #[test]
    fn twins_answer_alike(world in shapes::worlds()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(compare(&world));
    }
}

async fn compare(world: &WorldShape) {
    let whole = world.corpus(|shape| !shape.ghost, false);
    let full = full_world(world, &whole).await;
    for person in &world.people {
        let mut permitted = whole.clone();
        let may = |planted: &_| may_read(&whole, planted, person, start());
        permitted.documents.retain(may);
        let twin = TestApp::with(&shapes::agents(), "").await;
        twin.index(permitted.clone());
        let (asks, asks_twin) = (full.client(person), twin.client(person));
        for call in calls(world, &whole, &permitted) {
            let answers = (
                asks.send(call.clone()).await,
                asks_twin.send(call.clone()).await,
            );
            let (left, right) = (masked(&answers.0), masked(&answers.1));
            assert_eq!(left, right, "{person:?} sent {call:?}");
        }
    }
}

/// The world with everything, after a history that its twins do not have.
async fn full_world(world: &WorldShape, whole: &Corpus) -> TestApp {
    let mut full = TestApp::with(&shapes::agents(), "").await;
    full.index(world.corpus(|shape| !shape.late, true));
    full.index(world.corpus(|shape| shape.ghost || shape.late || shape.changed, true));
    full.index(world.corpus(|_| true, true));
    full.index(whole.clone());
    full.stop().await;
    if world.rebuild {
        ambit_indexer::store::Store::discard_index(full.data()).unwrap();
    }
    full.start().await;
    full
}

/// What both are asked.
fn calls(world: &WorldShape, whole: &Corpus, permitted: &Corpus) -> Vec<Call> {
    let mut calls = vec![
        Call::new("GET", "/v1/me"),
        Call::new("GET", "/livez"),
        Call::new("GET", "/readyz"),
        Call::new("GET", "/openapi.json"),
        Call::new("GET", "/v1/nothing"),
        Call::new("GET", "/v1/search"),
        Call::new("DELETE", "/v1/documents/ops/x.md"),
        Call::new("OPTIONS", "/v1/search"),
    ];
    let mut queries: Vec<&str> = world.queries.iter().map(String::as_str).collect();
    queries.extend([
        "failover crash",
        "\"the database\"",
        "zzz-not-there",
        "a \"b",
        "()",
    ]);
    for query in &queries {
        calls.push(post("/v1/search", &json!({"query": query, "top_k": 100})));
    }
    let query = &world.queries[0];
    for filters in filters() {
        let body = json!({"query": query, "top_k": 50, "filters": filters});
        calls.push(post("/v1/search", &body));
        let body = json!({"query": query, "max_tokens": 300, "filters": filters});
        calls.push(post("/v1/context", &body));
    }
    for top_k in [0, 1, 3, 101] {
        calls.push(post("/v1/search", &json!({"query": query, "top_k": top_k})));
    }
    for (format, budget) in [
        ("text", 1),
        ("text", 90),
        ("chunks", 200),
        ("text", 9000),
        ("chunks", 0),
    ] {
        let body = json!({"query": query, "max_tokens": budget, "format": format});
        calls.push(post("/v1/context", &body));
    }
    calls.push(Call::new("POST", "/v1/search").json("{\"query\": 1}"));
    calls.push(Call::new("POST", "/v1/context").json("{"));
    calls.extend(document_calls(whole, permitted));
    calls
}

fn filters() -> Vec<Value> {
    vec![
        json!({"collections": ["ops"]}),
        json!({"collections": ["other", "absent"]}),
        json!({"kinds": ["runbook"]}),
        json!({"services": ["edge"]}),
        json!({"labels": ["general"]}),
        json!({"labels": ["confidential", "highly-confidential"]}),
        json!({"tags": [TAGS[0], TAGS[2]]}),
        json!({"updated_since": "2026-05-01T00:00:00Z"}),
        json!({"kinds": ["no-such-kind"]}),
    ]
}

fn document_calls(whole: &Corpus, permitted: &Corpus) -> Vec<Call> {
    let known: BTreeSet<String> = permitted
        .documents
        .iter()
        .map(|planted| planted.id())
        .collect();
    let hidden = whole.documents.iter().map(|planted| planted.id());
    let hidden: Vec<String> = hidden.filter(|id| !known.contains(id)).collect();
    let mut calls: Vec<Call> = Vec::new();
    for id in known.iter().chain(&hidden) {
        calls.push(get_document(id));
    }
    // Other spellings, of one that can be read and one that cannot (leaks B3, B14).
    for id in known.iter().take(1).chain(hidden.iter().take(1)) {
        let plain = format!("/v1/documents/{id}");
        let last = id.rsplit('/').next().unwrap();
        calls.extend([
            get_document(&id.to_uppercase()),
            Call::new("HEAD", plain.clone()),
            Call::new("POST", plain.clone()),
            Call::new("GET", format!("{plain}/")),
            Call::new("GET", format!("{plain}%00")),
            Call::new("GET", format!("{plain}%2f")),
            Call::new("GET", format!("{plain}?x=1")),
            Call::new("GET", format!("{plain}.acl.yaml")),
            Call::new("GET", plain.replacen("ops/", "ops//", 1)),
            Call::new("GET", plain.replace(last, &format!("../{last}"))),
            Call::new("GET", plain.replace(last, &format!("%2e%2e/{last}"))),
            Call::new("GET", plain.replace(".md", "%2Emd")),
            Call::new("GET", plain.replace(".md", "%252Emd")),
            Call::new("GET", plain.replace(".md", "%CC%81.md")),
            Call::new("GET", plain.replace(".md", "%FF.md")),
            Call::new("GET", plain.replacen('/', "//", 1)),
            Call::new("GET", plain.clone()).header("if-none-match", "*"),
            Call::new("GET", plain).header("x-original-url", "/v1/me"),
        ]);
    }
    calls.push(get_document("ops"));
    calls.push(get_document("absent/x.md"));
    calls
}

/// An answer without what may differ.
fn masked(answer: &Answer) -> (u16, Vec<(String, String)>, String, Vec<String>) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !EXCLUDED_HEADERS.contains(&name.as_str()));
    let mut body = String::from_utf8_lossy(&answer.body).into_owned();
    let mut signed = receipts(answer);
    if let Some(id) = answer.answer_id() {
        body = body.replace(id, "ANSWER");
        for receipt in &mut signed {
            *receipt = receipt.replace(id, "ANSWER");
        }
    }
    mask_versions(&mut signed);
    let mut pieces = body.split("\"receipt\":\"");
    let mut text = pieces.next().unwrap().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once('"').unwrap().1);
    }
    (answer.status, headers, text, signed)
}

/// Numbers the ACL versions of an answer in order of appearance.
fn mask_versions(receipts: &mut [String]) {
    let mut known: Vec<Value> = Vec::new();
    for receipt in receipts {
        let mut payload: Value = serde_json::from_str(receipt).unwrap();
        let version = payload["acl"].take();
        let number = known.iter().position(|other| *other == version);
        payload["acl"] = json!(number.unwrap_or(known.len()));
        if number.is_none() {
            known.push(version);
        }
        *receipt = payload.to_string();
    }
}

/// The shapes' agents and the development agent are distinct, so that ceilings are real ones.
#[test]
fn random_worlds_have_narrow_agents() {
    let agents = shapes::agents();
    assert!(agents.iter().all(|agent| agent.name != DEMO_AGENT));
    let limited = |person: &Person| person.agent.collections.is_some();
    proptest!(ProptestConfig::with_cases(8), |(world in shapes::worlds())| {
        prop_assert!(world.people.iter().any(limited));
    });
}
