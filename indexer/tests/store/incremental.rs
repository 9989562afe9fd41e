//! What a second run does with what the first one left.

use ambit_indexer::directory::Directory;
use ambit_indexer::pipeline::RunError;
use ambit_indexer::principal::{ObjectId, PrincipalKind};
use uuid::Uuid;

use crate::support::{COLLECTION, World, check, check_history, dump, id, tenant};

fn granting(group: &str, body: &str) -> String {
    format!("---\nacl:\n  - grant: group:{group}\n---\n{body}\n")
}

/// Three documents under a folder that grants sre.
fn three() -> World {
    let mut world = World::new();
    world.write(".acl.yaml", "acl:\n  - grant: group:sre\n");
    for name in ["a", "b", "sub/c"] {
        world.write(
            &format!("{name}.md"),
            format!("# Page {name}\n\nfirst text\n"),
        );
    }
    assert_eq!(world.counts(), [3, 0, 0, 0, 0]);
    world
}

#[test]
fn an_unchanged_document_costs_no_new_revision() {
    let mut world = three();
    let before = world.live();
    world.store().outbox_done(i64::MAX).unwrap();
    assert_eq!(world.counts(), [0, 3, 0, 0, 0]);
    assert_eq!(world.live(), before);
    assert!(world.outbox().is_empty(), "nothing to record");
    world.close();
    assert_eq!(world.counts(), [0, 3, 0, 0, 0], "nor after reopening");
}

#[test]
fn a_changed_body_gets_a_fresh_number_and_the_old_text_is_gone_from_view() {
    let mut world = three();
    let old = world.ord("a.md");
    world.write("a.md", "# Page a\n\nsecond text\n");
    assert_eq!(world.counts(), [1, 2, 0, 0, 0]);
    let new = world.ord("a.md");
    assert!(new > old);
    assert!(world.store().content(old).unwrap().is_none());
    assert!(world.store().standing(old).is_none());
    assert!(world.live()["a.md"].body.contains("second"));
    assert_eq!(world.store().acl_history(&id("a.md")).unwrap().len(), 1);
}

#[test]
fn an_acl_change_alone_keeps_the_revision() {
    let mut world = World::new();
    world.write("a.md", granting("sre", "text"));
    world.run();
    let ord = world.ord("a.md");
    world.write("a.md", granting("dba", "text"));
    assert_eq!(world.counts(), [0, 1, 1, 0, 0]);
    assert_eq!(world.ord("a.md"), ord, "no reindexing for a revocation");
    assert!(!world.reads("a.md", &["group:sre"]));
    assert!(world.reads("a.md", &["group:dba"]));
    let history = world.store().acl_history(&id("a.md")).unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].valid_to, Some(history[1].valid_from), "no gap");
    assert_eq!(history[1].who, "test");
    let actions = world.outbox();
    assert_eq!(actions.last().unwrap().0, "acl");
}

#[test]
fn front_matter_that_a_reader_sees_makes_a_revision() {
    let mut world = World::new();
    world.write(
        "a.md",
        "---\nservice: one\nacl:\n  - grant: group:sre\n---\ntext\n",
    );
    world.run();
    let ord = world.ord("a.md");
    world.write(
        "a.md",
        "---\nservice: two\nacl:\n  - grant: group:sre\n---\ntext\n",
    );
    assert_eq!(world.counts(), [1, 0, 0, 0, 0]);
    assert!(world.ord("a.md") > ord);
}

#[test]
fn a_comment_in_the_front_matter_changes_nothing_in_force() {
    let mut world = World::new();
    world.write(
        "a.md",
        "---\n# one\nacl:\n  - grant: group:sre\n---\ntext\n",
    );
    world.run();
    let before = world.live();
    world.write(
        "a.md",
        "---\n# two\nacl:\n  - grant: group:sre\n---\ntext\n",
    );
    assert_eq!(world.counts(), [0, 1, 0, 0, 0]);
    assert_eq!(world.live(), before);
    assert_eq!(world.store().acl_history(&id("a.md")).unwrap().len(), 1);
}

