//! Cases that are known to go wrong with an index's own scoring. Where that costs little, a test
//! shows that the plain way gives another answer, so that it cannot pass for want of a trap.

use std::panic::AssertUnwindSafe;

use ambit::search::{Filters, Limits};
use ambit_indexer::index::PEAKS_FROM;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tantivy::query::{BooleanQuery, Query};

use crate::naive::{Scoped, believed, naive, naive_unpruned, ord_of, path, searcher, term_query};
use crate::world::{TEN, World, caller, page, paths, query, seen};

/// As many chunks of a document as there are.
const ALL: Limits = Limits {
    top_k: 10,
    per_document: usize::MAX,
};

/// Trap 1: what tantivy's skip list records as the best of a block is the best under the average
/// length of the segment. Here long forbidden chunks make that large, so that of chunks in one
/// block it records a long one with two occurrences. To the caller length counts for more, and
/// the best chunk is a short one, in a block (and a window) whose recorded best is poor.
#[test]
fn the_best_of_a_window_holds_for_every_average_length() {
    const WINDOW: u32 = 4096;
    const BEST: u32 = WINDOW + 2000;
    let recorded = |chunk| chunk > WINDOW && chunk % 100 == 0;
    let long = "tango tango ".to_owned() + &"filler ".repeat(10);
    let text = |chunk| match chunk {
        BEST => "tango".to_owned(),
        _ if recorded(chunk) => long.clone(),
        _ => "tango filler".to_owned(),
    };
    let mut world = World::new();
    let mut pages: Vec<_> = (0..2 * WINDOW / 64)
        .map(|ord| {
            page(
                ord,
                &format!("d{ord}"),
                "a",
                (ord * 64..).take(64).map(text),
            )
        })
        .collect();
    pages.push(page(9000, "long", "b", vec!["lima ".repeat(30_000); 10]));
    world.segment(pages);

    let others = (0..2 * WINDOW).filter(|chunk| recorded(*chunk) && *chunk != BEST);
    let scope = Scoped {
        chunks: u64::from(2 * WINDOW),
        terms: u64::from(2 * WINDOW) * 2 - 1 + 10 * others.count() as u64,
        frequency: u64::from(2 * WINDOW),
    };
    let tango = term_query(&world, "tango");
    let (best, found) = naive_unpruned(&world, &tango, &scope);
    assert_eq!(found, BEST);
    let pruned = naive(&world, &tango, &scope, 1)[0];
    assert!(pruned.0 < best && pruned.1.doc_id != BEST, "{pruned:?}");

    for limits in [ALL, TEN, Limits { top_k: 1, ..TEN }] {
        let ranking = world.find(&["a"], &query(&[("tango", 1.0)]), limits);
        let first = &ranking.chunks[0];
        assert_eq!(first.ord * 64 + first.number, BEST);
        // Tantivy takes the logarithm of nearly one in `f32`.
        assert!((first.score / f64::from(best) - 1.0).abs() < 0.01);
    }
    // The same where the caller may read all: the average is the segment's, and another chunk is
    // the best.
    let all = world.find(&["a", "b"], &query(&[("tango", 1.0)]), ALL);
    assert!(recorded(all.chunks[0].ord * 64 + all.chunks[0].number));
}

/// Trap 2: tantivy takes a query of one optional clause for one that must match, and does not
/// prune. To us one term is not a special case: a second one that nothing holds changes nothing.
#[test]
fn one_clause_is_scored_as_one_of_several() {
    let mut world = World::new();
    let mut random = StdRng::seed_from_u64(2);
    let text = |random: &mut StdRng| {
        "tango ".repeat(random.gen_range(1..4)) + &"filler ".repeat(random.gen_range(0..9))
    };
    let pages = (0..PEAKS_FROM + 5).map(|ord| {
        page(
            ord,
            &format!("d{ord}"),
            ["a", "b"][ord as usize % 2],
            [text(&mut random)],
        )
    });
    let pages: Vec<_> = pages.collect();
    world.segment(pages);
    for groups in [&["a"][..], &["a", "b"]] {
        let caller = caller(groups, 0);
        let one = world.ask(&caller, &query(&[("tango", 0.7)]), &Filters::default(), TEN);
        let two = world.ask(
            &caller,
            &query(&[("absent", 1.0), ("tango", 0.7)]),
            &Filters::default(),
            TEN,
        );
        assert_eq!(seen(&one).0, seen(&two).0);
        assert_eq!(one.chunks.len(), 10);
    }
}

