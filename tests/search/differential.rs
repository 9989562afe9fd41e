//! Engine and reference on random worlds. `PROPTEST_CASES` says how many worlds; each is asked
//! some two hundred times while it changes.

use std::sync::Arc;

use ambit::search::{Filters, Limits, WeightedQuery, WeightedTerm};
use ambit_indexer::acl::Access;
use ambit_indexer::catalog::{Change, LiveDocument};
use ambit_indexer::document::Kind;
use ambit_indexer::guarded::PolicyClass;
use ambit_indexer::label::Labels;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::world::{World, at, caller, entry, live, policy};

const GROUPS: [&str; 5] = ["a", "b", "c", "d", "e"];
const COLLECTIONS: [&str; 2] = ["ops", "sec"];
const LABELS: [&str; 3] = ["public", "general", "confidential"];
const WORDS: [&str; 40] = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett",
    "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango",
    "uniform", "victor", "whiskey", "xray", "yankee", "zulu", "one", "two", "three", "four",
    "five", "six", "seven", "eight", "nine", "ten", "rare1", "rare2", "rare3", "rare4",
];
const STEPS: usize = 12;
const QUESTIONS_A_STEP: usize = 18;

#[test]
fn engine_and_reference_agree() {
    let worlds = std::env::var("PROPTEST_CASES").ok();
    let worlds: u64 = worlds.and_then(|n| n.parse().ok()).unwrap_or(48);
    let mut hits = 0;
    for seed in 0..worlds {
        let agreed = std::panic::catch_unwind(|| RandomWorld::new(seed).live());
        hits += agreed.unwrap_or_else(|_| panic!("world {seed} differs"));
    }
    assert!(
        hits > 100 * worlds,
        "worlds where nothing is found prove nothing"
    );
}

struct RandomWorld {
    random: StdRng,
    world: World,
    policies: Vec<Arc<PolicyClass>>,
    next_ord: u32,
    /// Mean terms of a chunk, different by document.
    terms: usize,
    now: i64,
}