#[test]
fn a_removed_file_takes_its_document_along() {
    let mut world = three();
    let ord = world.ord("a.md");
    world.remove("a.md");
    assert_eq!(world.counts(), [0, 2, 0, 1, 0]);
    assert_eq!(world.paths(), ["b.md", "sub/c.md"]);
    assert!(world.store().content(ord).unwrap().is_none());
    assert!(world.store().current(&id("a.md")).is_none());
    assert!(world.store().owner_view(&id("a.md")).unwrap().is_none());
    let history = world.store().acl_history(&id("a.md")).unwrap();
    assert!(
        history.last().unwrap().valid_to.is_some(),
        "its period ended"
    );
    world.write("a.md", "# Page a\n\nfirst text\n");
    assert_eq!(world.counts(), [1, 2, 0, 0, 0], "it comes back");
    assert!(world.ord("a.md") > ord, "under a number of its own");
    check_history(&world.store().acl_history(&id("a.md")).unwrap());
}

#[test]
fn a_document_in_quarantine_serves_no_earlier_revision() {
    let mut world = three();
    let ord = world.ord("a.md");
    world.write("a.md", "---\nacl: no\n---\n# Page a\n\nfirst text\n");
    assert_eq!(world.counts(), [0, 2, 0, 0, 1]);
    assert_eq!(world.paths(), ["b.md", "sub/c.md"]);
    assert!(world.store().content(ord).unwrap().is_none());
    assert_eq!(world.quarantine(), ["a.md"]);
    assert_eq!(world.outbox().last().unwrap().0, "quarantine");
    assert_eq!(world.counts(), [0, 2, 0, 0, 1], "and stays there");
    world.write("a.md", "# Page a\n\nfirst text\n");
    assert_eq!(world.counts(), [1, 2, 0, 0, 0]);
    assert!(world.quarantine().is_empty());
    assert!(world.ord("a.md") > ord);
    assert!(world.reads("a.md", &["group:sre"]));
}

#[test]
fn a_moved_file_is_another_document_under_its_new_folders_policy() {
    let mut world = three();
    world.write("sub/.acl.yaml", "acl:\n  - grant: group:dba\n");
    world.run();
    world.remove("a.md");
    world.write("sub/a.md", "# Page a\n\nfirst text\n");
    assert_eq!(world.counts(), [1, 2, 0, 1, 0]);
    assert!(!world.reads("sub/a.md", &["group:sre"]));
    assert!(world.reads("sub/a.md", &["group:dba"]));
    assert!(world.store().current(&id("a.md")).is_none());
}

#[test]
fn a_folder_policy_reaches_documents_whose_files_did_not_change() {
    let mut world = three();
    let ords = [world.ord("a.md"), world.ord("sub/c.md")];
    world.write(
        "sub/.acl.yaml",
        "acl:\n  - deny: group:contractors\n  - grant: group:dba\n",
    );
    assert_eq!(world.counts(), [0, 3, 1, 0, 0]);
    assert!(world.reads("sub/c.md", &["group:dba"]));
    assert!(!world.reads("sub/c.md", &["group:dba", "group:contractors"]));
    assert!(!world.reads("sub/c.md", &["group:sre"]));
    assert!(world.reads("a.md", &["group:sre"]));
    assert_eq!([world.ord("a.md"), world.ord("sub/c.md")], ords);
    world.remove("sub/.acl.yaml");
    assert_eq!(world.counts(), [0, 3, 1, 0, 0]);
    assert!(world.reads("sub/c.md", &["group:sre"]), "it inherits again");
}

#[test]
fn a_broken_folder_policy_takes_everything_below_it_away() {
    let mut world = three();
    world.write("sub/.acl.yaml", "acl: everyone\n");
    let report = world.run();
    let mut quarantined: Vec<_> = report.quarantined.iter().map(|f| f.path.as_str()).collect();
    quarantined.sort_unstable();
    assert_eq!(quarantined, ["sub/.acl.yaml", "sub/c.md"]);
    assert_eq!(world.paths(), ["a.md", "b.md"]);
    world.remove("sub/.acl.yaml");
    assert_eq!(world.counts(), [1, 2, 0, 0, 0]);
}

#[test]
fn a_label_is_raised_below_and_never_lowered() {
    let mut world = three();
    let labels = world.labels.clone();
    let rank = |name: &str| labels.get(name).unwrap();
    assert_eq!(world.live()["sub/c.md"].acl.label, rank("general"));
    world.write("sub/.acl.yaml", "label: confidential\n");
    assert_eq!(world.counts(), [0, 3, 1, 0, 0]);
    assert_eq!(world.live()["sub/c.md"].acl.label, rank("confidential"));
    world.write("sub/c.md", "---\nlabel: public\n---\n# Page\n");
    world.run();
    assert_eq!(world.live()["sub/c.md"].acl.label, rank("confidential"));
    world.write("sub/c.md", "---\nlabel: highly-confidential\n---\n# Page\n");
    world.run();
    assert_eq!(
        world.live()["sub/c.md"].acl.label,
        rank("highly-confidential")
    );
}

