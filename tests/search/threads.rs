//! One engine, many threads.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use ambit::search::Engine;
use ambit_indexer::acl::Access::Grant;

use crate::change::{ask, ask_with, lenient, pages};
use crate::world::{World, entry, live, policy, readable_by};

/// Threads ask one engine while another one puts new snapshots in force.
#[test]
fn many_threads_while_snapshots_are_swapped() {
    let mut world = World::new();
    world.segment(pages(0..200, "a").into_iter().chain(pages(200..300, "b")));
    let current = RwLock::new(world.snapshot());
    let engine = Engine::new(1 << 16);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = [&["a"][..], &["b"], &["a", "b"]].map(|groups| {
            let (engine, current, done) = (&engine, &current, &done);
            scope.spawn(move || {
                let mut asked = 0;
                let mut earlier = current.read().unwrap().clone();
                while !done.load(Ordering::Relaxed) || asked < 3 {
                    let now = current.read().unwrap().clone();
                    ask(engine, &now, groups, asked % 2);
                    // A request that has been under way for long.
                    ask(engine, &earlier, groups, asked % 2);
                    ask_with(engine, &now, groups, asked % 2, &lenient());
                    earlier = now;
                    asked += 1;
                }
            })
        });
        for step in 0..60_u32 {
            match step % 4 {
                0 => world.segment(pages(
                    1000 + step * 5..1005 + step * 5,
                    ["a", "b"][step as usize / 4 % 2],
                )),
                1 => world.remove(&[&format!("d{step}"), &format!("d{}", 200 + step)]),
                2 => {
                    let ends = policy("ops", "general", vec![entry(Grant, "b", Some(1))]);
                    world.put(live(100 + step, &format!("d{}", 100 + step), &ends));
                }
                _ => world.put(live(
                    100 + step - 1,
                    &format!("d{}", 100 + step - 1),
                    &readable_by("a"),
                )),
            }
            if step == 30 {
                world.merge();
            }
            *current.write().unwrap() = world.snapshot();
        }
        done.store(true, Ordering::Relaxed);
        for thread in asking {
            thread.join().unwrap();
        }
    });
}
