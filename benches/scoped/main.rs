//! Scoped search against tantivy, on generated text of any size.
//!
//! `cargo bench --bench scoped -- --table` generates chunks from the sentences of the fixtures,
//! indexes them once, and asks the same queries of tantivy without a filter, of tantivy with an
//! ordinary ACL filter, and of Ambit, for callers who may read from a thousandth to all of it.
//! Options: `--chunks N`, `--segments N`, `--queries N`, `--seed N`, `--learn DIR` for the
//! sentences of another folder of Markdown, and `--index DIR` to keep the index there and to use
//! it again. `--alone FRACTION` asks Ambit and nothing else, again and again, for a profiler. `--change` searches
//! a real data directory at rest and while documents and ACLs of it change.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement that ends at the first surprise"
)]

mod acls;
mod ambit_side;
mod change;
mod designs;
mod index;
mod learn;
mod names;
mod queries;
mod statistics;
mod table;
mod text;

use std::path::{Path, PathBuf};

struct Options {
    table: bool,
    change: bool,
    learn: PathBuf,
    chunks: u32,
    segments: u32,
    queries: usize,
    seed: u64,
    index: Option<PathBuf>,
    alone: Option<f64>,
}

fn main() {
    let options = options();
    if options.change {
        change::run(&options);
    } else if options.table {
        table::run(&options);
    } else {
        println!("the comparison takes minutes: cargo bench --bench scoped -- --table");
    }
}

fn options() -> Options {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut options = Options {
        table: false,
        change: false,
        learn: root.join("fixtures/corpus"),
        chunks: 100_000,
        segments: 1,
        queries: 200,
        seed: 1,
        index: None,
        alone: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("an option without its value");
        match argument.as_str() {
            "--table" => options.table = true,
            "--change" => options.change = true,
            "--learn" => options.learn = value().into(),
            "--chunks" => options.chunks = value().parse().unwrap(),
            "--segments" => options.segments = value().parse().unwrap(),
            "--queries" => options.queries = value().parse().unwrap(),
            "--seed" => options.seed = value().parse().unwrap(),
            "--index" => options.index = Some(value().into()),
            "--alone" => options.alone = Some(value().parse().unwrap()),
            // Cargo passes options of its own.
            _ => {}
        }
    }
    assert!(options.segments > 0 && options.segments <= options.chunks);
    options
}
