//! The searches that are compared: the same terms with the same weights in each.

use std::time::{Duration, Instant};

use ambit::search::WeightedQuery;
use tantivy::collector::TopDocs;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, TermQuery, TermSetQuery,
};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, Score, Term};

use crate::index::Corpus;

/// Hits of an answer.
pub(crate) const TOP_K: usize = 10;

/// Any of the terms, over everything.
pub(crate) fn unfiltered(corpus: &Corpus, query: &WeightedQuery) -> Box<dyn Query> {
    let mut clauses: Vec<Box<dyn Query>> = Vec::new();
    for term in &query.terms {
        let found = Term::from_field_text(corpus.fields.text, &term.text);
        let found = TermQuery::new(found, IndexRecordOption::WithFreqs);
        clauses.push(Box::new(BoostQuery::new(
            Box::new(found),
            term.weight as Score,
        )));
    }
    // A lone clause would count as required, which tantivy does not prune.
    if clauses.len() == 1 {
        return clauses.remove(0);
    }
    let clauses = clauses.into_iter().map(|clause| (Occur::Should, clause));
    Box::new(BooleanQuery::new(clauses.collect()))
}

/// The same, and one of the caller's access lists, as one would ordinarily write it.
pub(crate) fn filtered(corpus: &Corpus, query: &WeightedQuery, caller: &[u64]) -> Box<dyn Query> {
    let lists = caller.iter();
    let lists = lists.map(|acl| Term::from_field_u64(corpus.acl, *acl));
    let filter = ConstScoreQuery::new(Box::new(TermSetQuery::new(lists)), 0.0);
    Box::new(BooleanQuery::new(vec![
        (Occur::Must, unfiltered(corpus, query)),
        (Occur::Must, Box::new(filter)),
    ]))
}

/// What tantivy ranks first, and how long it took; the query is at hand already.
#[expect(
    clippy::disallowed_methods,
    reason = "tantivy's own ranking is what Ambit's is compared with"
)]
pub(crate) fn top(corpus: &Corpus, query: &dyn Query) -> (Vec<(Score, DocAddress)>, Duration) {
    let collector = TopDocs::with_limit(TOP_K).order_by_score();
    let start = Instant::now();
    let found = corpus.searcher.search(query, &collector).unwrap();
    (found, start.elapsed())
}

/// A filter that permits everything changes no score. Only scores are compared, and not their last
/// digits: tantivy adds up in an order that depends on how it searches.
pub(crate) fn assert_alike(one: &[(Score, DocAddress)], other: &[(Score, DocAddress)]) {
    assert_eq!(one.len(), other.len());
    for ((one, _), (other, _)) in one.iter().zip(other) {
        assert!((one - other).abs() <= one * 1e-5, "{one} is not {other}");
    }
}
