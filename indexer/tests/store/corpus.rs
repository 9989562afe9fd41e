//! The bundled collection: its quarantine is exactly the one that its README lists, and its
//! people read what is listed for them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::World;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// The rows of the README's table of expected quarantine.
fn listed() -> BTreeSet<String> {
    let readme = std::fs::read_to_string(fixtures().join("README.md")).unwrap();
    let (_, table) = readme.split_once("## Expected quarantine").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| format!("hostile/broken/{}", row.split_once('`').unwrap().0))
        .collect()
}

fn indexed() -> World {
    let mut world = World::new();
    let report = world.try_run_on(&[fixtures().join("corpus")]).unwrap();
    assert_eq!(report.indexed, 86);
    assert_eq!(report.quarantined.len(), 15);
    world
}

#[test]
fn exactly_the_listed_files_are_quarantined() {
    let mut world = indexed();
    let listed = listed();
    assert_eq!(listed.len(), 15);
    let found: BTreeSet<String> = world.quarantine().into_iter().collect();
    assert_eq!(found, listed);
    crate::support::check(world.store());
    let live = world.live();
    assert_eq!(live.len(), 86);
    for (path, live) in &live {
        assert!(!live.body.contains("QUARANTINE-ME"), "{path}");
        assert!(!path.contains("drafts/"), "{path}");
    }
    let again = world.try_run_on(&[fixtures().join("corpus")]).unwrap();
    assert_eq!((again.indexed, again.unchanged), (0, 86));
}

#[test]
fn people_read_what_the_readme_says() {
    let mut world = indexed();
    let people = [
        (&["user:alice", "group:sre-oncall"][..], 75),
        (&["user:bob", "group:support"], 9),
        (&["user:carol", "group:dba-leads", "group:sre-oncall"], 77),
        (&["user:dave", "group:contractors", "group:platform"], 34),
        (&["user:erin", "group:security-response"], 32),
    ];
    let paths = world.paths();
    for (who, expected) in people {
        let readable = paths.iter().filter(|path| world.reads(path, who)).count();
        assert_eq!(readable, expected, "{who:?}");
    }
    let retired = "runbooks/platform/retired-mainframe-bridge.md";
    assert!(!world.reads(
        retired,
        &["user:alice", "group:sre-oncall", "group:platform"]
    ));
}
