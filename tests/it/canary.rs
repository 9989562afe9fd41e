//! Every surface against documents that carry a mark in every field (leaks B1, B9, B15, L1).

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::{Call, get_document, marks, post};
use crate::support::corpus::{Corpus, Planted, acl, deny, fresh_mark, grant};
use crate::support::naive::{Agent, user};

fn corpus() -> Corpus {
    let sre = || acl([grant("group:sre")]);
    let labelled = |label: &str| crate::support::corpus::Policy {
        label: Some(label.to_owned()),
        ..acl([grant("everyone")])
    };
    Corpus::default()
        .folder("", acl([deny("group:contractors")]))
        .folder("sre", sre())
        .with([
            Planted::new("sre", "failover", sre(), "fail over the database"),
            Planted::new(
                "sre",
                "inherits",
                Default::default(),
                "fail over the database",
            ),
            Planted::new("sre", "closed", acl([]), "fail over the database"),
            Planted::new("", "nobody", Default::default(), "fail over the database"),
            Planted::new(
                "",
                "open",
                acl([grant("everyone")]),
                "fail over the database",
            ),
            Planted::new(
                "",
                "alice",
                acl([grant("user:alice")]),
                "fail over the database",
            ),
            Planted::new(
                "",
                "group-alice",
                acl([grant("group:alice")]),
                "fail over the database",
            ),
            Planted::new(
                "",
                "secret",
                labelled("highly-confidential"),
                "fail over the database",
            ),
            Planted {
                broken: true,
                ..Planted::new(
                    "",
                    "broken",
                    acl([grant("everyone")]),
                    "fail over the database",
                )
            },
        ])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_surface_shows_a_forbidden_mark() {
    let narrow = Agent {
        name: "narrow".to_owned(),
        collections: Some(vec!["ops".to_owned()]),
        highest_label: "general",
    };
    let test = TestApp::with(std::slice::from_ref(&narrow), "").await;
    let corpus = corpus();
    test.index(corpus.clone());
    let people = [
        (user("alice", &[]), 3),
        (user("alice", &["sre"]), 5),
        (user("alice", &["sre"]).through(&narrow), 4),
        (user("Alice", &["SRE"]), 2),
        (user("dave", &["sre", "contractors"]), 0),
    ];
    for (person, readable) in people {
        let client = test.client(&person);
        let mut opened = 0;
        for planted in &corpus.documents {
            opened += usize::from(client.get(&planted.id()).await.status == 200);
            client.search(&planted.mark).await.ok();
            let filters = json!({"services": [format!("service-{}", planted.mark)]});
            let body = json!({"query": "database", "filters": filters});
            client.send(post("/v1/search", &body)).await.ok();
        }
        let found = client
            .search("fail over the database")
            .await
            .documents()
            .len();
        assert_eq!((opened, found), (readable, readable), "{person:?}");
        let body = json!({"query": "database", "max_tokens": 9000});
        client.send(post("/v1/context", &body)).await.ok();
        for call in [
            Call::new("GET", "/v1/me"),
            Call::new("GET", "/openapi.json"),
        ] {
            client.send(call).await.ok();
        }
    }
}

/// The client itself has to notice, or it proves nothing.
#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "LEAK")]
async fn the_guarded_client_notices_a_leak() {
    let open = Planted::new("", "open", acl([grant("everyone")]), "words");
    let test = TestApp::holding(Corpus::default().with([open.clone()])).await;
    test.index_behind_the_back_of_the_client(&open);
    test.client(&user("alice", &[])).get(&open.id()).await;
}

/// A reader sees the mark in every field, so its absence elsewhere means something.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_document_carries_its_mark_in_every_field() {
    let open = Planted::new("", "open", acl([grant("everyone")]), "words");
    let test = TestApp::holding(Corpus::default().with([open.clone()])).await;
    let client = test.client(&user("alice", &[]));
    let document = client.get(&open.id()).await.ok();
    for field in [
        "document", "title", "uri", "service", "severity", "tags", "body",
    ] {
        let text = document[field].to_string();
        assert!(
            marks(&text).any(|mark| mark == open.mark),
            "{field}: {text}"
        );
    }
    let hits = client.search("words").await.ok();
    let citation = &hits["hits"][0]["citation"];
    for field in ["document", "title", "uri", "heading"] {
        assert!(
            marks(&citation[field].to_string()).any(|mark| mark == open.mark),
            "{field}"
        );
    }
    assert!(
        hits["hits"][0]["snippet"]
            .as_str()
            .unwrap()
            .contains(&open.mark)
    );
}

/// Logs hold neither queries nor ids nor headers, whatever becomes of the request.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_not_logged() {
    let test = TestApp::holding(corpus()).await;
    let word = fresh_mark();
    test.watch_for(&word);
    let client = test.client(&user("alice", &["sre"]));
    client.search(&word).await.ok();
    client.get(&format!("ops/{word}.md")).await;
    client
        .send(Call::new("GET", format!("/{word}/{word}?{word}")))
        .await;
    client
        .send(Call::new("POST", "/v1/search").json(format!("{{\"{word}\":")))
        .await;
    client
        .send(get_document("ops/x.md").header("ambit-run-id", word.clone()))
        .await;
    client
        .send(get_document("ops/x.md").header("traceparent", word.clone()))
        .await;
    let forged = Some(format!("Bearer {word}.{word}.{word}"));
    let refused = test
        .raw_client(None, forged)
        .send(get_document("ops/x.md"))
        .await;
    assert_eq!(refused.status, 401);
}
