//! Requests that are not valid: each is refused with the field named (leaks B6, B8, R3, R4).

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{Call, get_document, post};
use crate::support::corpus::{Corpus, Planted, acl, grant};
use crate::support::naive::user;

fn corpus() -> Corpus {
    Corpus::default().with([
        Planted::new("", "open", acl([grant("everyone")]), "restart the database"),
        Planted::new(
            "",
            "hidden",
            acl([grant("group:sre")]),
            "restart the database",
        ),
    ])
}

/// A body, with the field that the answer has to name.
fn invalid_searches() -> Vec<(String, &'static str)> {
    let text = |value: Value| value.to_string();
    vec![
        (text(json!({})), "query"),
        (text(json!({"top_k": 3})), "query"),
        (text(json!({"query": null})), "query"),
        (text(json!({"query": 7})), "query"),
        (text(json!({"query": ["x"]})), "query"),
        (text(json!({"query": ""})), "query"),
        (text(json!({"query": " \u{0}\u{200b} "})), "query"),
        (text(json!({"query": "*:* && ||"})), "query"),
        (text(json!({"query": "x".repeat(8 * 1024 + 1)})), "query"),
        (text(json!({"query": "x", "top_k": 0})), "top_k"),
        (text(json!({"query": "x", "top_k": 101})), "top_k"),
        (text(json!({"query": "x", "top_k": -1})), "top_k"),
        (text(json!({"query": "x", "top_k": 1.5})), "top_k"),
        (text(json!({"query": "x", "top_k": "3"})), "top_k"),
        (text(json!({"query": "x", "top_k": u64::MAX})), "top_k"),
        (
            text(json!({"query": "x", "principals": ["user:bob"]})),
            "principals",
        ),
        (text(json!({"query": "x", "acl": {}})), "acl"),
        ("".to_owned(), "body"),
        ("{".to_owned(), "body"),
        ("[]".to_owned(), "body"),
        ("null".to_owned(), "body"),
        ("\"x\"".to_owned(), "body"),
        (r#"{"query":"x"} {"query":"y"}"#.to_owned(), "body"),
        (r#"{"query":"x","query":"y"}"#.to_owned(), "query"),
        (format!(r#"{{"query":{}"#, "[".repeat(100_000)), "query"),
        (r#"["x", 3, {}]"#.to_owned(), "body"),
        (
            format!(r#"{{"query":"x","filters":{}"#, "{\"tags\":".repeat(50_000)),
            "filters",
        ),
        (r#"{"query":"\ud800"}"#.to_owned(), "query"),
    ]
}

fn invalid_filters() -> Vec<(String, &'static str)> {
    let filters = |value: Value| json!({"query": "x", "filters": value}).to_string();
    vec![
        (filters(json!("ops")), "filters"),
        (filters(json!([])), "filters"),
        (filters(json!({"acl": ["everyone"]})), "filters.acl"),
        (filters(json!({"owners": ["x"]})), "filters.owners"),
        (filters(json!({"tags": ["x".repeat(513)]})), "filters.tags"),
        (
            filters(json!({"collections": "ops"})),
            "filters.collections",
        ),
        (
            filters(json!({"collections": [1]})),
            "filters.collections[0]",
        ),
        (
            filters(json!({"collections": vec!["c"; 101]})),
            "filters.collections",
        ),
        (filters(json!({"kinds": ["Runbook"]})), "filters.kinds"),
        (filters(json!({"labels": ["secret"]})), "filters.labels"),
        (filters(json!({"tags": {"$ne": ""}})), "filters.tags"),
        (
            filters(json!({"updated_since": "yesterday"})),
            "filters.updated_since",
        ),
        (
            filters(json!({"updated_since": 1})),
            "filters.updated_since",
        ),
    ]
}

/// Whether the field named is the expected one or one inside it.
fn names(found: &str, expected: &str) -> bool {
    let rest = found.strip_prefix(expected);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_searches_name_the_field() {
    let test = TestApp::holding(corpus()).await;
    let client = test.client(&user("alice", &[]));
    for (body, field) in invalid_searches().into_iter().chain(invalid_filters()) {
        let shown: String = body.chars().take(120).collect();
        let answer = client
            .send(Call::new("POST", "/v1/search").json(body))
            .await;
        assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
        assert_eq!(answer.problem(), "invalid-request", "{shown}");
        let found = answer.json()["errors"][0]["field"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            names(&found, field),
            "{shown}: named {found}, expected {field}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_contexts_name_the_field() {
    let test = TestApp::holding(corpus()).await;
    let client = test.client(&user("alice", &[]));
    let cases = [
        (json!({"query": "x"}), "max_tokens"),
        (json!({"query": "x", "max_tokens": 0}), "max_tokens"),
        (json!({"query": "x", "max_tokens": 200_001}), "max_tokens"),
        (json!({"query": "x", "max_tokens": "many"}), "max_tokens"),
        (json!({"max_tokens": 10}), "query"),
        (json!({"query": "", "max_tokens": 10}), "query"),
        (json!({"query": "x", "max_tokens": 10, "top_k": 0}), "top_k"),
        (
            json!({"query": "x", "max_tokens": 10, "format": "anthropic"}),
            "format",
        ),
        (
            json!({"query": "x", "max_tokens": 10, "format": "Text"}),
            "format",
        ),
        (
            json!({"query": "x", "max_tokens": 10, "render": "html"}),
            "render",
        ),
        (
            json!({"query": "x", "max_tokens": 10, "filters": {"kinds": ["x"]}}),
            "filters.kinds",
        ),
    ];
    for (body, field) in cases {
        let answer = client.send(post("/v1/context", &body)).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let found = answer.json()["errors"][0]["field"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            names(&found, field),
            "{body}: named {found}, expected {field}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_to_be_json_of_a_bounded_size() {
    let test = TestApp::with(&[], "[limits]\nbody_bytes = 4096").await;
    test.index(corpus());
    let client = test.client(&user("alice", &[]));
    let plain = Call {
        body: br#"{"query":"x"}"#.to_vec(),
        ..Call::new("POST", "/v1/search")
    };
    for kind in [
        None,
        Some("text/plain"),
        Some("application/jsonx"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let call = plain.clone();
        let call = kind.map_or(call.clone(), |kind| call.header("content-type", kind));
        let answer = client.send(call).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (415, "unsupported-media-type")
        );
    }
    let charset = plain
        .clone()
        .header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(client.send(charset).await.status, 200);
    let huge = json!({"query": "x".repeat(4096)}).to_string();
    let answer = client
        .send(Call::new("POST", "/v1/search").json(huge))
        .await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "too-large")
    );
    let invalid = Call::new("POST", "/v1/search").json(b"{\"query\":\"\xff\"}".to_vec());
    assert_eq!(client.send(invalid).await.status, 400);
}

/// Operators, field names and quotes are words like any others (leak B6).
#[tokio::test(flavor = "multi_thread")]
async fn query_text_is_plain_words() {
    let test = TestApp::holding(corpus()).await;
    let client = test.client(&user("alice", &[]));
    let restart = client.search("restart").await.documents();
    assert_eq!(restart.len(), 1);
    let harmless = [
        "restart OR *",
        "restart AND nothing",
        "+restart -database",
        "restart^100",
        "rest*",
        "ord:0 restart",
        "text:restart",
        "acl:everyone restart",
        "restart) OR (1:1",
        "/restart/",
        "restart\u{0}",
        "restart\r\n",
        "restart'; DROP TABLE documents;--",
        "\"restart",
        "restart~2",
        "[a TO z] restart",
        "{\"$ne\": \"restart\"}",
        "NOT restart",
        "restart \\\" x",
    ];
    for query in harmless {
        let found = client.search(query).await.documents();
        let expected = if query == "rest*" {
            &restart[..0]
        } else {
            &restart[..]
        };
        assert_eq!(found, expected, "{query}");
    }
    for query in ["ord:0", "number:0", "length:4", "everyone", "group:sre"] {
        assert!(client.search(query).await.documents().is_empty(), "{query}");
    }
    assert_eq!(client.search("\"the database\"").await.documents(), restart);
    assert!(
        client
            .search("\"database the\"")
            .await
            .documents()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn run_ids_are_visible_ascii() {
    let test = TestApp::holding(corpus()).await;
    let client = test.client(&user("alice", &[]));
    for name in ["ambit-run-id", "traceparent"] {
        for bad in [
            String::new(),
            "a b".to_owned(),
            "ü".to_owned(),
            "x".repeat(129),
        ] {
            let answer = client
                .send(get_document("ops/x.md").header(name, bad))
                .await;
            assert_eq!(answer.status, 400, "{name}");
            assert_eq!(answer.json()["errors"][0]["field"], name);
        }
        let twice = get_document("ops/x.md").header(name, "a").header(name, "b");
        assert_eq!(client.send(twice).await.status, 400);
        assert_eq!(
            client
                .send(get_document("ops/x.md").header(name, "run-7"))
                .await
                .status,
            404
        );
    }
    let runs = test.entries().into_iter().filter_map(|entry| entry.run);
    assert_eq!(runs.collect::<Vec<_>>(), ["run-7"]);
}
