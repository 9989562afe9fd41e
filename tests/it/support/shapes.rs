//! Random worlds: a small vocabulary, nested folders, every sort of ACL, duplicates and ties.

use std::collections::BTreeMap;

use ambit_indexer::clock::Timestamp;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use uuid::Uuid;

use super::app::start;
use super::corpus::{Corpus, Line, Planted, Policy, mark};
use super::naive::{Agent, Person};

/// Words of all documents: few, so that they repeat, with names as operators write them.
pub(crate) const WORDS: [&str; 16] = [
    "failover",
    "restart",
    "the",
    "database",
    "KubePodCrashLooping",
    "kube_pod_crash_looping",
    "0x80070005",
    "ORA-00600",
    "db-prod-03",
    "error.go:142",
    "latency",
    "queue",
    "drained",
    "draining",
    "ОШИБКА",
    "crash",
];
const FOLDERS: [&str; 6] = ["", "a", "a/b", "a/b/c", "d", "d/e"];
const PRINCIPALS: [&str; 8] = [
    "everyone",
    "user:alice",
    "user:bob",
    "group:g1",
    "group:g2",
    "group:g3",
    "app:robot",
    "user:g1",
];
const LABELS: [&str; 4] = ["public", "general", "confidential", "highly-confidential"];
/// Tags, services and so on that documents share.
pub(crate) const TAGS: [&str; 3] = ["tls", "dns", "Disk Full"];

/// A document before it has a mark.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    folder: &'static str,
    other_collection: bool,
    policy: Policy,
    title: String,
    body: String,
    /// Carries no mark but in its path, so that it can tie with others.
    plain: bool,
    kind: Option<&'static str>,
    service: Option<&'static str>,
    severity: Option<&'static str>,
    tags: Vec<&'static str>,
    uri: bool,
    updated: Option<Timestamp>,
    broken: bool,
    /// Had other text before.
    pub(crate) changed: bool,
    /// Came late.
    pub(crate) late: bool,
    /// Is gone at the end.
    pub(crate) ghost: bool,
}

