//! Two processes on one directory: one writes, others may only look.

use std::sync::atomic::{AtomicBool, Ordering};

use ambit_indexer::catalog::CatalogError;
use ambit_indexer::pipeline::{RunOptions, index_folders};
use ambit_indexer::store::{Store, StoreError};

use crate::support::{COLLECTION, World, check, live};

fn beside(world: &World) -> Result<Store, StoreError> {
    Store::open_beside(&world.data(), world.labels.clone(), world.clock.clone())
}

#[test]
fn a_second_writer_is_told_who_is_in_the_way() {
    let mut world = World::new();
    world.store();
    let refused = world.open().err().unwrap();
    assert!(matches!(&refused, StoreError::InUse(path) if *path == world.data()));
    assert!(refused.to_string().contains("in use"));
    let discard = Store::discard_index(&world.data()).unwrap_err();
    assert!(matches!(discard, StoreError::InUse(_)));
    world.close();
    assert!(world.open().is_ok(), "the lock goes with the store");
}

#[test]
fn a_reader_beside_sees_what_was_committed_when_it_opened() {
    let mut world = World::new();
    world.write("a.md", "---\nacl:\n  - grant: group:sre\n---\none\n");
    world.run();
    let reader = beside(&world).unwrap();
    check(&reader);
    assert!(live(&reader)["a.md"].body.contains("one"));
    world.write("a.md", "---\nacl:\n  - grant: group:sre\n---\ntwo\n");
    world.write("b.md", "text\n");
    world.run();
    let later = beside(&world).unwrap();
    check(&later);
    assert_eq!(live(&later).len(), 2);
    assert!(live(&later)["a.md"].body.contains("two"));
    assert_eq!(later.generation(), world.store().generation());
}

#[test]
fn a_reader_beside_cannot_write() {
    let mut world = World::new();
    world.write("a.md", "---\nacl:\n  - grant: group:sre\n---\none\n");
    world.run();
    let before = world.live();
    let reader = beside(&world).unwrap();
    world.write("a.md", "---\nacl:\n  - grant: group:sre\n---\ntwo\n");
    let options = RunOptions {
        collection: COLLECTION,
        roots: &[world.source()],
        directory: &world.directory,
        secrets: ambit_indexer::parse::SecretPolicy::Redact,
        allow_mass_removal: false,
        who: "test",
    };
    assert!(index_folders(&reader, &options, &mut |_| {}).is_err());
    assert!(reader.outbox_done(i64::MAX).is_err());
    assert_eq!(world.live(), before);
    check(world.store());
}

#[test]
fn there_has_to_be_something_to_open_beside() {
    let world = World::new();
    let refused = beside(&world).err().unwrap();
    assert!(matches!(
        refused,
        StoreError::Catalog(CatalogError::Missing(_))
    ));
    assert!(!world.data().exists(), "looking makes nothing");
}

/// Readers open while a writer commits and merges: each sees one whole state.
#[test]
fn opening_beside_a_busy_writer_always_works() {
    let mut world = World::new();
    world.write(".acl.yaml", "acl:\n  - grant: group:sre\n");
    let write = |world: &World, state: usize| {
        for number in 0..10 {
            let text = format!("# Page {number}\n\nstate {state}.\n");
            world.write(&format!("{number}.md"), text);
        }
    };
    write(&world, 0);
    world.run();
    let (data, labels, clock) = (world.data(), world.labels.clone(), world.clock.clone());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut opened = 0;
            while !done.load(Ordering::SeqCst) || opened == 0 {
                let reader = Store::open_beside(&data, labels.clone(), clock.clone());
                let live = live(&reader.unwrap());
                let first = live["0.md"].body.clone();
                let state = first.lines().last().unwrap().to_owned();
                assert!(live.values().all(|live| live.body.contains(&state)));
                assert_eq!(live.len(), 10);
                opened += 1;
            }
            opened
        });
        for state in 1..25 {
            write(&world, state);
            world.run();
        }
        done.store(true, Ordering::SeqCst);
        assert!(reading.join().unwrap() > 0);
    });
}
