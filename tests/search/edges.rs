//! Where numbers are at their limits: counts that leave their four bits, windows that are full,
//! limits of nothing, scores that almost tie.

use ambit::search::{Limits, WeightedQuery};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::world::{TEN, World, page, paths, query, seen};

/// Limits of every shape.
const LIMITS: [Limits; 5] = [
    limits(1, 1),
    limits(3, 2),
    limits(10, 3),
    limits(100, usize::MAX),
    limits(20_000, 1),
];

const fn limits(top_k: usize, per_document: usize) -> Limits {
    Limits {
        top_k,
        per_document,
    }
}

/// Asks under all limits, as callers who may read a part or everything.
fn ask_all(world: &World, query: &WeightedQuery) {
    for groups in [&["a"][..], &["b"], &["a", "b"]] {
        for limits in LIMITS {
            world.find(groups, query, limits);
        }
    }
}

/// Words of bits, blocks of postings, windows: full, one short, one over. One term is in every
/// chunk, one in the first and the last alone.
#[test]
fn segments_that_fill_a_word_a_block_or_a_window() {
    for chunks in [
        1_usize, 63, 64, 65, 127, 128, 129, 256, 2047, 2048, 2049, 4095, 4096, 4097,
    ] {
        let mut world = World::new();
        let text = |chunk| {
            let rare = if chunk == 0 || chunk + 1 == chunks {
                "lima "
            } else {
                ""
            };
            rare.to_owned() + &"tango ".repeat(chunk % 4 + 1)
        };
        let documents = chunks.div_ceil(50);
        world.segment((0..documents).map(|document| {
            let own = document * 50..chunks.min(document * 50 + 50);
            // The last document is the only one that `b` may read.
            let reader = if document + 1 == documents { "b" } else { "a" };
            page(
                document as u32,
                &format!("d{document}"),
                reader,
                own.map(text),
            )
        }));
        ask_all(&world, &query(&[("tango", 1.0)]));
        ask_all(&world, &query(&[("lima", 1.0), ("tango", 0.1)]));
        let all = world.find(
            &["a", "b"],
            &query(&[("tango", 1.0)]),
            limits(chunks + 1, chunks),
        );
        assert_eq!(all.chunks.len(), chunks);
        let value = (1.0f64 + 0.5 / (chunks as f64 + 0.5)).ln();
        assert!((all.term_values[0] - value).abs() < 1e-12, "{chunks}");
    }
}

/// Counts from 15 on leave their four bits, those from 255 on the byte of a peak.
#[test]
fn counts_that_do_not_fit_where_the_others_do() {
    const LARGE: [usize; 12] = [13, 14, 15, 16, 17, 253, 254, 255, 256, 257, 300, 1000];
    let mut world = World::new();
    let text = |chunk: usize| match (chunk % 7, LARGE.get(chunk / 7 % 30)) {
        (0, Some(count)) => "tango ".repeat(*count) + "lima",
        (1, _) => "tango filler".to_owned(),
        (2, _) => "lima".to_owned(),
        _ => "tango tango filler".to_owned(),
    };
    world.segment((0..100).map(|document| {
        let reader = if document % 3 == 0 { "b" } else { "a" };
        page(
            document,
            &format!("d{document}"),
            reader,
            (document as usize * 30..).take(30).map(text),
        )
    }));
    for terms in [
        &[("tango", 1.0)][..],
        &[("tango", 0.01), ("lima", 1.0)],
        &[("tango", 1.0), ("filler", 0.001)],
        &[("lima", 5.0), ("filler", 1.0), ("tango", 0.2)],
    ] {
        ask_all(&world, &query(terms));
    }
    // The more often, the better, as far as the length allows: the largest count is found.
    let first = world.find(&["a", "b"], &query(&[("tango", 1.0)]), limits(1, 1));
    assert_eq!((first.chunks[0].ord * 30 + first.chunks[0].number) % 7, 0);
}

