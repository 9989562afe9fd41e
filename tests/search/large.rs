//! A segment so large that a term can be too frequent for a list and too rare for bits: its
//! postings are read where a search looks, and nowhere else.

use ambit::search::{Engine, Filters, Limits};
use ambit_indexer::catalog::LiveDocument;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::world::{Question, TEN, World, caller, page, phrase, query};

/// Chunks of one document.
const CHUNKS: u32 = 500;
const DOCUMENTS: u32 = 280;

/// `tango` is in a few chunks more than are read at once, and in less than one of 32; `kilo` in
/// fewer, `rare` in a handful, `gap` only at both ends.
fn chunk(random: &mut StdRng, document: u32, number: u32) -> String {
    let mut text = String::from("lima ");
    if random.gen_ratio(1, 33) || document == 7 && number < 200 {
        text.push_str(&"tango ".repeat(random.gen_range(1..5)));
    }
    if random.gen_ratio(1, 60) {
        text.push_str(&"kilo ".repeat(random.gen_range(1..20)));
    }
    if random.gen_ratio(1, 20_000) {
        text.push_str("rare ");
    }
    if !(5..DOCUMENTS - 5).contains(&document) && number.is_multiple_of(2) {
        text.push_str("gap ");
    }
    text
}

fn pages() -> Vec<(LiveDocument, Vec<String>)> {
    let mut random = StdRng::seed_from_u64(140);
    let pages = (0..DOCUMENTS).map(|document| {
        let reader = match document {
            1 | 150 => "few",
            200 => "one",
            _ if document.is_multiple_of(2) => "even",
            _ => "rest",
        };
        let chunks: Vec<String> = (0..CHUNKS)
            .map(|number| chunk(&mut random, document, number))
            .collect();
        page(document, &format!("d{document}"), reader, chunks)
    });
    pages.collect()
}

/// Every scope asks twice: the second time frequencies are remembered, and lists are not.
#[test]
fn postings_are_read_window_by_window() {
    let mut world = World::new();
    world.segment(pages());
    let scopes: [&[&str]; 5] = [
        &["few", "even", "one", "rest"],
        &["few", "even", "rest"],
        &["even"],
        &["few"],
        &["one"],
    ];
    let asked = [
        query(&[("tango", 1.0)]),
        query(&[("kilo", 1.0), ("tango", 1.0)]),
        query(&[("rare", 9.0), ("tango", 0.5), ("kilo", 0.1)]),
        query(&[("gap", 1.0), ("tango", 3.0)]),
        phrase(&["tango", "kilo"]),
    ];
    for groups in scopes {
        for query in asked.iter().chain(&asked[..3]) {
            let limits = Limits { top_k: 10, ..TEN };
            let ranking = world.find(groups, query, limits);
            assert!(!ranking.chunks.is_empty() || !query.phrases.is_empty());
        }
    }
    // A hole in the segment: deleted, and then no longer in a segment of which all is permitted.
    world.remove(&["d3", "d100"]);
    let caller = caller(scopes[0], 0);
    for query in &asked {
        let question = Question {
            caller: &caller,
            query,
            filters: &Filters::default(),
            limits: TEN,
        };
        let fresh = Engine::new(1 << 22);
        let remembering = question.ask(&world.engine, &world.snapshot());
        assert_eq!(question.ask(&fresh, &world.snapshot()), remembering);
    }
}
