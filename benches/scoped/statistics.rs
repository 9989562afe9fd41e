//! What the generated text is like, so that a reader can tell whether it resembles theirs.

use ambit::search::WeightedQuery;
use tantivy::Term;

use crate::index::Corpus;
use crate::learn::Model;
use crate::table::percentile;

/// The text that was learned from.
pub(crate) fn learned(model: &Model) {
    let terms: usize = model.lengths.iter().sum();
    println!(
        "learned from {} files, {:.1} terms a chunk without title and headings",
        model.sources.len(),
        terms as f64 / model.lengths.len() as f64
    );
    let mut vocabulary = Vocabulary::of(model.lengths.len() as u32);
    for frequency in model.frequencies.values() {
        vocabulary.count(*frequency);
    }
    vocabulary.print("real text");
}

/// The text that was generated, and what is asked of it.
pub(crate) fn generated(corpus: &Corpus, queries: &[WeightedQuery]) {
    let chunks = corpus.searcher.num_docs();
    println!(
        "text: {chunks} chunks in {} documents, {:.1} terms a chunk, largest access list {:.1} %",
        corpus.documents,
        corpus.terms as f64 / chunks as f64,
        *corpus.sizes.iter().max().unwrap() as f64 * 100.0 / chunks as f64,
    );
    for segment in corpus.searcher.segment_readers() {
        let index = segment.inverted_index(corpus.fields.text).unwrap();
        let mut terms = index.terms().stream().unwrap();
        let mut vocabulary = Vocabulary::of(segment.max_doc());
        while terms.advance() {
            vocabulary.count(terms.value().doc_freq);
        }
        vocabulary.print("segment");
    }
    let mut looked_up: Vec<f64> = Vec::new();
    let mut present: Vec<f64> = Vec::new();
    let mut frequencies: Vec<f64> = Vec::new();
    for query in queries {
        let before = frequencies.len();
        for term in &query.terms {
            let term = Term::from_field_text(corpus.fields.text, &term.text);
            let frequency = corpus.searcher.doc_freq(&term).unwrap();
            frequencies.extend((frequency > 0).then_some(frequency as f64));
        }
        looked_up.push(query.terms.len() as f64);
        present.push((frequencies.len() - before) as f64);
    }
    distribution("terms looked up per query", looked_up);
    distribution("terms present per query", present);
    distribution("chunks per present term", frequencies);
}

/// How many terms are how frequent.
struct Vocabulary {
    chunks: u32,
    distinct: u32,
    once: u32,
    often: u32,
    dense: u32,
}

impl Vocabulary {
    fn of(chunks: u32) -> Self {
        Self {
            chunks,
            distinct: 0,
            once: 0,
            often: 0,
            dense: 0,
        }
    }

    fn count(&mut self, frequency: u32) {
        self.distinct += 1;
        self.once += u32::from(frequency == 1);
        self.often += u32::from(frequency >= self.chunks.div_ceil(128));
        self.dense += u32::from(frequency >= self.chunks.div_ceil(32));
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {} chunks, {} distinct terms, {} in one chunk only, \
             {} in 1/128 of the chunks or more, {} in 1/32 or more",
            self.chunks, self.distinct, self.once, self.often, self.dense
        );
    }
}

fn distribution(name: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    println!(
        "{name}: p10 {:.0}, p50 {:.0}, p90 {:.0}, most {:.0}",
        percentile(&values, 0.1),
        percentile(&values, 0.5),
        percentile(&values, 0.9),
        percentile(&values, 1.0),
    );
}
