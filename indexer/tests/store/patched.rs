//! The table that a running store patches, against the one that a freshly opened store makes.

use ambit_indexer::store::Store;
use proptest::prelude::*;

use crate::support::{World, check};

const FILES: [&str; 6] = ["a.md", "b.md", "x/c.md", "x/d.md", "x/y/e.md", "z/f.md"];
const FOLDERS: [&str; 4] = ["", "x/", "x/y/", "z/"];
const HEADS: [&str; 7] = [
    "",
    "---\nacl:\n  - grant: group:sre\n---\n",
    "---\nacl:\n  - grant: group:dba\n  - deny: user:alice\n---\n",
    "---\nacl: []\n---\n",
    "---\nlabel: confidential\nservice: billing\ntags: [one, two]\n---\n",
    "---\nkind: runbook\nupdated: 2026-01-02T03:04:05Z\n---\n",
    // Broken: into quarantine with it.
    "---\nacl: no\n---\n",
];
const POLICIES: [&str; 5] = [
    "acl:\n  - grant: everyone\n",
    "acl:\n  - grant: group:sre\n    until: 2026-06-01T00:00:09Z\n",
    "acl:\n  - deny: group:dba\n",
    "label: confidential\nowners: [user:carol]\n",
    "acl: everyone\n",
];

#[derive(Clone, Debug)]
enum Step {
    Write(usize, usize, u8),
    Remove(usize),
    Rename(usize, usize),
    Policy(usize, Option<usize>),
    Run,
    /// A run that is refused, and leaves the table alone.
    Refused,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..FILES.len(), 0..HEADS.len(), 0_u8..3)
            .prop_map(|(file, head, body)| Step::Write(file, head, body)),
        1 => (0..FILES.len()).prop_map(Step::Remove),
        1 => (0..FILES.len(), 0..FILES.len()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => (0..FOLDERS.len(), prop::option::of(0..POLICIES.len()))
            .prop_map(|(folder, policy)| Step::Policy(folder, policy)),
        4 => Just(Step::Run),
        1 => Just(Step::Refused),
    ]
}

fn take(world: &mut World, step: &Step) {
    let source = world.source();
    match step {
        Step::Write(file, head, body) => {
            let text = format!("{}# Page\n\nbody number {body}\n", HEADS[*head]);
            world.write(FILES[*file], text);
        }
        Step::Remove(file) => {
            // It may not be there.
            std::fs::remove_file(source.join(FILES[*file])).ok();
        }
        Step::Rename(from, to) => {
            if let Ok(text) = std::fs::read(source.join(FILES[*from])) {
                world.remove(FILES[*from]);
                world.write(FILES[*to], text);
            }
        }
        Step::Policy(folder, policy) => {
            let file = format!("{}.acl.yaml", FOLDERS[*folder]);
            match policy {
                Some(policy) => world.write(&file, POLICIES[*policy]),
                None => {
                    std::fs::remove_file(source.join(file)).ok();
                }
            }
        }
        Step::Run => {
            world.run();
        }
        Step::Refused => {
            let missing = world.scratch.path().join("missing");
            let version = world.store().snapshot().table.version();
            assert!(world.try_run_on(&[missing]).is_err());
            assert_eq!(world.store().snapshot().table.version(), version);
        }
    }
}

/// Compares what two stores have in force, in every way that is public.
fn same(running: &Store, opened: &Store) {
    let (running_table, opened_table) = (running.snapshot().table, opened.snapshot().table);
    assert_eq!(running_table.len(), opened_table.len());
    let (all, others) = (
        running_table.select(|_| true),
        opened_table.select(|_| true),
    );
    let listed: Vec<_> = all.iter().collect();
    assert_eq!(listed, others.iter().collect::<Vec<_>>());
    for (ord, facts) in listed {
        assert_eq!(all.policy(ord), others.policy(ord));
        assert_eq!(running.current(&facts.id), Some(ord));
        assert_eq!(opened.current(&facts.id), Some(ord));
    }
    for path in FILES {
        let id = crate::support::id(path);
        assert_eq!(running.current(&id), opened.current(&id), "{path}");
    }
    let stated = |table: &std::sync::Arc<ambit_indexer::catalog::AccessTable>| {
        let selection = table.select(|class| !class.acl.entries.is_empty());
        selection.iter().map(|(ord, _)| ord).collect::<Vec<_>>()
    };
    assert_eq!(stated(&running_table), stated(&opened_table));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_patched_table_is_the_one_that_opening_makes(
        steps in prop::collection::vec(step(), 8..40),
    ) {
        let mut world = World::new();
        world.allow_mass_removal = true;
        world.run();
        for step in steps.iter().chain([&Step::Run]) {
            let before = world.store().snapshot().table;
            take(&mut world, step);
            let labels = world.labels.clone();
            let beside = Store::open_beside(&world.data(), labels, world.clock.clone()).unwrap();
            let store = world.store();
            same(store, &beside);
            check(&beside);
            // Every run is a write that the log knows: what a search remembers is patched.
            let table = store.snapshot().table;
            prop_assert!(table.touched_since(before.version()).is_some());
        }
        let patched = world.store().snapshot().table;
        world.close();
        let facts = |selection: ambit_indexer::catalog::Selection| {
            let rows = selection.iter().map(|(ord, facts)| (ord, facts.clone()));
            rows.collect::<Vec<_>>()
        };
        let reopened = world.store().snapshot().table;
        prop_assert_eq!(facts(patched.select(|_| true)), facts(reopened.select(|_| true)));
    }
}
