//! What the outside cannot bring about: a write that was committed and is not in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Store;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::label::Labels;
use crate::parse::SecretPolicy;
use crate::pipeline::{RunOptions, index_folders};
use crate::principal::TenantId;

fn write(folder: &Path, file: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(".acl.yaml"), "acl:\n  - grant: everyone\n").unwrap();
    std::fs::write(folder.join(file), "# A runbook\n\nRestart it.\n").unwrap();
}

fn index(store: &Store, collection: &str, folder: PathBuf) {
    let options = RunOptions {
        collection,
        roots: &[folder],
        directory: &Directory::embedded(TenantId::new(uuid::Uuid::from_u128(1))),
        secrets: SecretPolicy::Redact,
        allow_mass_removal: false,
        who: "test",
    };
    index_folders(store, &options, &mut |_| {}).unwrap();
}

#[test]
fn a_run_does_not_build_on_a_table_that_missed_a_commit() {
    let scratch = tempfile::tempdir().unwrap();
    let (ops, other) = (scratch.path().join("ops"), scratch.path().join("other"));
    write(&ops, "a.md");
    write(&other, "b.md");
    let data = scratch.path().join("data");
    let clock = Arc::new(Clock::system());
    let store = Store::open(&data, Labels::default(), clock).unwrap();
    index(&store, "ops", ops);
    let removed = "ops/a.md".parse().unwrap();
    assert!(store.current(&removed).is_some());
    // A removal that took effect, of whose end the process never heard.
    let catalog = rusqlite::Connection::open(data.join("catalog.sqlite")).unwrap();
    let removal = "UPDATE document SET ord = NULL, acl = NULL WHERE name = 'ops/a.md'";
    assert_eq!(catalog.execute(removal, []).unwrap(), 1);
    store.behind.store(true, Ordering::SeqCst);
    index(&store, "other", other);
    assert!(store.current(&removed).is_none());
    assert!(store.current(&"other/b.md".parse().unwrap()).is_some());
}

#[test]
fn a_run_that_changes_nothing_leaves_what_is_remembered() {
    let scratch = tempfile::tempdir().unwrap();
    let ops = scratch.path().join("ops");
    write(&ops, "a.md");
    let clock = Arc::new(Clock::system());
    let data = scratch.path().join("data");
    let store = Store::open(&data, Labels::default(), clock).unwrap();
    index(&store, "ops", ops.clone());
    let before = store.snapshot().table.version();
    index(&store, "ops", ops.clone());
    assert_eq!(store.snapshot().table.version(), before);
    write(&ops, "b.md");
    index(&store, "ops", ops);
    assert_ne!(store.snapshot().table.version(), before);
}
