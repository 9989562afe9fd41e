//! `GET /v1/documents/{*id}`: what a reader gets, and that absent is the same as forbidden
//! (leaks S1, B2, B3, B10).

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::{Answer, Call, get_document};
use crate::support::corpus::{Corpus, Planted, acl, grant};
use crate::support::naive::user;

/// An answer without what differs between any two.
fn timeless(mut answer: Answer) -> Answer {
    answer
        .headers
        .retain(|(name, _)| name != "date" && name != "x-request-id");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_document_is_answered_like_an_absent_one() {
    let open = Planted::new("a", "open", acl([grant("everyone")]), "words");
    let hidden = Planted::new("a", "hidden", acl([grant("group:sre")]), "words");
    let unstated = Planted::new("a", "unstated", Default::default(), "words");
    let broken = Planted {
        broken: true,
        ..Planted::new("a", "broken", acl([grant("everyone")]), "words")
    };
    let corpus = Corpus::default().with([
        open.clone(),
        hidden.clone(),
        unstated.clone(),
        broken.clone(),
    ]);
    let test = TestApp::holding(corpus).await;
    let client = test.client(&user("mallory", &["support"]));
    let absent = timeless(client.get("ops/a/absent.md").await);
    assert_eq!(
        (absent.status, absent.problem().as_str()),
        (404, "not-found")
    );
    assert_eq!(absent.header("cache-control"), Some("no-store"));
    let ids = [hidden.id(), unstated.id(), broken.id()];
    for id in &ids {
        assert_eq!(timeless(client.get(id).await), absent, "{id}");
    }
    let targets = [
        format!("/v1/documents/{}/", open.id()),
        format!("/v1/documents/{}%00", open.id()),
        format!("/v1/documents/{}", open.id().to_uppercase()),
        format!("/v1/documents/{}", open.id().replace("/a/", "//a/")),
        format!("/v1/documents/{}", open.id().replace("/a/", "/a/../a/")),
        format!("/v1/documents/{}", open.id().replace("/a/", "/a/%2e/")),
        format!("/v1/documents/{}", open.id().replace(".md", "%FF.md")),
        format!("/v1/documents/{}", open.id().replace(".md", "%CC%81.md")),
        format!("/v1/documents/{}", open.id().replace('/', "%252F")),
        format!("/v1/documents/{}", "x".repeat(5000)),
        "/v1/documents/ops".to_owned(),
        "/v1/documents//".to_owned(),
        "/v1/documents/ops/a".to_owned(),
        "/v1/documents/ops/a/.acl.yaml".to_owned(),
    ];
    for target in targets {
        let answer = client.send(Call::new("GET", target.clone())).await;
        assert_eq!(timeless(answer), absent, "{target}");
    }
    assert_eq!(client.get(&open.id()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_request_for_a_forbidden_document_is_answered_like_any() {
    let hidden = Planted::new("", "hidden", acl([grant("group:sre")]), "words");
    let test = TestApp::holding(Corpus::default().with([hidden.clone()])).await;
    let sre = test.client(&user("alice", &["sre"]));
    let tag = sre
        .get(&hidden.id())
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let conditional = || get_document(&hidden.id()).header("if-none-match", tag.clone());
    let unchanged = sre.send(conditional()).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert!(unchanged.answer_id().is_some());
    let mallory = test.client(&user("mallory", &[]));
    let refused = timeless(mallory.send(conditional()).await);
    assert_eq!(refused, timeless(mallory.get("ops/absent.md").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gets_the_whole_document() {
    let planted = Planted {
        updated: Some("2026-03-01T10:00:00Z".parse().unwrap()),
        ..Planted::new(
            "a b",
            "über ?#%",
            acl([grant("group:sre")]),
            "Words of *prose*.",
        )
    };
    let test = TestApp::holding(Corpus::default().with([planted.clone()])).await;
    let client = test.client(&user("alice", &["sre"]));
    let answer = client.get(&planted.id()).await;
    let body = answer.ok();
    assert_eq!(body["document"], json!(planted.id()));
    assert_eq!(body["title"], json!(planted.title));
    assert_eq!(body["body"], json!(planted.body));
    assert_eq!(body["kind"], "runbook");
    assert_eq!(body["label"], "general");
    assert_eq!(body["tags"], json!(planted.tags));
    assert_eq!(body["updated"], "2026-03-01T10:00:00Z");
    assert_eq!(
        body["uri"],
        json!(format!("https://wiki.example/{}#L1", planted.mark))
    );
    let revision = body["revision"].as_str().unwrap();
    assert_eq!(
        answer.header("etag"),
        Some(format!("\"{revision}\"").as_str())
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// A document without a link of its own gets one to this service that works.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_without_a_link_has_one_to_its_own_page() {
    let planted = Planted::plain("a b/ü.md", acl([grant("everyone")]), "Title", "Text\n");
    let test = TestApp::holding(Corpus::default().with([planted.clone()])).await;
    let client = test.client(&user("alice", &[]));
    let body = client.get(&planted.id()).await.ok();
    let target = body["uri"]
        .as_str()
        .unwrap()
        .strip_prefix("https://ambit.example")
        .unwrap();
    assert_eq!(client.send(Call::new("GET", target)).await.ok(), body);
}
