//! The decision scenarios of `fixtures/acl`, through the whole service.

use std::path::Path;

use ambit_indexer::clock::Timestamp;
use serde::Deserialize;

use crate::support::app::TestApp;
use crate::support::corpus::{Corpus, Line, Planted, Policy};
use crate::support::naive::{Person, may_read, user};

#[derive(Deserialize)]
struct Scenario {
    description: String,
    now: String,
    #[serde(default)]
    folders: Vec<Node>,
    document: Node,
    expect: Expected,
    callers: Vec<Expectation>,
}

#[derive(Deserialize)]
struct Node {
    path: String,
    acl: Option<Vec<RawLine>>,
    #[serde(default)]
    owners: Vec<String>,
    label: Option<String>,
}

#[derive(Deserialize)]
struct RawLine {
    grant: Option<String>,
    deny: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
struct Expected {
    label: String,
}

#[derive(Deserialize)]
struct Expectation {
    who: Vec<String>,
    decision: String,
}

fn policy(node: &Node) -> Policy {
    let line = |raw: &RawLine| Line {
        grant: raw.grant.is_some(),
        who: raw.grant.clone().or(raw.deny.clone()).unwrap(),
        until: raw.until.as_ref().map(|until| until.parse().unwrap()),
    };
    Policy {
        acl: node
            .acl
            .as_ref()
            .map(|lines| lines.iter().map(line).collect()),
        owners: node.owners.clone(),
        label: node.label.clone(),
    }
}

fn person(who: &[String]) -> Person {
    let mut person = user("somebody-else", &[]);
    for principal in who {
        match principal.strip_prefix("group:") {
            Some(group) => person.groups.push(group.to_owned()),
            None if principal == "everyone" => {}
            None => person.subject.clone_from(principal),
        }
    }
    person
}

async fn run(scenario: &Scenario) {
    let folders = scenario.folders.iter();
    let folders = folders.map(|node| (("ops".to_owned(), node.path.clone()), policy(node)));
    let planted = Planted::plain(
        &scenario.document.path,
        policy(&scenario.document),
        "The document",
        "restart the database\n",
    );
    let corpus = Corpus {
        folders: folders.collect(),
        documents: vec![planted.clone()],
    };
    let now: Timestamp = scenario.now.parse().unwrap();
    let test = TestApp::at(now, &[], "").await;
    test.index(corpus.clone());
    for expectation in &scenario.callers {
        let person = person(&expectation.who);
        let what = format!("{}: {:?}", scenario.description, expectation.who);
        let allowed = expectation.decision == "allow";
        // The tests' own evaluator has to get these right as well.
        assert_eq!(may_read(&corpus, &planted, &person, now), allowed, "{what}");
        let client = test.client(&person);
        let answer = client.get(&planted.id()).await;
        assert_eq!(answer.status, if allowed { 200 } else { 404 }, "{what}");
        if allowed {
            assert_eq!(answer.json()["label"], scenario.expect.label, "{what}");
        }
        let found = client.search("restart the database").await.documents();
        assert_eq!(found.len(), usize::from(allowed), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_hold_over_http() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/acl");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        run(&toml::from_str(&text).unwrap()).await;
        count += 1;
    }
    assert!(count >= 22, "{count}");
}