#[test]
fn a_mass_removal_stops_with_nothing_changed() {
    let mut world = three();
    let data = world.data();
    let before = (world.live(), dump(&data));
    world.remove("a.md");
    world.remove("b.md");
    world.write("sub/c.md", "# Page c\n\nsecond text\n");
    let refused = world.try_run().unwrap_err();
    assert!(matches!(refused, RunError::MassRemoval { gone: 2, of: 3 }));
    assert_eq!((world.live(), dump(&data)), before);
    check(world.store());
    world.close();
    assert_eq!(world.live(), before.0, "nor after reopening");
    assert_eq!(dump(&data), before.1);
    world.allow_mass_removal = true;
    assert_eq!(world.counts(), [1, 0, 0, 2, 0]);
    assert_eq!(world.paths(), ["sub/c.md"]);
}

#[test]
fn a_third_is_an_edit_and_an_empty_folder_is_not() {
    let mut world = three();
    world.remove("a.md");
    assert_eq!(world.counts(), [0, 2, 0, 1, 0], "one of three");
    world.remove("b.md");
    assert!(world.try_run().is_err(), "one of two");
    world.remove("sub/c.md");
    assert!(world.try_run().is_err(), "an empty checkout");
    assert_eq!(world.paths(), ["b.md", "sub/c.md"]);
    let mut fresh = World::new();
    assert_eq!(fresh.counts(), [0; 5], "an empty folder at first is fine");
}

#[test]
fn moves_count_as_removals() {
    let mut world = three();
    for name in ["a.md", "b.md"] {
        world.remove(name);
        world.write(&format!("moved/{name}"), "# Page\n");
    }
    assert!(matches!(
        world.try_run().unwrap_err(),
        RunError::MassRemoval { gone: 2, of: 3 }
    ));
}

fn listing(names: &[(&str, u128)]) -> Directory {
    let names = names.iter().map(|(name, object)| {
        let object = ObjectId::new(Uuid::from_u128(*object));
        (PrincipalKind::Group, (*name).to_owned(), object)
    });
    Directory::listed(tenant(), names)
}

#[test]
fn a_name_that_the_directory_does_not_list_quarantines() {
    let mut world = World::new();
    world.directory = listing(&[("sre", 1)]);
    world.write("known.md", granting("sre", "text"));
    world.write("unknown.md", granting("srr", "text"));
    world.write(
        "owner.md",
        "---\nowners: [group:nobody]\nacl:\n  - grant: group:sre\n---\ntext\n",
    );
    let report = world.run();
    assert_eq!(world.paths(), ["known.md"]);
    assert_eq!(world.quarantine(), ["owner.md", "unknown.md"]);
    let reasons: Vec<_> = report.quarantined.iter().map(|file| &file.reason).collect();
    assert!(reasons.iter().any(|reason| reason.contains("group:srr")));
    world.write(".acl.yaml", "acl:\n  - deny: group:nobody\n");
    world.run();
    assert!(
        world.paths().is_empty(),
        "a deny that cannot be read closes all"
    );
}

#[test]
fn another_directory_resolves_every_name_again() {
    let mut world = World::new();
    world.directory = listing(&[("sre", 1), ("dba", 2)]);
    world.write(".acl.yaml", "acl:\n  - grant: group:dba\n");
    world.write("own.md", granting("sre", "text"));
    world.write("inherits.md", "text\n");
    world.run();
    let ords = [world.ord("own.md"), world.ord("inherits.md")];
    let old = world.callers(&["group:sre", "group:dba"]);
    // The group was deleted and made anew: same name, another object (leak D4).
    world.directory = listing(&[("sre", 11), ("dba", 12)]);
    assert_eq!(world.counts(), [0, 2, 2, 0, 0]);
    assert_eq!([world.ord("own.md"), world.ord("inherits.md")], ords);
    assert!(world.reads("own.md", &["group:sre"]));
    assert!(world.reads("inherits.md", &["group:dba"]));
    let now = world.clock.now();
    for live in world.live().values() {
        let verdict = ambit_indexer::acl::decide(&live.acl.entries, &old, now);
        assert_eq!(verdict.decision, ambit_indexer::acl::Decision::Deny);
    }
    world.directory = listing(&[("dba", 12)]);
    world.run();
    assert_eq!(
        world.quarantine(),
        ["own.md"],
        "a name that is gone quarantines"
    );
}

