//! `POST /v1/search`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::HttpState;
use super::documents::answered;
use super::extract::{Authenticated, JsonBody};
use super::problem::Problem;
use super::wire::{self, WireCitation, WireFilters};
use crate::answers;
use crate::app::App;
use crate::identity::Caller;
use crate::release::{ReleaseError, Released, RequestFacts};

/// What to search for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchRequest {
    /// Plain words; a quoted phrase has to occur.
    pub(crate) query: String,
    /// How many hits, from 1 to 100; 10 if absent.
    pub(crate) top_k: Option<usize>,
    /// Which documents come into question.
    #[serde(default, deserialize_with = "wire::object")]
    pub(crate) filters: WireFilters,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchResponse {
    /// Answer id.
    id: String,
    /// Best first.
    hits: Vec<WireHit>,
}

/// One chunk that was found.
#[derive(Debug, Serialize, ToSchema)]
struct WireHit {
    /// Document id.
    document: String,
    /// Title.
    title: String,
    /// Headings above the chunk, outermost first.
    heading: Vec<String>,
    /// The part of the chunk that matches best.
    snippet: String,
    /// BM25 score, comparable within this answer only.
    score: f64,
    /// Where it comes from.
    citation: WireCitation,
}

/// Finds the best chunks among those that the caller may read.
#[utoipa::path(post, path = "/v1/search", tag = "reading", request_body = SearchRequest,
    responses((status = 200, body = SearchResponse), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn search(
    State(state): State<HttpState>,
    who: Authenticated,
    JsonBody(request): JsonBody<SearchRequest>,
) -> Result<Response, Problem> {
    let released = run(&state.app, &who.caller, &who.facts, request).await?;
    Ok(answered(released, None))
}

/// Checks, searches, records and releases; the command line calls this too.
pub(crate) async fn run(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    facts: &RequestFacts,
    request: SearchRequest,
) -> Result<Released, Problem> {
    let labels = &app.config().labels;
    let filters = request.filters;
    let query = wire::query(request.query, request.top_k, &filters, labels)?;
    let render = |answer: answers::SearchAnswer| {
        let hits = answer.hits.into_iter().map(|(hit, citation)| WireHit {
            document: citation.document.clone(),
            title: citation.title.clone(),
            heading: citation.heading.clone(),
            snippet: hit.snippet,
            score: hit.score,
            citation: citation.into(),
        });
        let response = SearchResponse {
            id: answer.id.to_string(),
            hits: hits.collect(),
        };
        serde_json::to_vec(&response).map_err(ReleaseError::from)
    };
    Ok(answers::search(app, caller, facts, query, filters.recorded(), render).await?)
}