/// A count that a peak's byte does not hold gives no bound: the best chunk is in a window whose
/// chunk with 255 would be worse than any of the first window.
#[test]
fn a_count_beyond_a_byte_is_looked_at() {
    let mut world = World::new();
    let ordinary = |ord: u32| page(ord, &format!("d{ord}"), "a", vec!["tango"; 64]);
    let last = ["filler".to_owned(), "tango ".repeat(1000)];
    world.segment((0..64).map(ordinary).chain([page(64, "last", "a", last)]));
    let asked = query(&[("tango", 1.0)]);
    assert_eq!(paths(&world.find(&["a"], &asked, limits(1, 1))), ["last"]);
    ask_all(&world, &asked);
}

/// At most so many of one document, even where it has all the best ones.
#[test]
fn the_cap_per_document_is_exact() {
    let mut world = World::new();
    let best = vec!["tango"; 50];
    world.segment([page(0, "m-best", "a", best)]);
    world.segment((1..6).map(|ord| {
        let text = "tango ".to_owned() + &"filler ".repeat(ord as usize);
        page(ord, &format!("d{ord}"), "a", vec![text; 2])
    }));
    let ask = |top_k, per_document| {
        let ranking = world.find(
            &["a"],
            &query(&[("tango", 1.0)]),
            limits(top_k, per_document),
        );
        let places = ranking.chunks.iter().map(|chunk| (chunk.ord, chunk.number));
        places.collect::<Vec<_>>()
    };
    assert_eq!(ask(3, 1), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(ask(5, 3), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]);
    assert_eq!(
        ask(100, 1).len(),
        6,
        "more are wanted than there are documents"
    );
    assert_eq!(ask(100, 3).len(), 3 + 5 * 2);
    assert_eq!(ask(100, 100).len(), 50 + 10);
    assert_eq!(ask(60, 100).len(), 60);
}

/// The best chunks of a document come last in it, so earlier ones have to give way.
#[test]
fn chunks_give_way_to_better_ones_of_their_document() {
    let mut world = World::new();
    let rising =
        |chunk: usize| "tango ".repeat(chunk / 50 + 1) + &"filler ".repeat(60 - chunk / 50);
    world.segment((0..12).map(|ord| page(ord, &format!("d{ord}"), "a", (0..250).map(rising))));
    for top_k in [1, 2, 5, 11, 12, 13, 40] {
        for per_document in [1, 2, 3, 7] {
            let limits = limits(top_k, per_document);
            let ranking = world.find(&["a"], &query(&[("tango", 1.0)]), limits);
            assert_eq!(ranking.chunks.len(), top_k.min(12 * per_document));
            assert!(ranking.chunks.iter().all(|chunk| chunk.number >= 200));
        }
    }
}

#[test]
fn limits_of_nothing_find_nothing() {
    let mut world = World::new();
    world.segment((0..9).map(|ord| page(ord, &format!("d{ord}"), "a", ["tango"])));
    let asked = query(&[("tango", 1.0)]);
    let some = world.find(&["a"], &asked, TEN);
    for limits in [limits(0, 3), limits(3, 0), limits(0, 0)] {
        let none = world.find(&["a"], &asked, limits);
        assert!(none.chunks.is_empty());
        assert_eq!(none.term_values, some.term_values);
    }
    let nothing = world.find(&["a"], &query(&[]), TEN);
    assert!(nothing.chunks.is_empty());
}

/// Thousands of scores that only the last bits tell apart: estimates in `f32` see them as one.
#[test]
fn weights_that_differ_by_twelve_orders_of_magnitude() {
    let mut world = World::new();
    let mut random = StdRng::seed_from_u64(12);
    let mut text = || {
        let small = ["alpha", "bravo", "kilo"][random.gen_range(0..3)];
        // Of one length, so that the heavy term gives all the same.
        let often = random.gen_range(1..6);
        "tango tango ".to_owned()
            + &format!("{small} ").repeat(often)
            + &"filler ".repeat(6 - often)
    };
    for part in 0..2 {
        let pages: Vec<_> = (0..1500)
            .map(|n| {
                let ord = part * 1500 + n;
                page(
                    ord,
                    &format!("d{}", ord * 7919 % 3000),
                    ["a", "b"][ord as usize % 2],
                    [text(), text()],
                )
            })
            .collect();
        world.segment(pages);
    }
    for [heavy, light] in [
        [1e6, 1e-6],
        [1e6, 1e-3],
        [1.0, 1e-6],
        [1e-6, 1e6],
        [1e-6, 1e-6],
        [1e6, 1e6],
    ] {
        let asked = query(&[
            ("alpha", light),
            ("tango", heavy),
            ("bravo", light * 0.999_999),
            ("kilo", light),
        ]);
        for limits in [limits(1, 1), limits(10, 3), limits(500, 1)] {
            for groups in [&["a"][..], &["a", "b"]] {
                let ranking = world.find(groups, &asked, limits);
                assert_eq!(ranking.chunks.len(), limits.top_k);
            }
        }
    }
}

