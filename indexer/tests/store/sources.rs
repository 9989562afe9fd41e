//! Folders as they are found: ignored, misspelt, linked, misnamed, too large, unreadable.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use ambit_indexer::pipeline::RunError;
use ambit_indexer::source::folder::FolderError;

use crate::support::World;

const OPEN: &str = "---\nacl:\n  - grant: everyone\n---\ntext\n";

#[test]
fn two_roots_are_one_tree_and_the_same_path_in_both_stops_the_run() {
    let mut world = World::new();
    let roots = ["one", "two"].map(|name| world.source().join(name));
    world.write("one/.acl.yaml", "acl:\n  - grant: group:sre\n");
    world.write("one/x/a.md", "text\n");
    world.write("two/x/b.md", "text\n");
    let report = world.try_run_on(&roots).unwrap();
    assert_eq!(report.indexed, 2);
    assert_eq!(world.paths(), ["x/a.md", "x/b.md"]);
    assert!(
        world.reads("x/b.md", &["group:sre"]),
        "one tree, one policy"
    );
    world.write("two/x/a.md", "other\n");
    let refused = world.try_run_on(&roots).unwrap_err();
    assert!(matches!(
        refused,
        RunError::Folder(FolderError::Twice { .. })
    ));
    world.remove("two/x/a.md");
    world.write("two/.acl.yaml", "acl:\n  - grant: everyone\n");
    let refused = world.try_run_on(&roots).unwrap_err();
    assert!(matches!(
        refused,
        RunError::Folder(FolderError::Twice { .. })
    ));
    assert_eq!(world.live().len(), 2, "nothing changed");
}

#[test]
fn ignored_files_are_no_documents() {
    let mut world = World::new();
    world.write(".gitignore", "drafts/\n*.tmp.md\n");
    world.write("a.md", OPEN);
    world.write("a.tmp.md", OPEN);
    world.write("drafts/b.md", OPEN);
    world.write("sub/.gitignore", "secret.md\n");
    world.write("sub/secret.md", OPEN);
    world.write("sub/other.md", OPEN);
    world.write(".git/c.md", OPEN);
    world.write(".hidden/d.md", OPEN);
    world.run();
    assert_eq!(world.paths(), [".hidden/d.md", "a.md", "sub/other.md"]);
    world.write(".gitignore", "a.md\n.hidden/\n");
    world.allow_mass_removal = true;
    world.run();
    assert_eq!(
        world.paths(),
        ["a.tmp.md", "drafts/b.md", "sub/other.md"],
        "a document that becomes ignored is taken away"
    );
}

#[test]
fn an_ignored_policy_still_denies() {
    let mut world = World::new();
    world.write(".gitignore", ".acl.yaml\n");
    world.write(
        ".acl.yaml",
        "acl:\n  - deny: group:contractors\n  - grant: group:sre\n",
    );
    world.write("sub/.acl.yaml", "acl:\n  - deny: user:mallory\n");
    world.write("a.md", "text\n");
    world.write("sub/deep/b.md", OPEN);
    world.run();
    assert!(world.reads("a.md", &["group:sre"]));
    assert!(!world.reads("a.md", &["group:sre", "group:contractors"]));
    assert!(world.reads("sub/deep/b.md", &[]));
    assert!(!world.reads("sub/deep/b.md", &["group:contractors"]));
    assert!(!world.reads("sub/deep/b.md", &["user:mallory"]));
}

#[test]
fn a_misspelt_policy_closes_its_folder() {
    for name in [".acl.yml", "acl.yaml", "acl.yml", ".ACL.yaml", "Acl.Yml"] {
        let mut world = World::new();
        world.write("a.md", OPEN);
        world.write("sub/b.md", OPEN);
        world.write("sub/deep/c.md", OPEN);
        world.write(
            &format!("sub/{name}"),
            "acl:\n  - deny: group:contractors\n",
        );
        let report = world.run();
        assert_eq!(world.paths(), ["a.md"], "{name}");
        let broken = report
            .quarantined
            .iter()
            .find(|file| file.path == format!("sub/{name}"))
            .unwrap();
        assert!(broken.reason.contains(".acl.yaml"), "{}", broken.reason);
        world.remove(&format!("sub/{name}"));
        world.run();
        assert_eq!(world.paths().len(), 3, "{name}");
    }
}

