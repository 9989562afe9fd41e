//! `POST /v1/context`: budgets, formats, what is left out, and that it can be replayed.

use ambit::audit::{Event, HexHash};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{Client, post};
use crate::support::corpus::{Corpus, Planted, acl, grant};
use crate::support::naive::user;

fn corpus() -> Corpus {
    let text = |number: usize| {
        let sentence = format!("Restart the database number {number} and drain its queue. ");
        sentence.repeat(6 + number)
    };
    let documents = (0..12).map(|number| {
        let who = if number % 3 == 0 {
            "group:other"
        } else {
            "group:sre"
        };
        Planted::new(
            "a",
            &format!("doc{number}"),
            acl([grant(who)]),
            &text(number),
        )
    });
    Corpus::default().with(documents)
}

async fn context(client: &Client, budget: usize, format: &str) -> Value {
    let body = json!({"query": "restart the database", "max_tokens": budget, "format": format});
    client.send(post("/v1/context", &body)).await.ok()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_keeps_within_its_budget() {
    let test = TestApp::holding(corpus()).await;
    let client = test.client(&user("alice", &["sre"]));
    for format in ["text", "chunks"] {
        for budget in [1, 60, 200, 500, 100_000] {
            let packed = context(&client, budget, format).await;
            assert!(packed["usage"]["context_tokens"].as_u64().unwrap() <= budget as u64);
            assert_eq!(packed["handling"], "untrusted_data");
            assert_eq!(packed["context"].is_string(), format == "text");
            assert_eq!(packed["chunks"].is_array(), format == "chunks");
            let (cited, omitted) = (
                list(&packed, "citations").len(),
                list(&packed, "omitted").len(),
            );
            assert_eq!(cited + omitted, 8, "what is not in it is named: {packed}");
            for (number, citation) in list(&packed, "citations").iter().enumerate() {
                assert_eq!(citation["number"], number + 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_may_read_nothing_gets_an_empty_context() {
    let test = TestApp::holding(corpus()).await;
    let packed = context(&test.client(&user("mallory", &[])), 1000, "text").await;
    assert_eq!(packed["context"], "");
    assert_eq!(
        (list(&packed, "citations"), list(&packed, "omitted")),
        (&[][..], &[][..])
    );
    assert_eq!(packed["usage"]["context_tokens"], 0);
}

/// REPLAY (leak U5): from the audit record and the documents alone, the exact context.
#[tokio::test(flavor = "multi_thread")]
async fn a_context_can_be_rebuilt_from_its_record() {
    let test = TestApp::holding(corpus()).await;
    let client = test.client(&user("alice", &["sre"]));
    let mut replayed = 0;
    for (budget, format) in [(300, "text"), (5000, "text"), (5000, "chunks")] {
        let packed = context(&client, budget, format).await;
        let entries = test.entries();
        let entry = entries.iter().find(|entry| {
            entry
                .answer
                .is_some_and(|id| packed["id"] == id.to_string())
        });
        let Event::Context(record) = &entry.unwrap().event else {
            panic!("another sort of entry");
        };
        let mut texts = Vec::new();
        for passage in &record.passages {
            let document = client.get(&passage.document).await.ok();
            assert_eq!(document["revision"], passage.revision.to_string());
            let body = document["body"].as_str().unwrap();
            let text = &body
                [usize::try_from(passage.start).unwrap()..usize::try_from(passage.end).unwrap()];
            assert_eq!(HexHash::of(text.as_bytes()), passage.chunk_hash);
            texts.push(text.to_owned());
        }
        let parts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let rebuilt = record
            .rebuild(&parts)
            .expect("the record describes the context");
        match format {
            "text" => assert_eq!(packed["context"], rebuilt),
            _ => {
                let shown = list(&packed, "chunks")
                    .iter()
                    .map(|chunk| chunk["text"].as_str().unwrap());
                assert_eq!(shown.collect::<String>(), rebuilt);
            }
        }
        replayed += usize::from(!texts.is_empty());
    }
    assert_eq!(replayed, 3);
}
