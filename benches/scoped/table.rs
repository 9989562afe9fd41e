//! The comparison: every design answers every query, one after the other, per permitted fraction.

use std::time::Duration;

use ambit::config::DEFAULT_VIEW_BYTES;
use ambit::identity::Caller;
use ambit::search::WeightedQuery;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::Options;
use crate::ambit_side::{self, Side};
use crate::index::Corpus;
use crate::learn::Model;
use crate::{acls, designs, queries, statistics};

/// Which part of the chunks a caller may read.
const FRACTIONS: [f64; 5] = [0.001, 0.01, 0.1, 0.5, 1.0];
/// Callers of each fraction, who take turns.
const CALLERS: usize = 2;

/// One query in so many is also checked.
const CHECKED: usize = 20;
/// How often Ambit alone is asked everything.
const ALONE: usize = 20;
/// How often the cost of a miss is measured.
const MISSES: usize = 9;

/// The latencies of one design, in the order of the queries.
struct Row {
    name: &'static str,
    took: Vec<Duration>,
}

pub(crate) fn run(options: &Options) {
    let model = Model::learn(&options.learn);
    statistics::learned(&model);
    let corpus = Corpus::build(&model, options);
    println!(
        "indexed: {} segments in {:.1} s, {:.1} MB",
        options.segments,
        corpus.took.as_secs_f64(),
        corpus.bytes as f64 / 1e6
    );
    let queries = queries::queries(&model, options.seed, options.queries);
    statistics::generated(&corpus, &queries);
    let side = Side::new(&corpus);
    if let Some(fraction) = options.alone {
        return alone(&corpus, &side, &queries, fraction);
    }
    warm(&corpus, &queries);
    println!(
        "every latency is the better of two; ambit's first searches are with two fresh engines"
    );
    for fraction in FRACTIONS {
        let mut random = StdRng::seed_from_u64(options.seed);
        let callers: Vec<Vec<u64>> = (0..CALLERS)
            .map(|_| acls::caller(&corpus.sizes, fraction, &mut random))
            .collect();
        print_block(
            fraction,
            &corpus,
            &callers,
            &measure(&corpus, &side, &queries, &callers),
        );
        print_miss(&side, &callers);
    }
    print_costs(&corpus, &side);
}

/// Ambit's searches only.
fn alone(corpus: &Corpus, side: &Side, queries: &[WeightedQuery], fraction: f64) {
    let mut random = StdRng::seed_from_u64(1);
    let lists = acls::caller(&corpus.sizes, fraction, &mut random);
    let person = ambit_side::caller(&lists);
    let mut rows = ["ambit", "ambit, asked again"].map(|name| Row {
        name,
        took: Vec::new(),
    });
    for _ in 0..ALONE {
        for query in queries {
            rows[0].took.push(side.first(&person, query));
            rows[1].took.push(side.again(&person, query).1);
        }
    }
    print_block(fraction, corpus, &[lists], &rows);
}

/// The first block must not pay for pages that no search has touched yet.
fn warm(corpus: &Corpus, queries: &[WeightedQuery]) {
    for query in queries {
        designs::top(corpus, designs::unfiltered(corpus, query).as_ref());
    }
}

fn measure(
    corpus: &Corpus,
    side: &Side,
    queries: &[WeightedQuery],
    callers: &[Vec<u64>],
) -> Vec<Row> {
    let names = [
        "tantivy unfiltered",
        "tantivy + ACL filter",
        "ambit",
        "ambit, asked again",
    ];
    let mut rows = names.map(|name| Row {
        name,
        took: Vec::new(),
    });
    let people: Vec<Caller> = callers
        .iter()
        .map(|lists| ambit_side::caller(lists))
        .collect();
    let turns = callers.iter().zip(&people).cycle();
    for (number, (query, (lists, person))) in queries.iter().zip(turns).enumerate() {
        let unfiltered = designs::unfiltered(corpus, query);
        let filtered = designs::filtered(corpus, query, lists);
        let mut answers = Vec::new();
        for (row, query) in rows.iter_mut().zip([unfiltered, filtered]) {
            let (answer, first) = designs::top(corpus, query.as_ref());
            let (_, second) = designs::top(corpus, query.as_ref());
            row.took.push(first.min(second));
            answers.push(answer);
        }
        rows[2].took.push(side.first(person, query));
        let (ranking, first) = side.again(person, query);
        let (_, second) = side.again(person, query);
        rows[3].took.push(first.min(second));
        if number % CHECKED == 0 {
            side.check(person, query, &ranking);
            if lists.len() == corpus.sizes.len() {
                designs::assert_alike(&answers[0], &answers[1]);
            }
        }
    }
    rows.into()
}

fn print_miss(side: &Side, callers: &[Vec<u64>]) {
    let mut micros: Vec<f64> = Vec::new();
    for lists in callers {
        let person = ambit_side::caller(lists);
        let misses = (0..MISSES).map(|_| side.miss(&person).as_secs_f64() * 1e6);
        micros.extend(misses);
    }
    micros.sort_by(f64::total_cmp);
    println!(
        "a scope's first search of all, beyond the search itself: {:.0} us",
        percentile(&micros, 0.5)
    );
}

fn print_costs(corpus: &Corpus, side: &Side) {
    let (table, index) = side.memory_bytes();
    println!(
        "\nmemory beyond the index: sidecars and runs {:.1} MB, access table {:.1} MB, scopes at most {:.1} MB",
        index as f64 / 1e6,
        table as f64 / 1e6,
        DEFAULT_VIEW_BYTES as f64 / 1e6
    );
    println!(
        "opening: sidecars {:.0} ms (made anew {:.0} ms), access table of {} documents {:.0} ms",
        side.sidecars_read.as_secs_f64() * 1e3,
        side.sidecars_made.as_secs_f64() * 1e3,
        corpus.documents,
        side.table_made.as_secs_f64() * 1e3
    );
}

fn print_block(fraction: f64, corpus: &Corpus, callers: &[Vec<u64>], rows: &[Row]) {
    let permitted = callers.iter().map(|caller| {
        let chunks: u64 = caller.iter().map(|acl| corpus.sizes[*acl as usize]).sum();
        chunks as f64 * 100.0 / corpus.searcher.num_docs() as f64
    });
    let permitted: Vec<String> = permitted.map(|share| format!("{share:.3}")).collect();
    println!(
        "\npermitted {} % (callers with {} %)",
        fraction * 100.0,
        permitted.join(" and ")
    );
    println!(
        "{:<24} {:>10} {:>10} {:>8} {:>8}",
        "", "median us", "p99 us", "ratio", "p99"
    );
    let quantiles = |row: &Row| {
        let mut micros: Vec<f64> = row
            .took
            .iter()
            .map(|took| took.as_secs_f64() * 1e6)
            .collect();
        micros.sort_by(f64::total_cmp);
        (percentile(&micros, 0.5), percentile(&micros, 0.99))
    };
    let (base, base_tail) = quantiles(&rows[0]);
    for row in rows {
        let (median, tail) = quantiles(row);
        println!(
            "{:<24} {median:>10.0} {tail:>10.0} {:>8.2} {:>8.2}",
            row.name,
            median / base,
            tail / base_tail
        );
    }
}

/// The value that this part of the sorted values does not exceed.
pub(crate) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}