/// Scores that `f32` cannot order: the same counts, given to other terms of almost equal weight.
#[test]
fn scores_that_differ_beyond_what_the_estimates_hold() {
    const TERMS: [&str; 8] = [
        "alpha", "bravo", "echo", "kilo", "lima", "papa", "tango", "zulu",
    ];
    let mut random = StdRng::seed_from_u64(10);
    let mut text = || {
        let mut counts = [1, 1, 2, 3, 4, 5, 7, 9];
        counts.shuffle(&mut random);
        let words = TERMS.iter().zip(counts);
        words
            .map(|(word, count)| format!("{word} ").repeat(count))
            .collect::<String>()
    };
    let mut world = World::new();
    let pages: Vec<_> = (0..1200)
        .map(|ord| page(ord, &format!("d{ord}"), "a", [text()]))
        .collect();
    world.segment(pages);
    for step in [1e-7, 1e-8, 1e-9, 1e-12] {
        let weights = (0..).map(|term| 0.7 + f64::from(term) * step);
        let weighted: Vec<(&str, f64)> = TERMS.into_iter().zip(weights).collect();
        for top_k in [1, 10, 100] {
            world.find(&["a"], &query(&weighted), limits(top_k, 1));
        }
    }
}

/// Everything of one segment is permitted and some of it deleted; of the other, all is there.
#[test]
fn a_segment_that_is_all_permitted_but_not_all_there() {
    let pages = |from: u32, keep: &dyn Fn(u32) -> bool| {
        let ords = (from..from + 600).filter(|ord| keep(*ord));
        let text = |ord: u32, chunk: u32| {
            "tango ".repeat((ord + chunk) as usize % 5 + 1) + &"lima ".repeat(ord as usize % 2)
        };
        ords.map(|ord| {
            page(
                ord,
                &format!("d{ord}"),
                "a",
                (0..4).map(|chunk| text(ord, chunk)),
            )
        })
        .collect::<Vec<_>>()
    };
    let (mut never, mut had) = (World::new(), World::new());
    never.segment(pages(0, &|ord| ord % 100 != 7));
    had.segment(pages(0, &|_| true));
    let gone: Vec<String> = (0..6).map(|n| format!("d{}", n * 100 + 7)).collect();
    // Asked before as well, so that what is remembered of the segment has to go.
    let asked = [
        query(&[("tango", 1.0)]),
        query(&[("lima", 1.0), ("tango", 0.3)]),
    ];
    for world in [&mut never, &mut had] {
        world.segment(pages(1000, &|_| true));
        asked.iter().for_each(|asked| ask_all(world, asked));
    }
    had.remove(&gone.iter().map(String::as_str).collect::<Vec<_>>());
    for asked in &asked {
        let ask = |world: &World| LIMITS.map(|limits| seen(&world.find(&["a"], asked, limits)));
        assert_eq!(ask(&had), ask(&never));
    }
}

/// All chunks score the same, in several segments large enough for sidecars.
#[test]
fn thousands_of_ties_go_by_document() {
    let mut world = World::new();
    let path = |ord: u32| format!("{:04}", ord * 7919 % 6600);
    for part in 0..3 {
        let ords = part * 2200..(part + 1) * 2200;
        world.segment(ords.map(|ord| page(ord, &path(ord), "a", ["tango filler"])));
    }
    let mut sorted: Vec<String> = (0..6600).map(path).collect();
    sorted.sort_unstable();
    for merged in [false, true] {
        for top_k in [1, 10, 999] {
            let ranking = world.find(&["a"], &query(&[("tango", 1.0)]), limits(top_k, 1));
            assert_eq!(paths(&ranking), sorted[..top_k], "{merged}");
        }
        world.merge();
    }
}
