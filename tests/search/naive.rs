//! Tantivy's own scoring over the chunks of a world, to compare with.

use tantivy::collector::TopDocs;
use tantivy::query::{Bm25StatisticsProvider, EnableScoring, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED, Term};

use crate::world::World;

/// The statistics of a scope, handed to tantivy.
pub(crate) struct Scoped {
    pub(crate) chunks: u64,
    pub(crate) terms: u64,
    pub(crate) frequency: u64,
}

impl Bm25StatisticsProvider for Scoped {
    fn total_num_tokens(&self, _: Field) -> tantivy::Result<u64> {
        Ok(self.terms)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.chunks)
    }

    fn doc_freq(&self, _: &Term) -> tantivy::Result<u64> {
        Ok(self.frequency)
    }
}

pub(crate) fn searcher(world: &World) -> Searcher {
    world.snapshot().index.searcher().clone()
}

pub(crate) fn term(world: &World, text: &str) -> Term {
    Term::from_field_text(world.snapshot().index.fields().text, text)
}

pub(crate) fn term_query(world: &World, text: &str) -> TermQuery {
    TermQuery::new(term(world, text), IndexRecordOption::WithFreqs)
}

/// What tantivy puts first, pruning.
pub(crate) fn naive(
    world: &World,
    query: &dyn Query,
    statistics: &dyn Bm25StatisticsProvider,
    k: usize,
) -> Vec<(f32, DocAddress)> {
    let collector = TopDocs::with_limit(k).order_by_score();
    let searcher = searcher(world);
    let found = searcher.search_with_statistics_provider(query, &collector, statistics);
    found.unwrap()
}

/// What tantivy puts first in its only segment if it looks at everything.
pub(crate) fn naive_unpruned(
    world: &World,
    query: &dyn Query,
    statistics: &dyn Bm25StatisticsProvider,
) -> (f32, u32) {
    let searcher = searcher(world);
    let scoring = EnableScoring::enabled_from_statistics_provider(statistics, &searcher);
    let weight = query.weight(scoring).unwrap();
    let mut scorer = weight.scorer(searcher.segment_reader(0), 1.0).unwrap();
    let mut best = (0.0, TERMINATED);
    while scorer.doc() != TERMINATED {
        let (score, document) = (scorer.score(), scorer.doc());
        if score > best.0 {
            best = (score, document);
        }
        scorer.advance();
    }
    best
}

/// The path of the document that a chunk of the index belongs to.
pub(crate) fn path(world: &World, address: DocAddress) -> String {
    let searcher = searcher(world);
    let reader = searcher.segment_reader(address.segment_ord);
    let ord = reader.fast_fields().u64("ord").unwrap();
    let ord = ord.first(address.doc_id).unwrap();
    let documents = world.documents.values();
    let found = documents.clone().find(|live| u64::from(live.ord) == ord);
    found.unwrap().facts.id.path().to_owned()
}

/// What tantivy believes of a term: chunks, terms in all, and chunks with the term.
pub(crate) fn believed(world: &World, text: &str) -> (u64, u64, u64) {
    let (searcher, term) = (searcher(world), term(world, text));
    (
        searcher.total_num_docs().unwrap(),
        searcher.total_num_tokens(term.field()).unwrap(),
        searcher.doc_freq(&term).unwrap(),
    )
}

pub(crate) fn ord_of(world: &World, address: DocAddress) -> u64 {
    let searcher = searcher(world);
    let reader = searcher.segment_reader(address.segment_ord);
    reader
        .fast_fields()
        .u64("ord")
        .unwrap()
        .first(address.doc_id)
        .unwrap()
}
