//! Scoped search: exact BM25 top-k among the chunks that one caller may read.
//!
//! Upholds NON-INTERFERENCE: every number that reaches a caller (statistics, scores, order,
//! snippets) is computed from permitted chunks alone. There is no unscoped variant.

mod filters;
mod query;
mod reference;
mod snippet;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use ambit_indexer::catalog::{Ord, Selection};
use ambit_indexer::document::{Chunk, DocumentId};
use ambit_indexer::store::{Store, StoreError, StoredContent};
use thiserror::Error;

use crate::door::{self, Permit};
use crate::identity::AccessScope;

pub use filters::Filters;
pub use query::{MAX_QUERY_BYTES, QueryError, WeightedQuery};
pub(crate) use reference::{Limits, RankedChunk, Ranking};

/// Most hits that one search gives.
pub const MAX_TOP_K: usize = 100;
/// Most chunks of one document among the hits, so that one long document does not fill them.
pub const MAX_CHUNKS_PER_DOCUMENT: usize = 3;

/// Why a search could not be done.
#[derive(Debug, Error)]
pub enum SearchError {
    /// The query is not usable.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The index failed.
    #[error("the index failed: {0}")]
    Index(#[from] tantivy::TantivyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Query {
    /// Plain words; a quoted phrase is the one operator.
    pub text: String,
    /// How many hits, at most.
    pub top_k: usize,
    /// Which documents come into question.
    pub filters: Filters,
}

/// A chunk that was found, opened.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    /// Number of the revision.
    pub(crate) ord: Ord,
    /// The document.
    pub(crate) document: DocumentId,
    /// The revision.
    pub(crate) stored: Arc<StoredContent>,
    /// The chunk.
    pub(crate) chunk: Chunk,
    /// BM25 score over the permitted chunks.
    pub(crate) score: f64,
    /// The part of the chunk that matches best, on one line.
    pub(crate) snippet: String,
    /// Why the caller may read it.
    pub(crate) permit: Permit,
}

impl Hit {
    /// The chunk's text.
    pub(crate) fn text(&self) -> &str {
        let body = &self.stored.content.body;
        body.get(self.chunk.start..self.chunk.end)
            .unwrap_or_default()
    }
}

/// Finds the best chunks among those that the scope permits, best first.
///
/// An empty list is an answer: it means that nothing permitted matches.
pub(crate) fn search(
    scope: &AccessScope,
    store: &Store,
    query: &Query,
) -> Result<Vec<Hit>, SearchError> {
    let weighted = WeightedQuery::parse(&query.text)?;
    let snapshot = store.snapshot();
    let selection = door::select(scope, &snapshot);
    let limits = Limits {
        top_k: query.top_k.min(MAX_TOP_K),
        per_document: MAX_CHUNKS_PER_DOCUMENT,
    };
    let admits = |ord: Ord| query.filters.admit(&selection, ord);
    let ranking = reference::rank(&snapshot, &selection, &weighted, &admits, limits)?;
    open_hits(scope, store, &selection, &weighted, ranking)
}

/// Opens the ranked chunks. A document whose permission went away in between is left out.
fn open_hits(
    scope: &AccessScope,
    store: &Store,
    selection: &Selection,
    weighted: &WeightedQuery,
    ranking: Ranking,
) -> Result<Vec<Hit>, SearchError> {
    let mut opened = HashMap::new();
    let mut hits = Vec::with_capacity(ranking.chunks.len());
    for RankedChunk { ord, number, score } in ranking.chunks {
        if let Entry::Vacant(slot) = opened.entry(ord) {
            let content = door::content(scope, store, ord)?;
            let chunks = door::chunks(scope, store, ord)?;
            slot.insert(content.zip(chunks).map(|(content, chunks)| {
                let stored = Arc::new(content.content);
                (stored, content.permit, chunks.content)
            }));
        }
        let Some(Some((stored, permit, chunks))) = opened.get(&ord) else {
            continue;
        };
        let chunk = chunks.iter().find(|chunk| chunk.number == number);
        let (Some(chunk), Some(facts)) = (chunk, selection.get(ord)) else {
            continue;
        };
        let mut hit = Hit {
            ord,
            document: facts.id.clone(),
            stored: Arc::clone(stored),
            chunk: chunk.clone(),
            score,
            snippet: String::new(),
            permit: permit.clone(),
        };
        hit.snippet = snippet::snippet(hit.text(), weighted, &ranking.term_values);
        hits.push(hit);
    }
    Ok(hits)
}
