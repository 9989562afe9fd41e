//! Scoped search: exact BM25 top-k among the chunks that one caller may read.
//!
//! Upholds NON-INTERFERENCE: every number that reaches a caller (statistics, scores, order,
//! snippets) is computed from permitted chunks alone. There is no unscoped variant.

pub mod bitmap;
mod bm25;
mod cache;
mod engine;
mod filters;
mod list;
mod paged;
mod phrase;
mod query;
pub mod reference;
mod shares;
mod snippet;
mod top;
mod view;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use ambit_indexer::catalog::{Ord, Selection};
use ambit_indexer::document::{Chunk, DocumentId};
use ambit_indexer::store::{Store, StoreError, StoredContent};
use thiserror::Error;

use crate::door::{self, Permit};
use crate::identity::AccessScope;

pub use engine::Engine;
pub use filters::Filters;
pub use query::{MAX_QUERY_BYTES, QueryError, WeightedQuery, WeightedTerm};

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

/// How many chunks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Chunks in all.
    pub top_k: usize,
    /// Chunks of one document.
    pub per_document: usize,
}

/// A chunk with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedChunk {
    /// The document.
    pub document: DocumentId,
    /// Number of the revision.
    pub ord: Ord,
    /// Number of the chunk within it.
    pub number: u32,
    /// Sum of weighted BM25 contributions.
    pub score: f64,
}

/// A chunk with its score, on its way into a ranking.
#[derive(Clone, Copy, Debug)]
struct Scored {
    ord: Ord,
    number: u32,
    score: f64,
}

/// The best chunks, and what each query term is worth to this caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Best first.
    pub chunks: Vec<RankedChunk>,
    /// Weight times inverse document frequency, one a term of the query, for snippets.
    pub term_values: Vec<f64>,
}

impl Ranking {
    fn new(chunks: Vec<Scored>, selection: &Selection, term_values: Vec<f64>) -> Self {
        let named = chunks.into_iter().filter_map(|chunk| {
            Some(RankedChunk {
                document: selection.get(chunk.ord)?.id.clone(),
                ord: chunk.ord,
                number: chunk.number,
                score: chunk.score,
            })
        });
        Self {
            chunks: named.collect(),
            term_values,
        }
    }
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
    engine: &Engine,
    scope: &AccessScope,
    store: &Store,
    query: &Query,
) -> Result<Vec<Hit>, SearchError> {
    let weighted = WeightedQuery::parse(&query.text)?;
    let snapshot = store.snapshot();
    let limits = Limits {
        top_k: query.top_k.min(MAX_TOP_K),
        per_document: MAX_CHUNKS_PER_DOCUMENT,
    };
    let ranking = engine.rank(scope, &snapshot, &weighted, &query.filters, limits)?;
    open_hits(scope, store, &weighted, ranking)
}

/// Opens the ranked chunks. A document whose permission went away in between is left out.
fn open_hits(
    scope: &AccessScope,
    store: &Store,
    weighted: &WeightedQuery,
    ranking: Ranking,
) -> Result<Vec<Hit>, SearchError> {
    let mut opened = HashMap::new();
    let mut hits = Vec::with_capacity(ranking.chunks.len());
    for ranked in ranking.chunks {
        let RankedChunk {
            ord,
            number,
            score,
            document,
        } = ranked;
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
        let Some(chunk) = chunk else {
            continue;
        };
        let mut hit = Hit {
            ord,
            document,
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
