//! Worlds of documents, built in code and written as Markdown files with folder policies.
//!
//! Every planted document carries a mark, a random 128-bit number, in each of its fields.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ambit_indexer::clock::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// What every mark begins with, so that a scan finds all of them in one pass.
pub(crate) const MARK_PREFIX: &str = "c4fe";
/// Hexadecimal digits of a whole mark: the prefix and 128 random bits.
pub(crate) const MARK_LENGTH: usize = MARK_PREFIX.len() + 32;

/// A mark from 128 bits.
pub(crate) fn mark(bits: Uuid) -> String {
    format!("{MARK_PREFIX}{}", bits.simple())
}

/// A mark that no other document has.
pub(crate) fn fresh_mark() -> String {
    mark(Uuid::new_v4())
}

/// One line of an ACL, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) grant: bool,
    pub(crate) who: String,
    pub(crate) until: Option<Timestamp>,
}

/// `group:sre` and so on may read.
pub(crate) fn grant(who: &str) -> Line {
    Line {
        grant: true,
        who: who.to_owned(),
        until: None,
    }
}

/// `group:sre` and so on may not read.
pub(crate) fn deny(who: &str) -> Line {
    Line {
        grant: false,
        ..grant(who)
    }
}

impl Line {
    /// The same until an instant.
    pub(crate) fn until(self, until: Timestamp) -> Self {
        Self {
            until: Some(until),
            ..self
        }
    }
}

/// What a folder or a document states about access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) acl: Option<Vec<Line>>,
    pub(crate) owners: Vec<String>,
    pub(crate) label: Option<String>,
}

/// A policy with this ACL and nothing else.
pub(crate) fn acl(lines: impl IntoIterator<Item = Line>) -> Policy {
    Policy {
        acl: Some(lines.into_iter().collect()),
        ..Policy::default()
    }
}

impl Policy {
    fn keys(&self) -> Vec<(&'static str, serde_json::Value)> {
        let mut keys = Vec::new();
        if let Some(lines) = &self.acl {
            let lines = lines.iter().map(|line| {
                let access = if line.grant { "grant" } else { "deny" };
                let mut entry = serde_json::Map::new();
                entry.insert(access.to_owned(), json!(line.who));
                if let Some(until) = line.until {
                    entry.insert("until".to_owned(), json!(until.to_string()));
                }
                serde_json::Value::Object(entry)
            });
            keys.push(("acl", lines.collect()));
        }
        if !self.owners.is_empty() {
            keys.push(("owners", json!(self.owners)));
        }
        if let Some(label) = &self.label {
            keys.push(("label", json!(label)));
        }
        keys
    }

    /// As the text of an `.acl.yaml`; JSON is YAML.
    pub(crate) fn yaml(&self) -> String {
        let keys = self.keys().into_iter();
        keys.map(|(key, value)| format!("{key}: {value}\n"))
            .collect()
    }
}

/// One document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planted {
    pub(crate) collection: String,
    /// Path within the collection, with the mark in the file's name.
    pub(crate) path: String,
    pub(crate) mark: String,
    pub(crate) policy: Policy,
    pub(crate) title: String,
    /// Markdown.
    pub(crate) body: String,
    pub(crate) kind: Option<&'static str>,
    pub(crate) service: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) uri: Option<String>,
    pub(crate) updated: Option<Timestamp>,
    /// The ACL is written so that it cannot be parsed: quarantined, and read by nobody.
    pub(crate) broken: bool,
}

impl Planted {
    /// A document in `ops` that carries its mark in every field.
    pub(crate) fn new(folder: &str, name: &str, policy: Policy, text: &str) -> Self {
        let mark = fresh_mark();
        Self::marked(folder, name, mark, policy, text)
    }

