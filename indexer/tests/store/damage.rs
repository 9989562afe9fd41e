//! Files that were damaged, lost, or belong to something else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ambit_indexer::catalog::CatalogError;
use ambit_indexer::store::{Store, StoreError};

use crate::support::{World, check, indexed};

/// A directory with several segments and a deletion, closed.
fn filled() -> World {
    let mut world = World::new();
    world.write(".acl.yaml", "acl:\n  - grant: group:sre\n");
    for number in 0..12 {
        world.write(
            &format!("{number}.md"),
            format!("# Page {number}\n\nsome text\n"),
        );
    }
    world.run();
    world.write("0.md", "# Page 0\n\nother text\n");
    world.remove("1.md");
    world.run();
    world.close();
    world
}

fn index_files(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("index")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// One file of each kind: by ending, or by name where the name is fixed.
fn kinds(data: &Path) -> BTreeSet<String> {
    let kind = |file: &PathBuf| match name(file).rsplit_once('.') {
        Some((stem, ending)) if stem.len() == 32 || stem.contains('.') => format!(".{ending}"),
        _ => name(file),
    };
    index_files(data).iter().map(kind).collect()
}

fn one_of(data: &Path, kind: &str) -> PathBuf {
    let found = index_files(data)
        .into_iter()
        .find(|file| name(file) == kind || (kind.starts_with('.') && name(file).ends_with(kind)));
    found.unwrap()
}

#[test]
fn a_damaged_index_is_made_again() {
    let mut world = filled();
    let data = world.data();
    let before = world.live();
    world.close();
    let kinds = kinds(&data);
    assert!(kinds.len() >= 6, "{kinds:?}");
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("flipped", |file| flip(file, None)),
        ("cut", |file| {
            let half = std::fs::metadata(file).unwrap().len() / 2;
            let file = std::fs::File::options().write(true).open(file);
            file.unwrap().set_len(half).unwrap();
        }),
        ("emptied", |file| std::fs::write(file, b"").unwrap()),
        ("lost", |file| std::fs::remove_file(file).unwrap()),
    ];
    for kind in &kinds {
        for (how, damage) in damages {
            if !self::kinds(&data).contains(kind) {
                continue;
            }
            damage(&one_of(&data, kind));
            check(world.store());
            assert_eq!(world.live(), before, "{kind} {how}");
            world.close();
        }
    }
}

fn flip(file: &Path, at: Option<usize>) {
    let mut bytes = std::fs::read(file).unwrap();
    if bytes.is_empty() {
        return;
    }
    let at = at.unwrap_or(bytes.len() / 2);
    bytes[at] ^= 0x01;
    std::fs::write(file, bytes).unwrap();
}

/// `meta.json` has no checksum of its own, so every part of it is tried.
#[test]
fn a_flipped_bit_in_the_list_of_segments_does_no_harm() {
    let mut world = filled();
    let data = world.data();
    let before = world.live();
    world.close();
    let meta = data.join("index/meta.json");
    let length = std::fs::read(&meta).unwrap().len();
    for at in (0..length).step_by((length / 60).max(1)) {
        if at >= std::fs::read(&meta).unwrap().len() {
            continue;
        }
        flip(&meta, Some(at));
        check(world.store());
        assert_eq!(world.live(), before, "byte {at}");
        world.close();
    }
}

#[test]
fn a_lost_index_is_made_again_and_stays_in_use() {
    let mut world = filled();
    let before = world.live();
    world.close();
    Store::discard_index(&world.data()).unwrap();
    Store::discard_index(&world.data()).unwrap();
    assert!(!world.data().join("index").exists());
    assert_eq!(world.live(), before);
    check(world.store());
    assert_eq!(world.counts(), [0, 11, 0, 0, 0]);
    world.write("new.md", "# New\n");
    assert_eq!(world.counts(), [1, 11, 0, 0, 0]);
}

#[test]
fn an_index_of_another_generation_is_not_believed() {
    let mut world = filled();
    let before = world.live();
    let old = world.store().generation().to_owned();
    world.close();
    let catalog = rusqlite::Connection::open(world.data().join("catalog.sqlite")).unwrap();
    let restored = "UPDATE meta SET value = 'restored' WHERE key = 'generation'";
    assert_eq!(catalog.execute(restored, []).unwrap(), 1);
    drop(catalog);
    assert_ne!(world.store().generation(), old);
    check(world.store());
    assert_eq!(world.live(), before);
}