#[test]
fn symbolic_links_are_not_followed() {
    let mut world = World::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.md"), OPEN).unwrap();
    world.write("a.md", OPEN);
    let source = world.source();
    symlink(outside.path().join("secret.md"), source.join("file.md")).unwrap();
    symlink(outside.path(), source.join("folder")).unwrap();
    symlink("a.md", source.join("inside.md")).unwrap();
    symlink("nowhere", source.join("dangling.md")).unwrap();
    symlink(".", source.join("loop")).unwrap();
    let report = world.run();
    assert_eq!(world.paths(), ["a.md"]);
    assert!(report.skipped.contains(&"file.md".to_owned()));
    assert!(report.quarantined.is_empty());
}

#[test]
fn a_document_that_becomes_a_link_is_gone() {
    let mut world = World::new();
    for name in ["a.md", "b.md", "c.md"] {
        world.write(name, OPEN);
    }
    world.run();
    world.remove("a.md");
    symlink("b.md", world.source().join("a.md")).unwrap();
    assert_eq!(world.counts(), [0, 2, 0, 1, 0]);
}

#[test]
fn a_policy_that_cannot_be_read_breaks_what_is_below() {
    let mut world = World::new();
    world.write("sub/a.md", OPEN);
    world.write("b.md", OPEN);
    world.run();
    let policy = world.source().join("sub/.acl.yaml");
    symlink("nowhere", &policy).unwrap();
    world.run();
    assert_eq!(world.paths(), ["b.md"], "a policy that dangles");
    std::fs::remove_file(&policy).unwrap();
    world.run();
    assert_eq!(world.paths(), ["b.md", "sub/a.md"]);
    std::fs::create_dir(&policy).unwrap();
    world.run();
    assert_eq!(world.paths(), ["b.md"], "a policy that is a folder");
}

/// The roots are one tree: a policy in one holds for documents in another.
#[test]
fn a_policy_in_one_root_holds_in_the_others() {
    let mut world = World::new();
    world.write(".acl.yaml", "acl:\n  - grant: everyone\n");
    world.write("x/.acl.yaml", "acl:\n  - deny: everyone\n");
    world.write("r.md", "text");
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(other.path().join("x")).unwrap();
    std::fs::write(other.path().join("x/s.md"), "text").unwrap();
    let roots = [world.source(), other.path().to_owned()];
    world.try_run_on(&roots).unwrap();
    let readable = |class: &ambit_indexer::guarded::PolicyClass| {
        let denies = |entry: &ambit_indexer::acl::EffectiveEntry| {
            entry.entry.access == ambit_indexer::acl::Access::Deny
        };
        !class.acl.entries.iter().any(denies)
    };
    let selection = world.store().snapshot().table.select(readable);
    let names: Vec<&str> = selection.iter().map(|(_, facts)| facts.id.path()).collect();
    assert_eq!(names, ["r.md"]);
}

/// Ignored by git or not, and under whatever near name.
#[test]
fn misspelt_policies_are_found() {
    for name in [
        "acl.yaml",
        ".acl.yml",
        ".acls.yaml",
        ".acl",
        ".acl.json",
        ".acl.yaml.bak",
    ] {
        let mut world = World::new();
        world.write("sub/a.md", OPEN);
        world.write(&format!("sub/{name}"), "acl:\n  - deny: everyone\n");
        if name == "acl.yaml" {
            world.write(".gitignore", "acl.yaml\n");
        }
        world.run();
        assert!(world.paths().is_empty(), "{name}");
        world.write("sub/.acl.yaml", "acl:\n  - grant: everyone\n");
        world.run();
        let copy = name.starts_with(".acl.yaml");
        assert_eq!(
            world.paths().len(),
            usize::from(copy),
            "{name} beside the real one"
        );
    }
}

/// A backup beside the real policy must not hide another misspelt one, in whatever order they are
/// found.
#[test]
fn a_copy_hides_no_misspelt_policy() {
    for other in [".acl", ".acls.yaml", ".acl.zzz"] {
        let mut world = World::new();
        world.write("sub/a.md", OPEN);
        world.write("sub/.acl.yaml", "acl:\n  - grant: everyone\n");
        world.write("sub/.acl.yaml.bak", "acl: []\n");
        world.write(&format!("sub/{other}"), "acl:\n  - deny: everyone\n");
        world.run();
        assert!(world.paths().is_empty(), "{other}");
    }
}