    /// The same with a given mark.
    pub(crate) fn marked(
        folder: &str,
        name: &str,
        mark: String,
        mut policy: Policy,
        text: &str,
    ) -> Self {
        policy.owners.push(format!("group:owners-{mark}"));
        let slash = if folder.is_empty() { "" } else { "/" };
        Self {
            collection: "ops".to_owned(),
            path: format!("{folder}{slash}{name}-{mark}.md"),
            policy,
            title: format!("{name} {mark}"),
            body: format!("# About {name} {mark}\n\n{text} {mark}\n"),
            kind: Some("runbook"),
            service: Some(format!("service-{mark}")),
            severity: Some(format!("severity-{mark}")),
            tags: vec![format!("tag-{mark}")],
            uri: Some(format!("https://wiki.example/{mark}#L{{line}}")),
            updated: None,
            broken: false,
            mark,
        }
    }

    /// A document without a mark anywhere but in its path, so that copies score alike.
    pub(crate) fn plain(path: &str, policy: Policy, title: &str, body: &str) -> Self {
        Self {
            collection: "ops".to_owned(),
            path: path.to_owned(),
            mark: fresh_mark(),
            policy,
            title: title.to_owned(),
            body: body.to_owned(),
            kind: None,
            service: None,
            severity: None,
            tags: Vec::new(),
            uri: None,
            updated: None,
            broken: false,
        }
    }

    /// The document id.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.collection, self.path)
    }

    /// The file.
    pub(crate) fn markdown(&self) -> String {
        let mut keys = vec![("title", json!(self.title))];
        keys.extend(self.kind.map(|kind| ("kind", json!(kind))));
        keys.extend(self.service.iter().map(|value| ("service", json!(value))));
        keys.extend(self.severity.iter().map(|value| ("severity", json!(value))));
        keys.extend(self.uri.iter().map(|value| ("uri", json!(value))));
        if !self.tags.is_empty() {
            keys.push(("tags", json!(self.tags)));
        }
        if let Some(updated) = self.updated {
            keys.push(("updated", json!(updated.to_string())));
        }
        let mut policy = self.policy.keys();
        if self.broken {
            policy.retain(|(key, _)| *key != "acl");
            policy.push(("acl", json!("no")));
        }
        keys.extend(policy);
        let front: String = keys
            .into_iter()
            .map(|(key, value)| format!("{key}: {value}\n"))
            .collect();
        format!("---\n{front}---\n{}", self.body)
    }
}

/// Folder policies and documents of all collections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Corpus {
    /// By collection and folder; `""` is a collection's root.
    pub(crate) folders: BTreeMap<(String, String), Policy>,
    pub(crate) documents: Vec<Planted>,
}

impl Corpus {
    /// States a policy for a folder of `ops`.
    pub(crate) fn folder(mut self, path: &str, policy: Policy) -> Self {
        let place = ("ops".to_owned(), path.to_owned());
        self.folders.insert(place, policy);
        self
    }

    /// Adds documents.
    pub(crate) fn with(mut self, documents: impl IntoIterator<Item = Planted>) -> Self {
        self.documents.extend(documents);
        self
    }

    /// Collections in which something stands, and those of `known`.
    pub(crate) fn collections(&self, known: &BTreeSet<String>) -> BTreeSet<String> {
        let documents = self.documents.iter().map(|planted| &planted.collection);
        let folders = self.folders.keys().map(|(collection, _)| collection);
        documents.chain(folders).chain(known).cloned().collect()
    }

    /// Writes one collection below `root`, which is emptied first.
    pub(crate) fn write(&self, collection: &str, root: &Path) {
        if root.exists() {
            std::fs::remove_dir_all(root).unwrap();
        }
        std::fs::create_dir_all(root).unwrap();
        for ((_, folder), policy) in self.folders.iter().filter(|((of, _), _)| of == collection) {
            let folder = root.join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(".acl.yaml"), policy.yaml()).unwrap();
        }
        let documents = self.documents.iter();
        for planted in documents.filter(|planted| planted.collection == collection) {
            let file = root.join(&planted.path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, planted.markdown()).unwrap();
        }
    }
}
