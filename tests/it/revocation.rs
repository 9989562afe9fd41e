//! REVOCATION: what an acknowledged change took away is not shown, not even by an answer that was
//! being recorded meanwhile (leaks D1, D2, D3, D5).

use ambit::audit::Event;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::app::{TestApp, start};
use crate::support::client::{Answer, Call, Client, get_document, post};
use crate::support::corpus::{Corpus, Planted, acl, deny, grant};
use crate::support::naive::user;

const QUERY: &str = "restart the database";

fn kept() -> Planted {
    Planted::new("kept", "kept", acl([grant("group:sre")]), QUERY)
}

fn taken() -> Planted {
    Planted::new("taken/deep", "taken", Default::default(), QUERY)
}

fn calls(id: &str) -> [Call; 4] {
    [
        post("/v1/search", &json!({"query": QUERY})),
        post("/v1/context", &json!({"query": QUERY, "max_tokens": 900})),
        // Nothing fits: what is left out is named, and counts as much as what is shown.
        post("/v1/context", &json!({"query": QUERY, "max_tokens": 1})),
        get_document(id),
    ]
}

/// Whether each surface shows the document; the client fails if it does so wrongly.
async fn shown(client: &Client, planted: &Planted) -> Vec<bool> {
    let mut shown = Vec::new();
    for call in calls(&planted.id()) {
        shown.push(client.send(call).await.text().contains(&planted.mark));
    }
    shown
}

/// Before, and with each sort of change that takes the document away.
fn changes(kept: &Planted, taken: &Planted) -> (Corpus, Vec<Corpus>) {
    let base = || Corpus::default().with([kept.clone()]);
    let with = |taken: Planted| {
        base()
            .with([taken])
            .folder("taken", acl([grant("group:sre")]))
    };
    let own = Planted {
        policy: acl([grant("user:bob")]),
        ..taken.clone()
    };
    let quarantined = Planted {
        broken: true,
        ..taken.clone()
    };
    let after = vec![
        // The file is deleted.
        base().folder("taken", acl([grant("group:sre")])),
        // The folder's grant goes away; a folder above denies; the folder says nothing any more.
        with(taken.clone()).folder("taken", acl([grant("group:dba")])),
        with(taken.clone())
            .folder("", acl([deny("user:alice")]))
            .folder("kept", acl([])),
        base().with([taken.clone()]),
        // The document states an ACL of its own, or one that cannot be parsed.
        with(own),
        with(quarantined),
    ];
    (with(taken.clone()), after)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_change_is_in_force_at_once() {
    let (kept, taken) = (kept(), taken());
    let (before, after) = changes(&kept, &taken);
    let mut test = TestApp::new().await;
    for change in after {
        test.index(before.clone());
        let alice = test.client(&user("alice", &["sre"]));
        assert_eq!(shown(&alice, &taken).await, [true; 4]);
        test.index(change);
        assert_eq!(shown(&alice, &taken).await, [false; 4]);
        // Nor does it come back.
        test.stop().await;
        test.start().await;
        let alice = test.client(&user("alice", &["sre"]));
        assert_eq!(shown(&alice, &taken).await, [false; 4]);
    }
}

fn withdrawn(test: &TestApp) -> usize {
    let entries = test.entries().into_iter();
    entries
        .filter(|entry| matches!(entry.event, Event::Withdrawn { .. }))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_the_recording_withdraws_the_answer() {
    let (kept, taken) = (kept(), taken());
    let (before, after) = changes(&kept, &taken);
    for (number, change) in after
        .into_iter()
        .enumerate()
        .filter(|(number, _)| number % 2 == 0)
    {
        for call in calls(&taken.id()) {
            let test = TestApp::holding(before.clone()).await;
            let alice = test.client(&user("alice", &["sre"]));
            test.file().during_sync = Some(test.prepared(change.clone()));
            let answer: Answer = alice.send(call.clone()).await;
            let expected = if call.method == "GET" { 404 } else { 200 };
            assert_eq!(answer.status, expected, "{number} {call:?}");
            assert!(!answer.text().contains(&taken.mark), "{number} {call:?}");
            assert_eq!(withdrawn(&test), 1, "{number} {call:?}");
            // Its audit entries are recorded by the next run.
            test.index(change.clone());
        }
    }
}

/// New content under a new ACL: the old readers never see it (leak D2).
#[tokio::test(flavor = "multi_thread")]
async fn new_content_is_never_shown_under_the_old_acl() {
    let revision = |who| {
        let planted = Planted::plain("plan.md", acl([grant(who)]), "Plan", "");
        let body = format!("{QUERY} {}\n", planted.mark);
        Planted { body, ..planted }
    };
    let (before, after) = (revision("group:sre"), revision("user:bob"));
    let secret = after.mark.clone();
    let test = TestApp::holding(Corpus::default().with([before.clone()])).await;
    let alice = test.client(&user("alice", &["sre"]));
    test.file().during_sync = Some(test.prepared(Corpus::default().with([after.clone()])));
    assert!(alice.search(QUERY).await.documents().is_empty());
    assert_eq!(alice.get(&before.id()).await.status, 404);
    test.index(Corpus::default().with([after]));
    let bob = test.client(&user("bob", &[]));
    assert!(bob.get(&before.id()).await.text().contains(&secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_and_denies_end_at_their_instant() {
    let hour = SignedDuration::from_hours(1);
    let end = start() + hour;
    let expiring = Planted::new("", "expiring", acl([grant("group:sre").until(end)]), QUERY);
    let lifted = Planted::new(
        "",
        "lifted",
        acl([grant("group:sre"), deny("user:alice").until(end)]),
        QUERY,
    );
    let test = TestApp::holding(Corpus::default().with([expiring.clone(), lifted.clone()])).await;
    let alice = test.client(&user("alice", &["sre"]));
    let just_before = end - SignedDuration::from_micros(1);
    for (now, live) in [
        (start(), true),
        (just_before, true),
        (end, false),
        (end + hour, false),
    ] {
        test.clock().advance_to(now);
        assert_eq!(shown(&alice, &expiring).await, [live; 4], "{now}");
        assert_eq!(shown(&alice, &lifted).await, [!live; 4], "{now}");
    }
}

/// An answer that was made while a grant was live is judged by its own instant; the next is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_document_that_comes_back_is_shown_again() {
    let (kept, taken) = (kept(), taken());
    let (before, after) = changes(&kept, &taken);
    let test = TestApp::holding(before.clone()).await;
    let alice = test.client(&user("alice", &["sre"]));
    for change in after {
        test.index(change);
        assert_eq!(shown(&alice, &taken).await, [false; 4]);
        test.index(before.clone());
        assert_eq!(shown(&alice, &taken).await, [true; 4]);
    }
}
