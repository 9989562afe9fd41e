//! AUDIT-FIRST: no content without a durable entry, and exactly one entry an answer
//! (leaks U1-U3). That entries are durable in time is checked by the client after every answer.

use std::collections::BTreeMap;
use std::time::Duration;

use ambit::audit::{Event, Passage};
use ambit_indexer::principal::{ObjectId, PrincipalKind};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{Answer, Call, Client, get_document, marks, post};
use crate::support::corpus::{Corpus, Planted, acl, grant};
use crate::support::naive::user;

fn planted() -> [Planted; 3] {
    [
        Planted::new("", "one", acl([grant("group:sre")]), "restart the database"),
        Planted::new("", "two", acl([grant("user:alice")]), "restart the queue"),
        Planted::new(
            "",
            "three",
            acl([grant("user:bob")]),
            "restart the database",
        ),
    ]
}

fn calls(id: &str) -> [Call; 3] {
    [
        post("/v1/search", &json!({"query": "restart the database"})),
        post(
            "/v1/context",
            &json!({"query": "restart the database", "max_tokens": 900}),
        ),
        get_document(id),
    ]
}

async fn world() -> (TestApp, Client, String) {
    let documents = planted();
    let id = documents[0].id();
    let test = TestApp::holding(Corpus::default().with(documents)).await;
    let client = test.client(&user("alice", &["sre"]));
    (test, client, id)
}

fn passages(event: &Event) -> Vec<&Passage> {
    match event {
        Event::Search { passages, .. } => passages.iter().collect(),
        Event::Context(record) => record.passages.iter().collect(),
        Event::Document { passage, .. } => vec![passage],
        _ => Vec::new(),
    }
}

/// What an answer shows, as document and chunk hash.
fn shown(answer: &Answer) -> Vec<(String, String)> {
    let body = answer.ok();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let cite = |citation: &Value| (text(&citation["document"]), text(&citation["chunk"]));
    if let Some(hits) = body["hits"].as_array() {
        return hits.iter().map(|hit| cite(&hit["citation"])).collect();
    }
    if let Some(citations) = body["citations"].as_array() {
        return citations.iter().map(cite).collect();
    }
    let hash = ambit::audit::HexHash::of(text(&body["body"]).as_bytes());
    vec![(text(&body["document"]), hash.to_string())]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_passage_is_in_exactly_one_record() {
    let (test, client, id) = world().await;
    test.file().slow = Some(Duration::from_millis(30));
    let mut expected = BTreeMap::new();
    for call in calls(&id) {
        let call = call
            .header("ambit-run-id", "run-1")
            .header("traceparent", "trace-1");
        let answer = client.send(call).await;
        assert!(!shown(&answer).is_empty());
        expected.insert(answer.answer_id().unwrap().to_owned(), shown(&answer));
    }
    let alice = ObjectId::from_name(PrincipalKind::User, "alice").guid();
    let mut recorded = BTreeMap::new();
    for entry in test.entries() {
        let Some(answer) = entry.answer else { continue };
        let caller = entry.caller.unwrap();
        assert_eq!((caller.object, caller.agent.as_str()), (alice, "demo"));
        assert_eq!(
            (entry.run.as_deref(), entry.trace.as_deref()),
            (Some("run-1"), Some("trace-1"))
        );
        let list = passages(&entry.event).into_iter();
        let list: Vec<_> = list
            .map(|passage| (passage.document.clone(), passage.chunk_hash.to_string()))
            .collect();
        assert!(recorded.insert(answer.to_string(), list).is_none());
    }
    assert_eq!(recorded, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_wait_for_a_slow_disk() {
    let (test, client, id) = world().await;
    test.file().slow = Some(Duration::from_millis(200));
    for call in calls(&id) {
        // The client checks that the entry is durable.
        assert_eq!(client.send(call).await.status, 200);
    }
}

async fn refused_without_a_log(test: &TestApp, client: &Client, id: &str) {
    // The failure itself, and everything after it: what is on disk is unknown from then on.
    for round in 0..2 {
        for call in calls(id) {
            let answer = client.send(call.clone()).await;
            assert_eq!(answer.status, 503, "{call:?}");
            assert_eq!(answer.problem(), "audit-unavailable");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.answer_id(), None);
            // Not even of documents that the caller may read.
            assert_eq!(marks(&answer.text()).next(), None);
        }
        let absent = client.get("ops/absent.md").await;
        assert_eq!(
            absent.status, 503,
            "nobody can probe while nothing is recorded"
        );
        let mut file = test.file();
        (file.fail_append, file.fail_sync) = (false, round > 1);
    }
    assert_eq!(client.send(Call::new("GET", "/livez")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_when_the_log_cannot_be_written() {
    let (test, client, id) = world().await;
    test.file().fail_append = true;
    refused_without_a_log(&test, &client, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_when_the_log_cannot_be_synced() {
    let (test, client, id) = world().await;
    test.file().fail_sync = true;
    refused_without_a_log(&test, &client, &id).await;
}

/// `readyz` promises that the audit log accepts entries.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_record_is_not_ready() {
    let (test, client, id) = world().await;
    let ready = || Call::new("GET", "/readyz");
    assert_eq!(client.send(ready()).await.status, 200);
    test.file().fail_sync = true;
    client.get(&id).await;
    let answer = client.send(ready()).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (503, "audit-unavailable")
    );
}

/// Asking for what is absent or forbidden is recorded alike, with what was asked.
#[tokio::test(flavor = "multi_thread")]
async fn refused_documents_are_recorded() {
    let documents = planted();
    let test = TestApp::holding(Corpus::default().with(documents.clone())).await;
    let client = test.client(&user("alice", &["sre"]));
    let asked = [
        documents[2].id(),
        "ops/absent.md".to_owned(),
        "x".to_owned(),
    ];
    for id in &asked {
        assert_eq!(client.get(id).await.status, 404);
    }
    let mut refused = Vec::new();
    for entry in test.entries() {
        if let Event::Refused {
            surface,
            reason,
            document,
        } = entry.event
        {
            assert_eq!(
                (surface.as_str(), reason.as_str()),
                ("documents", "not-found")
            );
            assert_eq!(entry.answer, None);
            assert!(entry.caller.is_some());
            refused.push(document.unwrap());
        }
    }
    assert_eq!(refused, asked);
}

/// Changes are recorded too, once each, also across a restart.
#[tokio::test(flavor = "multi_thread")]
async fn indexing_is_recorded_once() {
    let documents = planted();
    let mut test = TestApp::holding(Corpus::default().with(documents.clone())).await;
    test.stop().await;
    test.start().await;
    test.index(Corpus::default().with(documents[..2].to_vec()));
    let mut changes = Vec::new();
    for entry in test.entries() {
        if let Event::Change {
            document: Some(document),
            action,
            ..
        } = entry.event
        {
            changes.push((action, document));
        }
    }
    let put = |planted: &Planted| ("put".to_owned(), planted.id());
    let mut expected: Vec<_> = documents.iter().map(put).collect();
    expected.push(("remove".to_owned(), documents[2].id()));
    changes.sort();
    expected.sort();
    assert_eq!(changes, expected);
}