/// Another directory's index must show nothing of that directory.
#[test]
fn an_index_from_another_directory_is_replaced() {
    let mut world = filled();
    let mut foreign = World::new();
    foreign.write("foreign.md", "# Foreign\n");
    foreign.run();
    foreign.close();
    std::fs::remove_dir_all(world.data().join("index")).unwrap();
    std::fs::rename(foreign.data().join("index"), world.data().join("index")).unwrap();
    check(world.store());
    assert_eq!(indexed(world.store()).len(), 11);
}

fn header(world: &World, at: usize, value: u8) {
    let file = world.data().join("catalog.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[at] = value;
    std::fs::write(file, bytes).unwrap();
}

fn error(world: &World) -> StoreError {
    let opened = world.open();
    opened.err().unwrap()
}

#[test]
fn a_catalog_of_another_version_is_refused_and_left_alone() {
    let world = filled();
    header(&world, 63, 99);
    let before = std::fs::read(world.data().join("catalog.sqlite")).unwrap();
    for error in [
        error(&world),
        Store::open_beside(&world.data(), world.labels.clone(), world.clock.clone())
            .err()
            .unwrap(),
    ] {
        let StoreError::Catalog(CatalogError::SchemaVersion { found, known }) = error else {
            unreachable!("{error}");
        };
        assert_eq!((found, known), (99, 1));
    }
    let after = std::fs::read(world.data().join("catalog.sqlite")).unwrap();
    assert!(before == after);
    header(&world, 63, 1);
    assert!(world.open().is_ok());
}

#[test]
fn a_damaged_catalog_is_an_error_in_words() {
    let world = filled();
    let file = world.data().join("catalog.sqlite");
    let sound = std::fs::read(&file).unwrap();
    // The magic, the page size, the versions of the format, the payload fractions, the encoding.
    for at in [0, 5, 16, 21, 22, 23] {
        header(&world, at, 0xee);
        let said = error(&world).to_string();
        assert!(said.contains("catalog"), "byte {at}: {said}");
        assert!(!said.contains('\n'), "{said}");
        std::fs::write(&file, &sound).unwrap();
    }
    for length in [1, 100, 512, 4096, sound.len() / 2] {
        std::fs::write(&file, &sound[..length]).unwrap();
        let said = error(&world).to_string();
        assert!(said.contains("catalog"), "cut at {length}: {said}");
    }
    std::fs::write(
        &file,
        b"this is no database, but it is long enough to be one, is it not?",
    )
    .unwrap();
    assert!(error(&world).to_string().contains("catalog"));
    std::fs::write(&file, &sound).unwrap();
    assert!(world.open().is_ok());
}

/// Whichever byte of the header is damaged: an error or a working store, never a panic.
#[test]
fn no_byte_of_the_header_makes_it_panic() {
    let world = filled();
    let file = world.data().join("catalog.sqlite");
    let sound = std::fs::read(&file).unwrap();
    for at in (0..100).step_by(3) {
        header(&world, at, sound[at] ^ 0x15);
        if let Ok(store) = world.open() {
            let _any_answer = store.counts();
        }
        for left in [
            "catalog.sqlite-wal",
            "catalog.sqlite-shm",
            "catalog.sqlite-journal",
        ] {
            std::fs::remove_file(world.data().join(left)).ok();
        }
        std::fs::write(&file, &sound).unwrap();
    }
    assert!(world.open().is_ok());
}

/// An index without a catalog: the catalog was lost, and nothing must be put in its place.
#[test]
fn a_lost_catalog_is_not_replaced_by_an_empty_one() {
    let world = filled();
    let file = world.data().join("catalog.sqlite");
    let sound = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(error(&world).to_string().contains("catalog"));
    std::fs::write(&file, b"").unwrap();
    assert!(error(&world).to_string().contains("catalog"));
    std::fs::write(&file, &sound).unwrap();
    assert!(world.open().is_ok());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let world = World::new();
    std::fs::write(world.data(), b"a file").unwrap();
    let error = error(&world);
    assert!(matches!(error, StoreError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("data"));
}
