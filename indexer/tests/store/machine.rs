//! Random edits, runs, reopenings and lost indexes, against a model of what must be in force.

use std::collections::BTreeMap;

use ambit_indexer::acl::inherit::FolderPolicy;
use ambit_indexer::acl::{Access, EffectiveAcl, Entry, StatedPolicy, effective};
use ambit_indexer::catalog::Ord;
use ambit_indexer::source::folder::enclosing;
use ambit_indexer::store::Store;
use proptest::prelude::*;

use crate::support::{COLLECTION, World, check, check_history, id, live};

const FILES: [&str; 4] = ["a.md", "x/b.md", "x/c.md", "x/y/d.md"];
const FOLDERS: [&str; 3] = ["", "x", "x/y"];
const GROUPS: [&str; 2] = ["group:sre", "group:dba"];
const LABELS: [&str; 4] = ["public", "general", "confidential", "highly-confidential"];

/// What a file or a folder states. Numbers index the lists above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stated {
    acl: Option<Vec<(bool, usize)>>,
    label: Option<usize>,
    broken: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Body(usize, u8),
    State(usize, Stated),
    Remove(usize),
    Move(usize, usize),
    Folder(usize, Option<Stated>),
    Run,
    Reopen,
    DiscardIndex,
}

fn stated() -> impl Strategy<Value = Stated> {
    let entries = prop::collection::vec((any::<bool>(), 0_usize..2), 0..3);
    let broken = prop::bool::weighted(0.15);
    (
        prop::option::of(entries),
        prop::option::of(0_usize..4),
        broken,
    )
        .prop_map(|(acl, label, broken)| Stated { acl, label, broken })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..4, 0_u8..3).prop_map(|(file, body)| Step::Body(file, body)),
        3 => (0_usize..4, stated()).prop_map(|(file, stated)| Step::State(file, stated)),
        1 => (0_usize..4).prop_map(Step::Remove),
        1 => (0_usize..4, 0_usize..4).prop_map(|(from, to)| Step::Move(from, to)),
        3 => (0_usize..3, prop::option::of(stated()))
            .prop_map(|(folder, stated)| Step::Folder(folder, stated)),
        6 => Just(Step::Run),
        1 => Just(Step::Reopen),
        1 => Just(Step::DiscardIndex),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct InForce {
    body: u8,
    /// Front matter moves the lines of the body, and with them the revision.
    lines: usize,
    acl: EffectiveAcl,
    ord: Ord,
}

/// The model, and the real thing beside it.
struct Machine {
    world: World,
    files: BTreeMap<usize, (u8, Stated)>,
    folders: BTreeMap<usize, Stated>,
    in_force: BTreeMap<usize, InForce>,
    highest: Ord,
}

impl Machine {
    fn new() -> Self {
        let mut world = World::new();
        world.allow_mass_removal = true;
        Self {
            world,
            files: BTreeMap::new(),
            folders: BTreeMap::new(),
            in_force: BTreeMap::new(),
            highest: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Body(file, body) => {
                let stated = self.files.get(file).map(|(_, stated)| stated.clone());
                self.put(*file, *body, stated.unwrap_or_default());
            }
            Step::State(file, stated) => {
                let body = self.files.get(file).map_or(0, |(body, _)| *body);
                self.put(*file, body, stated.clone());
            }
            Step::Remove(file) => self.drop_file(*file),
            Step::Move(from, to) => {
                if let Some((body, stated)) = self.files.get(from).cloned() {
                    self.drop_file(*from);
                    self.put(*to, body, stated);
                }
            }
            Step::Folder(folder, stated) => self.state_folder(*folder, stated.as_ref()),
            Step::Run => {
                self.world.run();
                self.expect();
            }
            Step::Reopen => self.world.close(),
            Step::DiscardIndex => {
                self.world.close();
                if self.world.data().exists() {
                    Store::discard_index(&self.world.data()).unwrap();
                }
            }
        }
        self.compare();
    }

    fn put(&mut self, file: usize, body: u8, stated: Stated) {
        let text = format!("{}# Page\n\nbody number {body}\n", front(&stated));
        self.world.write(FILES[file], text);
        self.files.insert(file, (body, stated));
    }

    fn drop_file(&mut self, file: usize) {
        if self.files.remove(&file).is_some() {
            self.world.remove(FILES[file]);
        }
    }

