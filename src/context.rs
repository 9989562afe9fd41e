//! Context: packing the best permitted passages into a token budget, with citations.
//!
//! Upholds POLICY OUTSIDE THE MODEL (the budget is kept here, never asked of a model) and REPLAY
//! (what was packed is described by spans and separators, so it can be rebuilt exactly).

mod citation;
mod pack;
mod resemblance;
mod tokens;

use ambit_indexer::store::Store;

use crate::identity::AccessScope;
use crate::search::{self, Engine, Query, SearchError};

pub(crate) use citation::{Citation, CitationMaker, document_uri, record};
pub(crate) use pack::{PackedContext, PackedPassage};
pub(crate) use tokens::{ENCODING, load as load_tokenizer};

/// Largest token budget of one request.
pub(crate) const MAX_CONTEXT_TOKENS: usize = 200_000;

/// In which shape the context is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One text in which each passage follows a line that names its source.
    Text,
    /// A list of passages.
    Chunks,
}

impl Format {
    /// `text` or `chunks`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Chunks => "chunks",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct ContextQuery {
    /// What to look for.
    pub(crate) query: Query,
    /// Budget for the context, in tokens of `o200k_base`.
    pub(crate) max_tokens: usize,
    /// Shape of the answer.
    pub(crate) format: Format,
}

/// Finds and packs.
pub(crate) fn context(
    engine: &Engine,
    scope: &AccessScope,
    store: &Store,
    request: &ContextQuery,
) -> Result<PackedContext, SearchError> {
    let hits = search::search(engine, scope, store, &request.query)?;
    Ok(pack::pack(hits, request.max_tokens, request.format))
}
