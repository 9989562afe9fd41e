//! The scenario files `fixtures/acl/*.toml`, each through inheritance and decision.

use std::path::{Path, PathBuf};

use ambit_indexer::acl::inherit::FolderPolicy;
use ambit_indexer::acl::{Access, Decision, Entry, StatedPolicy, decide, effective};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::directory::Directory;
use ambit_indexer::label::Labels;
use ambit_indexer::principal::{Principal, PrincipalSet, TenantId};
use ambit_indexer::source::folder::enclosing;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    description: String,
    now: String,
    #[serde(default)]
    folders: Vec<Node>,
    document: Node,
    expect: Expect,
    callers: Vec<Caller>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    path: String,
    acl: Option<Vec<Written>>,
    #[serde(default)]
    owners: Vec<String>,
    label: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    grant: Option<String>,
    deny: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    label: String,
    owners: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Caller {
    who: Vec<String>,
    decision: String,
}

fn directory() -> Directory {
    Directory::embedded(TenantId::new(Uuid::from_u128(1)))
}

fn principals(names: &[String]) -> Vec<Principal> {
    let resolve = |name: &String| directory().resolve(&name.parse().unwrap()).unwrap();
    names.iter().map(resolve).collect()
}

fn stated(node: &Node, labels: &Labels) -> StatedPolicy {
    let entry = |written: &Written| {
        let (access, name) = match (&written.grant, &written.deny) {
            (Some(name), None) => (Access::Grant, name),
            (None, Some(name)) => (Access::Deny, name),
            _ => unreachable!("an entry grants or denies"),
        };
        Entry {
            access,
            principal: principals(std::slice::from_ref(name))[0],
            until: written.until.as_ref().map(|text| text.parse().unwrap()),
        }
    };
    StatedPolicy {
        acl: node.acl.as_ref().map(|acl| acl.iter().map(entry).collect()),
        owners: principals(&node.owners),
        label: node.label.as_ref().map(|name| labels.get(name).unwrap()),
    }
}

fn run(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let scenario: Scenario = toml::from_str(&text).unwrap();
    let name = format!("{}: {}", file.display(), scenario.description);
    let labels = Labels::default();
    let now: Timestamp = scenario.now.parse().unwrap();
    let mut folders = Vec::new();
    for path in enclosing(&scenario.document.path) {
        let found = scenario.folders.iter().find(|folder| folder.path == path);
        folders.extend(found.map(|folder| (path, stated(folder, &labels))));
    }
    assert_eq!(folders.len(), scenario.folders.len(), "{name}: all enclose");
    let above: Vec<FolderPolicy<'_>> = folders
        .iter()
        .map(|(path, policy)| FolderPolicy { path, policy })
        .collect();
    let own = stated(&scenario.document, &labels);
    let acl = effective(&above, &own, labels.unlabelled());
    assert_eq!(labels.name(acl.label), scenario.expect.label, "{name}");
    let mut owners = principals(&scenario.expect.owners);
    owners.sort();
    assert_eq!(acl.owners, owners, "{name}");
    assert!(!scenario.callers.is_empty(), "{name}: asks somebody");
    for caller in &scenario.callers {
        let set = PrincipalSet::complete(principals(&caller.who));
        let expected = match caller.decision.as_str() {
            "allow" => Decision::Allow,
            "deny" => Decision::Deny,
            _ => unreachable!("a decision is allow or deny"),
        };
        let verdict = decide(&acl.entries, &set, now);
        assert_eq!(verdict.decision, expected, "{name}: {:?}", caller.who);
    }
}

#[test]
fn every_scenario_file_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/acl");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the scenario files are there");
    for file in files {
        let toml = file.extension().is_some_and(|ending| ending == "toml");
        assert!(toml, "{} is no scenario", file.display());
        run(&file);
    }
}