/// Trap 3: tantivy counts deleted chunks until a merge, and after one estimates the terms.
#[test]
fn deleted_chunks_count_neither_before_a_merge_nor_after() {
    let text =
        |ord: u32| "tango ".repeat(ord as usize % 5 + 1) + &"filler ".repeat(45 + ord as usize);
    let kept = |ord: u32| ord % 3 != 1;
    let pages = |from: u32, keep: &dyn Fn(u32) -> bool| {
        let ords = (from..from + 30).filter(|ord| keep(*ord));
        let pages = ords.map(|ord| page(ord, &format!("d{ord:02}"), "a", [text(ord)]));
        pages.collect::<Vec<_>>()
    };
    let (mut never, mut had) = (World::new(), World::new());
    for from in [0, 30] {
        never.segment(pages(from, &kept));
        had.segment(pages(from, &|_| true));
    }
    let gone: Vec<String> = (0..60)
        .filter(|ord| !kept(*ord))
        .map(|ord| format!("d{ord:02}"))
        .collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    had.remove(&gone);

    let questions = [
        query(&[("tango", 1.0)]),
        query(&[("filler", 0.3), ("tango", 2.0)]),
    ];
    let ask = |world: &World| {
        questions
            .each_ref()
            .map(|query| seen(&world.find(&["a"], query, TEN)))
    };
    let expected = ask(&never);
    assert_eq!(expected[0].0.len(), 10);
    let exact = believed(&never, "tango");
    assert_eq!(ask(&had), expected, "before");
    assert_ne!(believed(&had, "tango"), exact);
    had.merge();
    assert_eq!(ask(&had), expected, "after");
    assert_ne!(believed(&had, "tango").1, exact.1, "terms are estimated");
    never.merge();
    assert_eq!(ask(&never), expected);
}

/// Trap 4: tantivy breaks ties by the place in the index.
#[test]
fn ties_are_broken_by_document_and_chunk() {
    let named: Vec<_> = (0..8)
        .map(|ord| page(ord, &format!("d{ord}"), "a", ["tango filler"; 2]))
        .collect();
    let mut turned = named.clone();
    turned.reverse();
    let mut mixed = named.clone();
    mixed.shuffle(&mut StdRng::seed_from_u64(4));
    let [mut one, mut reversed, mut apart] = [World::new(), World::new(), World::new()];
    one.segment(named);
    reversed.segment(turned);
    for page in mixed {
        apart.segment([page]);
    }
    let tango = |world: &World| {
        let found = naive(world, &term_query(world, "tango"), &searcher(world), 3);
        found
            .iter()
            .map(|(_, address)| path(world, *address))
            .collect::<Vec<_>>()
    };
    assert_ne!(
        tango(&one),
        tango(&reversed),
        "the plain way depends on the order of writing"
    );

    let check = |world: &World| {
        let first = |top_k, per_document| {
            let limits = Limits {
                top_k,
                per_document,
            };
            let ranking = world.find(&["a"], &query(&[("tango", 1.0)]), limits);
            let places = ranking.chunks.iter().map(|chunk| (chunk.ord, chunk.number));
            places.collect::<Vec<_>>()
        };
        assert_eq!(first(1, 3), [(0, 0)]);
        assert_eq!(
            first(3, 3),
            [(0, 0), (0, 1), (1, 0)],
            "the last place is shared"
        );
        assert_eq!(first(3, 1), [(0, 0), (1, 0), (2, 0)]);
        assert_eq!(first(15, 3).last(), Some(&(7, 0)));
    };
    check(&one);
    check(&reversed);
    check(&apart);
    apart.merge();
    check(&apart);
}