    fn state_folder(&mut self, folder: usize, stated: Option<&Stated>) {
        let path = format!("{}/.acl.yaml", FOLDERS[folder]);
        let path = path.trim_start_matches('/');
        match stated {
            Some(stated) => {
                self.world.write(path, yaml(stated));
                self.folders.insert(folder, stated.clone());
            }
            None => {
                if self.folders.remove(&folder).is_some() {
                    self.world.remove(path);
                }
            }
        }
    }

    /// What a run must have put in force.
    fn expect(&mut self) {
        let found = self.world.live();
        let before = std::mem::take(&mut self.in_force);
        for (file, (body, stated)) in self.files.clone() {
            let Some(acl) = self.policy(file, &stated) else {
                continue;
            };
            let lines = front(&stated).lines().count();
            let ord = found[FILES[file]].ord;
            let same = before
                .get(&file)
                .filter(|old| (old.body, old.lines) == (body, lines));
            match same {
                Some(old) => assert_eq!(ord, old.ord, "same content, same number"),
                None => assert!(ord > self.highest, "numbers are never used again"),
            }
            let now = InForce {
                body,
                lines,
                acl,
                ord,
            };
            self.in_force.insert(file, now);
        }
        let highest = self.in_force.values().map(|live| live.ord).max();
        self.highest = self.highest.max(highest.unwrap_or(0));
    }

    /// The policy of a file, unless it or a folder above it is broken.
    fn policy(&self, file: usize, stated: &Stated) -> Option<EffectiveAcl> {
        let mut above = Vec::new();
        for path in enclosing(FILES[file]) {
            let number = FOLDERS.iter().position(|folder| *folder == path).unwrap();
            if let Some(folder) = self.folders.get(&number) {
                above.push((path, self.resolved(folder)?));
            }
        }
        let above: Vec<FolderPolicy<'_>> = above
            .iter()
            .map(|(path, policy)| FolderPolicy { path, policy })
            .collect();
        let own = self.resolved(stated)?;
        Some(effective(&above, &own, self.world.labels.unlabelled()))
    }

    fn resolved(&self, stated: &Stated) -> Option<StatedPolicy> {
        let directory = &self.world.directory;
        let entry = |(grants, group): &(bool, usize)| Entry {
            access: if *grants { Access::Grant } else { Access::Deny },
            principal: directory.resolve(&GROUPS[*group].parse().unwrap()).unwrap(),
            until: None,
        };
        (!stated.broken).then(|| StatedPolicy {
            acl: stated
                .acl
                .as_ref()
                .map(|acl| acl.iter().map(entry).collect()),
            owners: Vec::new(),
            label: stated
                .label
                .map(|label| self.world.labels.get(LABELS[label]).unwrap()),
        })
    }

    fn compare(&mut self) {
        let store = self.world.store();
        check(store);
        let found = live(store);
        let paths: Vec<&str> = self.in_force.keys().map(|file| FILES[*file]).collect();
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), paths);
        for (file, expected) in &self.in_force {
            let found = &found[FILES[*file]];
            assert_eq!(found.ord, expected.ord);
            assert_eq!(found.acl, expected.acl);
            assert!(
                found
                    .body
                    .contains(&format!("body number {}", expected.body))
            );
        }
        for file in FILES {
            let history = store.acl_history(&id(file)).unwrap();
            check_history(&history);
            let open = history.last().is_some_and(|row| row.valid_to.is_none());
            assert_eq!(open, found.contains_key(file), "{COLLECTION}/{file}");
        }
    }
}

fn front(stated: &Stated) -> String {
    match stated == &Stated::default() {
        true => String::new(),
        false => format!("---\n{}---\n", yaml(stated)),
    }
}

fn yaml(stated: &Stated) -> String {
    let mut text = String::new();
    match &stated.acl {
        Some(acl) if acl.is_empty() => text.push_str("acl: []\n"),
        Some(acl) => {
            text.push_str("acl:\n");
            for (grants, group) in acl {
                let access = if *grants { "grant" } else { "deny" };
                text.push_str(&format!("  - {access}: {}\n", GROUPS[*group]));
            }
        }
        None => text.push_str("# states no acl\n"),
    }
    if let Some(label) = stated.label {
        text.push_str(&format!("label: {}\n", LABELS[label]));
    }
    if stated.broken {
        text.push_str("label: [not, a, label]\n");
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_the_store_is_what_the_model_says(
        steps in prop::collection::vec(step(), 5..25),
    ) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.take(step);
        }
        machine.take(&Step::Run);
        machine.take(&Step::Reopen);
    }
}
