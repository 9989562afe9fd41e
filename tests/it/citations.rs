//! Citations over the fixtures: they lead to the lines of the original file, hash what was shown,
//! and carry receipts that prove it and tell nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ambit::audit::{HexHash, verify_receipt};
use ambit::identity::DEVELOPMENT_TENANT;
use ambit_indexer::principal::{ObjectId, PrincipalKind};
use serde_json::{Value, json};

use crate::support::app::{TestApp, start};
use crate::support::client::{Client, post};
use crate::support::naive::{Person, user};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The people of `fixtures/README.md`, with how many documents each may read.
fn people() -> Vec<(Person, usize)> {
    vec![
        (user("alice", &["sre-oncall"]), 75),
        (user("bob", &["support"]), 9),
        (user("carol", &["dba-leads", "sre-oncall"]), 77),
        (user("dave", &["contractors", "platform"]), 34),
        (user("erin", &["security-response"]), 32),
    ]
}

async fn tidemark() -> (TestApp, Vec<String>) {
    let test = TestApp::new().await;
    let report = test.index_folder("tidemark", fixtures().join("corpus"));
    assert_eq!(
        (report.indexed, report.quarantined.len()),
        (86, 15),
        "{:?}",
        report.quarantined
    );
    let entries = test.entries().into_iter();
    let ids = entries.filter_map(|entry| match entry.event {
        ambit::audit::Event::Change { document, .. } => document,
        _ => None,
    });
    (test, ids.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_people_of_the_fixtures_read_what_the_readme_says() {
    let (test, ids) = tidemark().await;
    for (person, expected) in people() {
        let client = test.client(&person);
        let mut readable = 0;
        for id in &ids {
            let answer = client.get(id).await;
            assert!(!answer.text().contains("QUARANTINE-ME"));
            readable += usize::from(answer.status == 200);
        }
        assert_eq!(readable, expected, "{}", person.subject);
    }
}

fn queries() -> Vec<String> {
    let file = std::fs::read_to_string(fixtures().join("relevance.jsonl")).unwrap();
    let lines = file
        .lines()
        .filter(|line| !line.trim().is_empty())
        .step_by(4);
    lines
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["query"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

/// The source of a document, and whether all of its body is shown as it stands there.
struct Source {
    lines: Vec<String>,
    untouched: bool,
}

async fn source(client: &Client, document: &str) -> Source {
    let path = document.strip_prefix("tidemark/").unwrap();
    let text = std::fs::read(fixtures().join("corpus").join(path)).unwrap();
    let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
    let body = client.get(document).await.ok();
    let body = body["body"].as_str().unwrap();
    Source {
        untouched: text.ends_with(body),
        lines: text.lines().map(str::to_owned).collect(),
    }
}

impl Source {
    /// The cited lines, joined.
    fn cited(&self, citation: &Value) -> String {
        let line = |position: usize| {
            usize::try_from(citation["lines"][position].as_u64().unwrap()).unwrap()
        };
        self.lines[line(0) - 1..line(1)].join("\n")
    }
}

fn assert_receipt(test: &TestApp, person: &Person, answer: &str, citation: &Value) {
    let receipt = verify_receipt(&test.audit_key(), citation["receipt"].as_str().unwrap()).unwrap();
    let name = person.subject.strip_prefix("user:").unwrap();
    let own = |kind: PrincipalKind, name: &str| {
        format!("{}:{}", kind.as_str(), ObjectId::from_name(kind, name))
    };
    let groups = person
        .groups
        .iter()
        .map(|group| own(PrincipalKind::Group, group));
    let itself = own(PrincipalKind::User, name);
    let mut principals: BTreeSet<String> = groups.chain(["everyone".to_owned(), itself]).collect();
    assert!(principals.remove(&receipt.principal), "{receipt:?}");
    let object = ObjectId::from_name(PrincipalKind::User, name);
    assert_eq!(
        receipt.subject,
        format!("user:{DEVELOPMENT_TENANT}/{object}")
    );
    assert_eq!((receipt.agent.as_str(), receipt.time), ("demo", start()));
    assert_eq!(receipt.answer.to_string(), answer);
    assert_eq!(json!(receipt.document), citation["document"]);
    assert_eq!(json!(receipt.revision.to_string()), citation["revision"]);
    assert_eq!(json!(receipt.chunk.to_string()), citation["chunk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn citations_lead_to_what_was_shown() {
    let (test, _) = tidemark().await;
    let (mut seen, mut compared) = (0, 0);
    for (person, _) in people() {
        let client = test.client(&person);
        for query in queries() {
            let body = json!({"query": query, "max_tokens": 1500, "format": "chunks"});
            let packed = client.send(post("/v1/context", &body)).await.ok();
            let id = packed["id"].as_str().unwrap();
            let citations = packed["citations"].as_array().unwrap();
            let chunks = packed["chunks"].as_array().unwrap();
            assert_eq!(citations.len(), chunks.len());
            for (citation, chunk) in citations.iter().zip(chunks) {
                assert_eq!(citation["number"], chunk["citation"]);
                let text = chunk["text"].as_str().unwrap();
                assert_eq!(citation["chunk"], HexHash::of(text.as_bytes()).to_string());
                assert_receipt(&test, &person, id, citation);
                let document = citation["document"].as_str().unwrap();
                let source = source(&client, document).await;
                seen += 1;
                if source.untouched {
                    assert_eq!(source.cited(citation), text, "{document}");
                    compared += 1;
                }
            }
        }
    }
    assert!(
        seen > 100 && compared * 10 > seen * 8,
        "{compared} of {seen}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn citations_of_hits_hash_the_lines_they_name() {
    let (test, _) = tidemark().await;
    let (person, _) = people().swap_remove(2);
    let client = test.client(&person);
    let mut compared = 0;
    for query in queries() {
        let found = client.search(&query).await.ok();
        let id = found["id"].as_str().unwrap();
        for (hit, number) in found["hits"].as_array().unwrap().iter().zip(1..) {
            let citation = &hit["citation"];
            assert_eq!(citation["number"], number);
            assert_eq!(
                (&citation["document"], &citation["title"]),
                (&hit["document"], &hit["title"])
            );
            assert_receipt(&test, &person, id, citation);
            if number > 5 {
                continue;
            }
            let source = source(&client, citation["document"].as_str().unwrap()).await;
            if source.untouched {
                let hash = HexHash::of(source.cited(citation).as_bytes());
                assert_eq!(citation["chunk"], hash.to_string(), "{citation}");
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "{compared}");
}