#[test]
fn an_empty_acl_and_none_at_all_let_nobody_in_and_say_which() {
    let mut world = World::new();
    world.write("none.md", "text\n");
    world.write("empty.md", "---\nacl: []\n---\ntext\n");
    world.write("denies.md", "---\nacl:\n  - deny: group:x\n---\ntext\n");
    let report = world.run();
    assert_eq!(report.without_acl, ["none.md"]);
    let live = world.live();
    let stated = ["none.md", "empty.md", "denies.md"].map(|path| live[path].acl.stated);
    assert_eq!(stated, [false, true, true]);
    for path in ["none.md", "empty.md", "denies.md"] {
        assert!(!world.reads(path, &["group:sre", "user:alice"]), "{path}");
    }
    assert_eq!(world.store().counts().unwrap().without_acl, 1);
    world.write(".acl.yaml", "acl:\n  - grant: everyone\n");
    assert_eq!(
        world.counts(),
        [0, 3, 1, 0, 0],
        "the others state their own"
    );
    assert!(world.reads("none.md", &[]));
    assert!(!world.reads("empty.md", &[]), "only absence inherits");
    assert!(!world.reads("denies.md", &[]));
    let counts = world.store().counts().unwrap();
    assert_eq!(counts.without_acl, 0);
}

#[test]
fn until_ends_without_a_run() {
    let mut world = World::new();
    world.write(
        "a.md",
        "---\nacl:\n  - grant: group:sre\n    until: 2026-06-02T00:00:00Z\n---\ntext\n",
    );
    world.run();
    assert!(world.reads("a.md", &["group:sre"]));
    world
        .clock
        .advance_to("2026-06-01T23:59:59.999999Z".parse().unwrap());
    assert!(world.reads("a.md", &["group:sre"]));
    world
        .clock
        .advance_to("2026-06-02T00:00:00Z".parse().unwrap());
    assert!(!world.reads("a.md", &["group:sre"]));
}

#[test]
fn collections_do_not_touch_each_other() {
    let mut world = three();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("a.md"), granting("dba", "other")).unwrap();
    let directory = world.directory.clone();
    let roots = [other.path().to_owned()];
    let mut options = ambit_indexer::pipeline::RunOptions {
        collection: "other",
        roots: &roots,
        directory: &directory,
        secrets: ambit_indexer::parse::SecretPolicy::Redact,
        allow_mass_removal: false,
        who: "test",
    };
    let store = world.store();
    ambit_indexer::pipeline::index_folders(store, &options, &mut |_| {}).unwrap();
    assert_eq!(store.counts().unwrap().documents, 4);
    options.collection = "no such/collection";
    assert!(ambit_indexer::pipeline::index_folders(store, &options, &mut |_| {}).is_err());
    let table = store.snapshot().table;
    let own = table.select(|class| class.collection == COLLECTION);
    assert_eq!(own.iter().count(), 3);
    assert!(
        own.iter()
            .all(|(_, facts)| facts.id.collection() == COLLECTION)
    );
    let none = table.select(|_| false);
    assert_eq!(none.iter().count(), 0);
}

#[test]
fn a_selection_shows_nothing_of_what_it_does_not_permit() {
    let mut world = World::new();
    world.write("mine.md", granting("sre", "text"));
    world.write("theirs.md", granting("dba", "text"));
    world.run();
    let set = world.callers(&["group:sre"]);
    let now = world.clock.now();
    let (mine, theirs) = (world.ord("mine.md"), world.ord("theirs.md"));
    let table = world.store().snapshot().table;
    let selection = table.select(|class| {
        let verdict = ambit_indexer::acl::decide(&class.acl.entries, &set, now);
        verdict.decision == ambit_indexer::acl::Decision::Allow
    });
    let paths: Vec<_> = selection.iter().map(|(_, facts)| facts.id.path()).collect();
    assert_eq!(paths, ["mine.md"]);
    assert!(selection.get(mine).is_some() && selection.policy(mine).is_some());
    for ord in [theirs, 0, u32::MAX, mine.max(theirs) + 1] {
        assert!(selection.get(ord).is_none() && selection.policy(ord).is_none());
    }
    assert!(world.store().content(u32::MAX).unwrap().is_none());
    let sealed = world.store().content(theirs).unwrap().unwrap();
    assert!(
        sealed.open(|_| None::<()>).is_none(),
        "a refusal opens nothing"
    );
}
