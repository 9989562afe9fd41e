//! Random histories: old and new snapshots are asked in any order, at any instant, by anybody,
//! and one engine answers all.

use std::sync::Arc;

use ambit::search::{Engine, Filters, Limits};
use ambit_indexer::acl::Access;
use ambit_indexer::catalog::{Change, LiveDocument};
use ambit_indexer::document::Kind;
use ambit_indexer::guarded::PolicyClass;
use ambit_indexer::store::Snapshot;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::world::{Question, World, at, caller, entry, live, policy, query};

const GROUPS: [&str; 4] = ["a", "b", "c", "d"];
const STEPS: usize = 25;
const QUESTIONS_A_STEP: usize = 10;

struct History {
    random: StdRng,
    world: World,
    kept: Vec<Snapshot>,
    next_ord: u32,
}

impl History {
    /// A write as the store makes it: index and table change together.
    fn write(&mut self) {
        let mut changes = Vec::new();
        let known: Vec<LiveDocument> = self.world.documents.values().cloned().collect();
        for mut document in known {
            if !self.random.gen_ratio(1, 12) {
                continue;
            }
            let id = document.facts.id.clone();
            let live = match self.random.gen_range(0..4) {
                0 => {
                    self.world.delete(document.ord);
                    None
                }
                1 => {
                    self.world.delete(document.ord);
                    document.ord = self.index();
                    Some(document)
                }
                2 => {
                    document.policy = self.policy();
                    Some(document)
                }
                _ => {
                    document.facts.kind = self.kind();
                    document.facts.updated = at(self.random.gen_range(0..9));
                    Some(document)
                }
            };
            changes.push(Change { id, live });
        }
        let most = *[1, 10, 120].choose(&mut self.random).unwrap();
        for _ in 0..self.random.gen_range(0..most) {
            let ord = self.index();
            let path = format!("d{}", self.random.gen_range(0..10_000));
            let mut live = live(ord, &path, &self.policy());
            live.facts.kind = self.kind();
            let id = live.facts.id.clone();
            if !self.world.documents.contains_key(&id)
                && changes.iter().all(|change| change.id != id)
            {
                changes.push(Change {
                    id,
                    live: Some(live),
                });
            }
        }
        self.world.commit();
        if self.random.gen_ratio(1, 6) {
            self.world.merge();
        }
        self.world.publish(changes);
    }

    /// Chunks of a new revision, on their way into the index.
    fn index(&mut self) -> u32 {
        let ord = self.next_ord;
        self.next_ord += 1;
        let chunks = (0..self.random.gen_range(1..5)).map(|_| {
            let words = (0..self.random.gen_range(1..12)).map(|_| {
                *["kilo", "lima", "tango", "rare1"]
                    .choose(&mut self.random)
                    .unwrap()
            });
            words.collect::<Vec<_>>().join(" ")
        });
        let chunks: Vec<String> = chunks.collect();
        self.world.add(ord, chunks);
        ord
    }

    fn kind(&mut self) -> Kind {
        *[Kind::Runbook, Kind::Incident]
            .choose(&mut self.random)
            .unwrap()
    }

    /// Few, so that they come and go, and numbers are used again.
    fn policy(&mut self) -> Arc<PolicyClass> {
        let random = &mut self.random;
        let entries = (0..random.gen_range(1..3)).map(|_| {
            let access = if random.gen_bool(0.8) {
                Access::Grant
            } else {
                Access::Deny
            };
            let until = random.gen_bool(0.3).then(|| random.gen_range(0..6));
            entry(access, GROUPS.choose(random).unwrap(), until)
        });
        let entries = entries.collect();
        policy("ops", "general", entries)
    }

    fn ask(&mut self, engine: &Engine) -> usize {
        let recent = self.random.gen_bool(0.5);
        let newest = self.kept.len() - 1;
        let which = if recent {
            newest
        } else {
            self.random.gen_range(0..=newest)
        };
        let groups: Vec<&str> = GROUPS
            .into_iter()
            .filter(|_| self.random.gen_bool(0.5))
            .collect();
        let filters = match self.random.gen_range(0..3) {
            0 => Filters {
                kinds: vec![Kind::Incident],
                ..Filters::default()
            },
            _ => Filters::default(),
        };
        let question = Question {
            caller: &caller(&groups, self.random.gen_range(0..7)),
            query: &query(&[("kilo", 1.0), ("tango", 0.4), ("rare1", 2.0)]),
            filters: &filters,
            limits: Limits {
                top_k: *[1, 10, 500].choose(&mut self.random).unwrap(),
                per_document: 2,
            },
        };
        question.ask(engine, &self.kept[which]).chunks.len()
    }
}

#[test]
fn any_snapshot_at_any_instant() {
    let mut hits = 0;
    for seed in 0..16 {
        let mut history = History {
            random: StdRng::seed_from_u64(seed),
            world: World::new(),
            kept: Vec::new(),
            next_ord: 0,
        };
        let engine = Engine::new(
            *[1 << 10, 1 << 14, 1 << 22]
                .choose(&mut history.random)
                .unwrap(),
        );
        for _ in 0..STEPS {
            history.write();
            let snapshot = history.world.snapshot();
            history.kept.push(snapshot);
            for _ in 0..QUESTIONS_A_STEP {
                hits += history.ask(&engine);
            }
        }
    }
    assert!(hits > 10_000, "{hits}");
}