impl RandomWorld {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let policies = (0..random.gen_range(1..9)).map(|_| random_policy(&mut random));
        let policies = policies.collect();
        let terms = *[4, 12, 60].choose(&mut random).unwrap();
        Self {
            world: World::new(),
            policies,
            next_ord: 0,
            terms,
            now: 0,
            random,
        }
    }

    /// Changes and asks; gives how many hits there were in all.
    fn live(mut self) -> u64 {
        // Some large enough for sidecars and several windows, most small.
        let first = *[3, 40, 200, 700, 2500].choose(&mut self.random).unwrap();
        let mut hits = 0;
        for step in 0..STEPS {
            let documents = if step == 0 {
                first
            } else {
                self.random.gen_range(0..20)
            };
            self.put_some(documents);
            self.change_some();
            if self.random.gen_ratio(1, 8) {
                self.world.merge();
            }
            self.now += self.random.gen_range(0..4);
            for _ in 0..QUESTIONS_A_STEP {
                hits += self.ask();
            }
        }
        hits
    }

    fn put_some(&mut self, documents: usize) {
        let mut changes = Vec::new();
        for _ in 0..documents {
            let ord = self.next_ord;
            self.next_ord += 1;
            let chunks: Vec<String> = (0..self.random.gen_range(1..6))
                .map(|_| self.chunk())
                .collect();
            self.world.add(ord, chunks);
            let policy = self.policies.choose(&mut self.random).unwrap();
            let path = format!("d{}", self.random.gen_range(0..u32::MAX));
            let live = random_facts(live(ord, &path, policy), &mut self.random);
            // Some are staged only: indexed, and in no table.
            if self.random.gen_ratio(9, 10) {
                changes.push(Change {
                    id: live.facts.id.clone(),
                    live: Some(live),
                });
            }
        }
        self.world.commit();
        self.world.publish(changes);
    }

    /// Deletes, supersedes and moves documents under other policies.
    fn change_some(&mut self) {
        let known: Vec<LiveDocument> = self.world.documents.values().cloned().collect();
        let mut changes = Vec::new();
        let share = *[0.0, 0.01, 0.3].choose(&mut self.random).unwrap();
        for mut document in known {
            if !self.random.gen_bool(share) {
                continue;
            }
            let id = document.facts.id.clone();
            let mut gone = Some(document.ord);
            let live = match self.random.gen_range(0..3) {
                0 => None,
                1 => {
                    document.ord = self.next_ord;
                    self.next_ord += 1;
                    let chunk = self.chunk();
                    self.world.add(document.ord, [chunk]);
                    Some(document)
                }
                _ => {
                    gone = None;
                    let fits = |policy: &&Arc<PolicyClass>| policy.collection == id.collection();
                    let others: Vec<_> = self.policies.iter().filter(fits).collect();
                    document.policy = Arc::clone(others.choose(&mut self.random).unwrap());
                    Some(document)
                }
            };
            // The index may forget at once, later, or not at all.
            if let Some(ord) = gone.filter(|_| self.random.gen_bool(0.7)) {
                self.world.delete(ord);
            }
            changes.push(Change { id, live });
        }
        self.world.commit();
        self.world.publish(changes);
    }

    fn chunk(&mut self) -> String {
        let long = self.random.gen_ratio(1, 40);
        let most = if long {
            self.terms * 20
        } else {
            self.terms * 2
        };
        let length = self.random.gen_range(1..most);
        let words: Vec<&str> = (0..length).map(|_| word(&mut self.random)).collect();
        words.join(" ")
    }

    fn ask(&mut self) -> u64 {
        let groups: Vec<&str> = GROUPS
            .into_iter()
            .filter(|_| self.random.gen_bool(0.4))
            .collect();
        let caller = caller(&groups, self.now - self.random.gen_range(0..2));
        let query = self.query();
        let filters = if self.random.gen_ratio(1, 3) {
            self.filters()
        } else {
            Filters::default()
        };
        let limits = Limits {
            top_k: *[1, 3, 10, 10, 100].choose(&mut self.random).unwrap(),
            per_document: *[1, 3, 3, 100].choose(&mut self.random).unwrap(),
        };
        let ranking = self.world.ask(&caller, &query, &filters, limits);
        ranking.chunks.len() as u64
    }

    fn query(&mut self) -> WeightedQuery {
        let mut terms: Vec<WeightedTerm> = Vec::new();
        for _ in 0..self.random.gen_range(1..9) {
            let text = match self.random.gen_range(0..12) {
                0 => "absent",
                _ => word(&mut self.random),
            };
            if terms.iter().all(|term| term.text != text) {
                let weight = *[0.3, 0.6, 1.0, 1.0, 2.0].choose(&mut self.random).unwrap();
                terms.push(WeightedTerm {
                    text: text.to_owned(),
                    weight,
                });
            }
        }
        let mut phrases = Vec::new();
        if self.random.gen_ratio(1, 6) {
            let length = self.random.gen_range(2..4);
            let words = (0..length).map(|_| word(&mut self.random).to_owned());
            phrases.push(words.collect());
        }
        WeightedQuery { terms, phrases }
    }

    fn filters(&mut self) -> Filters {
        let random = &mut self.random;
        let mut filters = Filters::default();
        match random.gen_range(0..6) {
            0 => filters.collections = vec![COLLECTIONS[random.gen_range(0..2)].to_owned()],
            1 => filters.kinds = vec![Kind::Runbook, Kind::Incident],
            2 => filters.services = vec![format!("s{}", random.gen_range(0..4))],
            3 => {
                let label = LABELS.choose(random).unwrap();
                filters.labels = vec![Labels::default().get(label).unwrap()];
            }
            4 => filters.tags = vec!["t0".to_owned(), "t2".to_owned()],
            _ => filters.updated_since = Some(at(random.gen_range(0..100))),
        }
        filters
    }
}

/// Words differ in frequency by orders of magnitude.
fn word(random: &mut StdRng) -> &'static str {
    let skewed: f64 = random.gen_range(0.0f64..1.0).powi(4);
    WORDS[((skewed * WORDS.len() as f64) as usize).min(WORDS.len() - 1)]
}

fn random_policy(random: &mut StdRng) -> Arc<PolicyClass> {
    let entries = (0..random.gen_range(0..4)).map(|_| {
        let access = if random.gen_bool(0.8) {
            Access::Grant
        } else {
            Access::Deny
        };
        let until = random.gen_bool(0.3).then(|| random.gen_range(0..30));
        entry(access, GROUPS.choose(random).unwrap(), until)
    });
    let entries = entries.collect();
    let collection = COLLECTIONS.choose(random).unwrap();
    policy(collection, LABELS.choose(random).unwrap(), entries)
}

fn random_facts(mut live: LiveDocument, random: &mut StdRng) -> LiveDocument {
    live.facts.kind = *[Kind::Runbook, Kind::Incident, Kind::default()]
        .choose(random)
        .unwrap();
    let service = random.gen_range(0..5);
    live.facts.service = (service < 4).then(|| format!("s{service}").into());
    let tags = (0..random.gen_range(0..3)).map(|_| format!("t{}", random.gen_range(0..4)).into());
    live.facts.tags = tags.collect();
    live.facts.updated = at(random.gen_range(0..100));
    live
}