const WORDS: [&str; 6] = ["alpha", "bravo", "kilo", "lima", "papa", "tango"];

/// Trap 5: tantivy adds up in `f32`, in an order that depends on where its cursors are.
#[test]
fn the_order_of_writing_shows_in_no_bit_of_a_score() {
    let mut random = StdRng::seed_from_u64(5);
    let chunk = |random: &mut StdRng| {
        let words = (0..random.gen_range(4..30)).map(|_| *WORDS.choose(random).unwrap());
        words.collect::<Vec<_>>().join(" ")
    };
    let mut pages: Vec<_> = (0..400)
        .map(|ord| page(ord, &format!("d{ord}"), "a", [chunk(&mut random)]))
        .collect();
    let (mut one, mut many) = (World::new(), World::new());
    one.segment(pages.clone());
    pages.shuffle(&mut random);
    for part in pages.chunks(90) {
        // Forbidden chunks in between move the cursors.
        let others = (1000..1020).map(|ord| {
            page(
                ord + part[0].0.ord * 20,
                &format!("x{ord}{}", part[0].0.ord),
                "b",
                [chunk(&mut random)],
            )
        });
        many.segment(part.iter().cloned().chain(others.collect::<Vec<_>>()));
    }
    let weighted: Vec<(&str, f64)> = WORDS.iter().map(|word| (*word, 1.0)).collect();
    let ask =
        |world: &World| seen(&world.find(&["a"], &query(&weighted), Limits { top_k: 300, ..TEN }));
    let expected = ask(&one);
    assert_eq!(expected.0.len(), 300);
    assert_eq!(ask(&many), expected);
    many.merge();
    assert_eq!(ask(&many), expected);

    // The plain way gives one chunk two scores, from the same statistics.
    let clauses = |world: &World| {
        WORDS
            .map(|word| Box::new(term_query(world, word)) as Box<dyn Query>)
            .into_iter()
            .collect()
    };
    let plain = |world: &World| {
        let any = BooleanQuery::union(clauses(world));
        let statistics = Scoped {
            chunks: 400,
            terms: 6000,
            frequency: 250,
        };
        let found = naive(world, &any, &statistics, 300).into_iter();
        found
            .map(|(score, address)| (ord_of(world, address), score.to_bits()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let (first, second) = (plain(&one), plain(&many));
    let differs = |ord: &u64| second.get(ord).is_some_and(|score| *score != first[ord]);
    assert!(first.keys().any(differs));
}

/// Trap 6: tantivy keeps lengths in a byte, and an average of them. The length of a chunk is that
/// byte's here too, but the average is exact, and all is `f64`.
#[test]
fn a_score_is_what_the_formula_gives() {
    let mut world = World::new();
    // 100 terms and 101 fit into one byte, as 96 or so.
    let texts = [("x", 100), ("y", 101), ("z", 9)]
        .map(|(path, length)| (path, "tango ".to_owned() + &"filler ".repeat(length - 1)));
    let pages = texts
        .iter()
        .zip(0..)
        .map(|((path, text), ord)| page(ord, path, "a", [text.as_str()]));
    world.segment(pages.chain([
        page(7, "other", "a", ["lima"]),
        page(8, "forbidden", "b", ["tango lima"]),
    ]));
    let ranking = world.find(&["a"], &query(&[("tango", 0.5)]), TEN);
    assert_eq!(paths(&ranking), ["z", "x", "y"]);
    let quantised = |length| {
        use tantivy::fieldnorm::FieldNormReader;
        f64::from(FieldNormReader::id_to_fieldnorm(
            FieldNormReader::fieldnorm_to_id(length),
        ))
    };
    assert!(quantised(100) < 100.0);
    assert_eq!(
        ranking.chunks[1].score.to_bits(),
        ranking.chunks[2].score.to_bits()
    );
    let average = (100.0 + 101.0 + 9.0 + 1.0) / 4.0;
    let value = 0.5 * (1.0f64 + (4.0 - 3.0 + 0.5) / (3.0 + 0.5)).ln();
    assert!((ranking.term_values[0] - value).abs() < 1e-15);
    for (chunk, length) in ranking
        .chunks
        .iter()
        .zip([9.0, quantised(100), quantised(101)])
    {
        let score = value * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * length / average));
        assert!((chunk.score - score).abs() < 1e-14, "{}", chunk.document);
    }
}

/// Trap 7: tantivy panics where more chunks hold a term than there are, and an empty scope has no
/// average. N, terms and frequencies are of one scope here.
#[test]
fn a_term_in_every_permitted_chunk_and_a_scope_without_chunks() {
    let mut world = World::new();
    let theirs = (10..40).map(|ord| page(ord, &format!("b{ord}"), "b", ["tango kilo"]));
    let mine = (0..10).map(|ord| page(ord, &format!("a{ord}"), "a", ["tango filler"]));
    world.segment(mine.chain(theirs));
    let tango = query(&[("tango", 1.0)]);
    let mixed = Scoped {
        chunks: 10,
        terms: 20,
        frequency: believed(&world, "tango").2,
    };
    let panics = std::panic::catch_unwind(AssertUnwindSafe(|| {
        naive(&world, &term_query(&world, "tango"), &mixed, 3)
    }));
    assert!(panics.is_err(), "frequencies of all, chunks of the scope");

    let mine = world.find(&["a"], &tango, ALL);
    assert_eq!(mine.chunks.len(), 10);
    let value = (1.0f64 + 0.5 / 10.5).ln();
    assert!((mine.term_values[0] - value).abs() < 1e-15 && value > 0.0);
    let nobody = world.find(&["nobody"], &tango, TEN);
    assert!(nobody.chunks.is_empty() && nobody.term_values.is_empty());
    let empty = World::new().find(&["a"], &tango, TEN);
    assert_eq!(empty, nobody);
    // Permitted, but without a single term.
    let mut blank = World::new();
    blank.segment([page(0, "blank", "a", ["", " "])]);
    let blank = blank.find(&["a"], &tango, TEN);
    assert!(blank.chunks.is_empty() && blank.term_values[0].is_finite());
}

/// Traps 8 and 9: parts of tantivy weigh by the frequencies of the whole index, and expand over
/// the whole dictionary. What terms are worth to a caller, phrases or not, is as if what is
/// forbidden were not there.
#[test]
fn what_is_forbidden_shows_in_no_term_value() {
    let mine = || {
        (0..20).map(|ord| {
            page(
                ord,
                &format!("a{ord}"),
                "a",
                ["alpha bravo kilo", "bravo alpha"],
            )
        })
    };
    let theirs = (20..60).map(|ord| {
        page(
            ord,
            &format!("b{ord}"),
            "b",
            ["alpha bravo hidden".repeat(3)],
        )
    });
    let (mut alone, mut beside) = (World::new(), World::new());
    alone.segment(mine());
    beside.segment(theirs.chain(mine()));
    let mut asked = query(&[
        ("alpha", 1.0),
        ("bravo", 2.0),
        ("hidden", 1.0),
        ("hiddenalpha", 1.0),
    ]);
    for phrase in [&[][..], &["alpha", "bravo"], &["bravo", "hidden"]] {
        let words = phrase.iter().map(|word| (*word).to_owned());
        asked.phrases = vec![words.collect::<Vec<_>>()];
        asked.phrases.retain(|phrase| !phrase.is_empty());
        let ask = |world: &World| seen(&world.find(&["a"], &asked, TEN));
        assert_eq!(ask(&alone), ask(&beside), "{phrase:?}");
    }
    assert_ne!(believed(&alone, "hidden").2, believed(&beside, "hidden").2);
}