/// A random world.
#[derive(Clone, Debug)]
pub(crate) struct WorldShape {
    pub(crate) folders: Vec<(&'static str, Policy)>,
    pub(crate) documents: Vec<Shape>,
    pub(crate) seed: u128,
    pub(crate) people: Vec<Person>,
    pub(crate) rebuild: bool,
    pub(crate) queries: Vec<String>,
}

/// The agents that random worlds register.
pub(crate) fn agents() -> Vec<Agent> {
    let agent = |name: &str, collections: &[&str], highest_label| Agent {
        name: name.to_owned(),
        collections: Some(collections.iter().map(|name| (*name).to_owned()).collect()),
        highest_label,
    };
    vec![
        agent("narrow", &["ops"], "general"),
        agent("other", &["other"], "confidential"),
        agent("robot", &["ops", "other"], "confidential"),
    ]
}

fn line() -> impl Strategy<Value = Line> {
    let hour = jiff::SignedDuration::from_hours(1);
    let instants = vec![start() - hour, start(), start() + hour];
    (
        prop::bool::weighted(0.8),
        prop::sample::select(&PRINCIPALS[..]),
        weighted(0.2, prop::sample::select(instants)),
    )
        .prop_map(|(grant, who, until)| Line {
            grant,
            who: who.to_owned(),
            until,
        })
}

fn policy(stated: f64) -> impl Strategy<Value = Policy> {
    let owners = vec(prop::sample::select(&PRINCIPALS[1..]), 0..2);
    let label = weighted(0.3, prop::sample::select(&LABELS[..]));
    (weighted(stated, vec(line(), 0..4)), owners, label).prop_map(|(acl, owners, label)| Policy {
        acl,
        owners: owners.into_iter().map(str::to_owned).collect(),
        label: label.map(str::to_owned),
    })
}

fn words(count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    vec(prop::sample::select(&WORDS[..]), count).prop_map(|words| words.join(" "))
}

fn body() -> impl Strategy<Value = String> {
    // Some sections exceed a chunk's size, so that documents have several.
    let section = (weighted(0.4, words(1..3)), words(1..90)).prop_map(|(heading, text)| {
        heading.map_or_else(|| text.clone(), |heading| format!("## {heading}\n\n{text}"))
    });
    vec(section, 1..4).prop_map(|sections| sections.join("\n\n") + "\n")
}

fn shape() -> impl Strategy<Value = Shape> {
    let place = (
        prop::sample::select(&FOLDERS[..]),
        prop::bool::weighted(0.2),
    );
    let text = (policy(0.5), words(1..4), body(), prop::bool::weighted(0.3));
    let facts = (
        prop::option::of(prop::sample::select(&["runbook", "incident", "doc"][..])),
        prop::option::of(prop::sample::select(&["orders-db", "edge"][..])),
        prop::option::of(Just("sev1")),
        prop::sample::subsequence(TAGS.to_vec(), 0..=2),
        any::<bool>(),
        prop::option::of(prop::sample::select(vec![
            "2025-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
            "2026-05-01T00:00:00Z".parse::<Timestamp>().unwrap(),
        ])),
    );
    let history = (
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.3),
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    (place, text, facts, history).prop_map(|(place, text, facts, history)| Shape {
        folder: place.0,
        other_collection: place.1,
        policy: text.0,
        title: text.1,
        body: text.2,
        plain: text.3,
        kind: facts.0,
        service: facts.1,
        severity: facts.2,
        tags: facts.3,
        uri: facts.4,
        updated: facts.5,
        broken: history.0,
        changed: history.1,
        late: history.2,
        ghost: history.3,
    })
}

fn people() -> impl Strategy<Value = Vec<Person>> {
    let groups = || prop::sample::subsequence(vec!["g1", "g2", "g3"], 0..=3);
    let person = |subject: &str, groups: Vec<&str>, agent: Agent| Person {
        subject: subject.to_owned(),
        groups: groups.into_iter().map(str::to_owned).collect(),
        agent,
    };
    let narrow = prop::sample::select(&[0_usize, 1][..]);
    (groups(), groups(), narrow, groups()).prop_map(move |(alice, bob, narrow, robot)| {
        vec![
            person("user:alice", alice, Agent::demo()),
            person("user:bob", bob, agents()[narrow].clone()),
            person("app:robot", robot, agents()[2].clone()),
        ]
    })
}

/// Random worlds.
pub(crate) fn worlds() -> impl Strategy<Value = WorldShape> {
    let folders = prop::sample::subsequence(FOLDERS.to_vec(), 0..=4).prop_flat_map(|paths| {
        paths
            .into_iter()
            .map(|path| (Just(path), policy(0.8)))
            .collect::<Vec<_>>()
    });
    (
        folders,
        vec(shape(), 5..=40),
        any::<u128>(),
        people(),
        any::<bool>(),
        vec(words(1..5), 2..4),
    )
        .prop_map(
            |(folders, documents, seed, people, rebuild, queries)| WorldShape {
                folders,
                documents,
                seed,
                people,
                rebuild,
                queries,
            },
        )
}

impl WorldShape {
    /// Its documents, planted, with whatever `keep` says about their shapes.
    pub(crate) fn corpus(&self, keep: impl Fn(&Shape) -> bool, earlier: bool) -> Corpus {
        let mut folders = BTreeMap::new();
        for collection in ["ops", "other"] {
            for (path, policy) in &self.folders {
                folders.insert((collection.to_owned(), (*path).to_owned()), policy.clone());
            }
        }
        let documents = self.documents.iter().enumerate();
        let documents = documents
            .filter(|(_, shape)| keep(shape))
            .map(|(number, shape)| self.plant(number, shape, earlier));
        Corpus {
            folders,
            documents: documents.collect(),
        }
    }

    fn plant(&self, number: usize, shape: &Shape, earlier: bool) -> Planted {
        let seed = Uuid::from_u128(self.seed);
        let mark = mark(Uuid::new_v5(&seed, &number.to_le_bytes()));
        let slash = if shape.folder.is_empty() { "" } else { "/" };
        let path = format!("{}{slash}{mark}.md", shape.folder);
        let mut text = shape.body.clone();
        if earlier && shape.changed {
            text = format!("failover failover {text} earlier");
        }
        let collection = if shape.other_collection {
            "other"
        } else {
            "ops"
        };
        let facts = Planted {
            collection: collection.to_owned(),
            kind: shape.kind,
            service: shape.service.map(str::to_owned),
            severity: shape.severity.map(str::to_owned),
            tags: shape.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            uri: shape
                .uri
                .then(|| format!("https://wiki.example/{mark}?line={{line}}")),
            updated: shape.updated,
            broken: shape.broken,
            mark: mark.clone(),
            ..Planted::plain(&path, shape.policy.clone(), &shape.title, &text)
        };
        if shape.plain {
            return facts;
        }
        let mut tags = facts.tags.clone();
        tags.push(format!("tag-{mark}"));
        let mut policy = facts.policy.clone();
        policy.owners.push(format!("group:owners-{mark}"));
        Planted {
            title: format!("{} {mark}", shape.title),
            body: format!("# {mark} {}\n\n{text}\nThe end of {mark}.\n", shape.title),
            severity: Some(format!("severity-{mark}")),
            tags,
            policy,
            ..facts
        }
    }
}