/// Leak D2: tighten first, write afterwards; a run that read the policy before must not publish
/// the text that it read after.
#[test]
fn a_policy_that_changes_during_the_run_ends_it() {
    let mut world = World::new();
    world.write(".acl.yaml", "acl:\n  - grant: everyone\n");
    world.write("a.md", "first");
    world.run();
    world.write("a.md", "second");
    let policy = world.source().join(".acl.yaml");
    let refused = world.try_run_while(&mut |_| {
        std::fs::write(&policy, "acl: []\n").unwrap();
    });
    assert!(matches!(refused, Err(RunError::PoliciesChanged)));
    assert_eq!(world.paths(), ["a.md"]);
    assert_eq!(world.live()["a.md"].body, "first");
}

#[test]
fn names_that_are_not_utf8_are_quarantined_or_skipped() {
    let mut world = World::new();
    world.write("a.md", OPEN);
    for name in [b"caf\xe9.md".as_slice(), b"caf\xe9.png"] {
        let name = std::ffi::OsStr::from_bytes(name);
        std::fs::write(world.source().join(name), OPEN).unwrap();
    }
    world.run();
    assert_eq!(world.paths(), ["a.md"]);
    assert_eq!(world.quarantine().len(), 1);
}

#[test]
fn names_that_cannot_be_ids_are_quarantined() {
    let mut world = World::new();
    let names = [
        "zero\u{200b}width.md",
        "bi\u{202e}di.md",
        "bell\u{7}.md",
        "new\nline.md",
    ];
    for name in names {
        world.write(name, OPEN);
    }
    let long = format!("{0}/{0}/{0}.md", "x".repeat(200));
    world.write(&long, OPEN);
    world.write("Ünïcode name.md", OPEN);
    world.run();
    assert_eq!(world.paths(), ["Ünïcode name.md"]);
    assert_eq!(world.quarantine().len(), names.len() + 1);
}

#[test]
fn what_is_no_folder_is_named_and_nothing_is_touched() {
    let mut world = World::new();
    world.write("a.md", OPEN);
    world.run();
    let file = world.source().join("a.md");
    let gone = world.source().join("gone");
    for root in [file, gone] {
        let refused = world.try_run_on(&[world.source(), root]).unwrap_err();
        assert!(matches!(
            refused,
            RunError::Folder(FolderError::NotAFolder(_))
        ));
    }
    assert_eq!(world.paths(), ["a.md"]);
    assert_eq!(world.counts(), [0, 1, 0, 0, 0]);
}

#[test]
fn a_file_that_is_too_large_is_quarantined_without_being_read_whole() {
    let mut world = World::new();
    world.write("a.md", OPEN);
    let file = std::fs::File::create(world.source().join("huge.md")).unwrap();
    // Sparse: it takes no room on disk, and must take none in memory.
    file.set_len(1 << 36).unwrap();
    let report = world.run();
    assert_eq!(world.paths(), ["a.md"]);
    assert_eq!(report.quarantined.len(), 1);
    assert!(report.quarantined[0].reason.contains("larger than"));
}

#[test]
fn files_that_are_not_markdown_are_named_as_skipped() {
    let mut world = World::new();
    world.write("a.MD", OPEN);
    world.write("b.markdown", OPEN);
    world.write("c.txt", OPEN);
    world.write("md", OPEN);
    world.write("d.md.bak", OPEN);
    std::fs::create_dir(world.source().join("folder.md")).unwrap();
    let report = world.run();
    assert_eq!(world.paths(), ["a.MD", "b.markdown"]);
    assert_eq!(report.skipped, ["c.txt", "d.md.bak", "md"]);
}

#[test]
fn names_that_differ_in_case_are_different_documents() {
    let mut world = World::new();
    world.write("a.md", OPEN);
    world.write("A.md", "---\nacl: []\n---\ntext\n");
    world.run();
    assert!(world.reads("a.md", &[]));
    assert!(!world.reads("A.md", &[]));
}
