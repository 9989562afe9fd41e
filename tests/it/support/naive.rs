//! Who may read what, once more, from the contract alone: names are compared as text, nothing is
//! shared with the code under test.

use std::collections::BTreeSet;

use ambit_indexer::clock::Timestamp;

use super::corpus::{Corpus, Line, Planted, Policy};

const LABELS: [&str; 4] = ["public", "general", "confidential", "highly-confidential"];

/// Who asks, by names, and through which agent.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// `user:alice` or, for an application on its own, `app:robot`.
    pub(crate) subject: String,
    pub(crate) groups: Vec<String>,
    pub(crate) agent: Agent,
}

/// An agent's registration, as far as it limits reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) name: String,
    /// `None` is all.
    pub(crate) collections: Option<Vec<String>>,
    pub(crate) highest_label: &'static str,
}

impl Agent {
    /// The agent that development registers.
    pub(crate) fn demo() -> Self {
        Self {
            name: "demo".to_owned(),
            collections: None,
            highest_label: "highly-confidential",
        }
    }
}

/// A user of groups, through `demo`.
pub(crate) fn user(name: &str, groups: &[&str]) -> Person {
    Person {
        subject: format!("user:{name}"),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        agent: Agent::demo(),
    }
}

impl Person {
    /// The same person through another agent.
    pub(crate) fn through(self, agent: &Agent) -> Self {
        let agent = agent.clone();
        Self { agent, ..self }
    }

    /// Everything that the person stands for.
    pub(crate) fn principals(&self) -> BTreeSet<String> {
        let groups = self.groups.iter().map(|group| format!("group:{group}"));
        let itself = [self.subject.clone(), "everyone".to_owned()];
        groups.chain(itself).collect()
    }
}

/// Whether a person may read a document, now.
pub(crate) fn may_read(
    corpus: &Corpus,
    planted: &Planted,
    person: &Person,
    now: Timestamp,
) -> bool {
    if planted.broken {
        return false;
    }
    // Nearest first: the document itself, then its folders outwards to the root.
    let mut path: Vec<&Policy> = vec![&planted.policy];
    let mut rest = planted.path.as_str();
    while !rest.is_empty() {
        rest = rest.rfind('/').map_or("", |at| &rest[..at]);
        let place = (planted.collection.clone(), rest.to_owned());
        path.extend(corpus.folders.get(&place));
    }
    let who = person.principals();
    let applies = |line: &&Line| {
        let live = line.until.is_none_or(|until| now < until);
        live && who.contains(&line.who)
    };
    let stated = path.iter().filter_map(|policy| policy.acl.as_ref());
    let denied = stated
        .clone()
        .flatten()
        .any(|line| !line.grant && applies(&line));
    let nearest = stated.clone().next();
    let granted =
        nearest.is_some_and(|lines| lines.iter().any(|line| line.grant && applies(&line)));
    let sensitivity = |label: &str| LABELS.iter().position(|known| *known == label).unwrap();
    let labels = path.iter().filter_map(|policy| policy.label.as_deref());
    let label = labels
        .map(sensitivity)
        .max()
        .unwrap_or(sensitivity("general"));
    let within = match &person.agent.collections {
        None => true,
        Some(names) => names.contains(&planted.collection),
    };
    granted && !denied && within && label <= sensitivity(person.agent.highest_label)
}
