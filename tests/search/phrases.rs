//! Phrases: where words stand one after the other, in which segment, and under which filters.

use ambit::search::{Filters, Limits};
use ambit_indexer::document::Kind;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::world::{Question, TEN, World, caller, page, paths, phrase, query};

#[test]
fn phrases_with_repeated_words_and_words_that_a_segment_lacks() {
    let mut world = World::new();
    world.segment([
        page(0, "twice", "a", ["kilo kilo lima"]),
        page(1, "once", "a", ["kilo lima kilo"]),
        page(2, "apart", "a", ["kilo lima filler kilo kilo"]),
        page(3, "forbidden", "b", ["kilo kilo lima papa"]),
    ]);
    world.segment([page(4, "lacking", "a", ["kilo kilo", "kilo"])]);
    world.segment([
        page(5, "papa", "a", ["papa kilo kilo lima", "lima papa"]),
        page(6, "long", "a", ["kilo kilo kilo kilo lima"]),
    ]);
    let cases: [(&[&str], &[&str]); 8] = [
        (&["kilo", "kilo", "lima"], &["long", "papa", "twice"]),
        (
            &["kilo", "kilo"],
            &["apart", "lacking", "long", "papa", "twice"],
        ),
        (&["kilo", "kilo", "kilo"], &["long"]),
        (&["kilo", "lima", "kilo"], &["once"]),
        (&["lima", "papa"], &["papa"]),
        (&["papa", "papa"], &[]),
        (&["lima", "absent"], &[]),
        (&["kilo", "lima", "filler", "kilo", "kilo"], &["apart"]),
    ];
    for (words, expected) in cases {
        let ranking = world.find(&["a"], &phrase(words), TEN);
        let mut found = paths(&ranking);
        found.sort_unstable();
        assert_eq!(found, expected, "{words:?}");
        let mut both = phrase(words);
        both.phrases
            .push(vec!["kilo".to_owned(), "lima".to_owned()]);
        world.find(&["a", "b"], &both, TEN);
    }
}

/// A phrase and a filter narrow what is found, and change no score.
#[test]
fn phrases_and_filters_change_no_score() {
    let mut world = World::new();
    let mut random = StdRng::seed_from_u64(8);
    let words = ["kilo", "lima", "papa"];
    let mut text = || {
        (0..8)
            .map(|_| words[random.gen_range(0..3)])
            .collect::<Vec<_>>()
            .join(" ")
    };
    let pages = (0..2500).map(|ord| {
        let (mut live, chunks) = page(
            ord,
            &format!("d{ord}"),
            ["a", "b"][ord as usize % 2],
            [text()],
        );
        live.facts.kind = if ord % 3 == 0 {
            Kind::Incident
        } else {
            Kind::Runbook
        };
        (live, chunks)
    });
    let pages: Vec<_> = pages.collect();
    world.segment(pages);
    let filters = Filters {
        kinds: vec![Kind::Incident],
        ..Filters::default()
    };
    let caller = caller(&["a"], 0);
    let asked = phrase(&["kilo", "papa", "papa", "lima"]);
    let all = Question {
        caller: &caller,
        query: &query(&[("kilo", 1.0), ("papa", 1.0), ("lima", 1.0)]),
        filters: &Filters::default(),
        limits: Limits {
            top_k: 5000,
            per_document: 1,
        },
    };
    let found = world.ask(&caller, &asked, &filters, all.limits);
    let all = all.ask(&world.engine, &world.snapshot());
    assert!(found.chunks.len() > 3 && found.chunks.len() < 200);
    for chunk in &found.chunks {
        assert!(all.chunks.contains(chunk));
        assert_eq!(chunk.ord % 6, 0);
    }
}
