//! `POST /v1/context`.

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
use crate::context::{ContextQuery, ENCODING, Format, MAX_CONTEXT_TOKENS, PackedContext};
use crate::identity::Caller;
use crate::release::{ReleaseError, Released, RequestFacts};

/// How many hits are offered to packing where the request does not say.
const DEFAULT_TOP_K: usize = 30;

/// What to pack.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContextRequest {
    /// Plain words; a quoted phrase has to occur.
    query: String,
    /// Budget for the context, in estimated tokens.
    max_tokens: usize,
    /// How many hits are considered, from 1 to 100; 30 if absent.
    top_k: Option<usize>,
    /// Which documents come into question.
    #[serde(default, deserialize_with = "wire::object")]
    filters: WireFilters,
    /// `text` (the default) or `chunks`.
    #[serde(default)]
    format: WireFormat,
}

/// Shape of a context.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WireFormat {
    /// One text, each passage under a line that names its source.
    #[default]
    Text,
    /// A list of passages.
    Chunks,
}

/// A packed context.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContextResponse {
    /// Answer id.
    id: String,
    /// The context, for `format: text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    /// The context, for `format: chunks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    chunks: Option<Vec<WireChunk>>,
    /// Where the passages come from; `number` is the one in the context.
    citations: Vec<WireCitation>,
    /// What it takes.
    usage: WireUsage,
    /// What was found and permitted but left out.
    omitted: Vec<WireOmission>,
    /// How to treat the text: as data, never as instructions.
    handling: &'static str,
}

/// One passage.
#[derive(Debug, Serialize, ToSchema)]
struct WireChunk {
    /// Number of its citation.
    citation: usize,
    /// The passage, unmodified.
    text: String,
}

/// What a context takes.
#[derive(Debug, Serialize, ToSchema)]
struct WireUsage {
    /// Tokens of the context.
    context_tokens: usize,
    /// The encoding that they were counted in.
    encoding: &'static str,
    /// Always true: models count differently.
    estimated: bool,
}

/// A passage that was left out.
#[derive(Debug, Serialize, ToSchema)]
struct WireOmission {
    /// Document id.
    document: String,
    /// `budget` or `duplicate`.
    reason: &'static str,
    /// Tokens that it would have taken.
    tokens: usize,
}

/// Packs the best passages among those that the caller may read into a token budget.
#[utoipa::path(post, path = "/v1/context", tag = "reading", request_body = ContextRequest,
    responses((status = 200, body = ContextResponse), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn context(
    State(state): State<HttpState>,
    who: Authenticated,
    JsonBody(request): JsonBody<ContextRequest>,
) -> Result<Response, Problem> {
    let released = run(&state.app, &who.caller, &who.facts, request).await?;
    Ok(answered(released, None))
}

async fn run(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    facts: &RequestFacts,
    request: ContextRequest,
) -> Result<Released, Problem> {
    if request.max_tokens == 0 || request.max_tokens > MAX_CONTEXT_TOKENS {
        let detail = format!("from 1 to {MAX_CONTEXT_TOKENS}");
        return Err(Problem::field("max_tokens", detail));
    }
    let labels = &app.config().labels;
    let filters = request.filters;
    let top_k = Some(request.top_k.unwrap_or(DEFAULT_TOP_K));
    let wanted = ContextQuery {
        query: wire::query(request.query, top_k, &filters, labels)?,
        max_tokens: request.max_tokens,
        format: match request.format {
            WireFormat::Text => Format::Text,
            WireFormat::Chunks => Format::Chunks,
        },
    };
    let format = wanted.format;
    let render = move |answer: answers::ContextAnswer| {
        serde_json::to_vec(&response(answer, format)).map_err(ReleaseError::from)
    };
    Ok(answers::context(app, caller, facts, wanted, filters.recorded(), render).await?)
}

fn response(answer: answers::ContextAnswer, format: Format) -> ContextResponse {
    let PackedContext {
        passages,
        text,
        tokens,
        omitted,
        ..
    } = answer.packed;
    let chunks = passages.iter().zip(1..).map(|(passage, number)| WireChunk {
        citation: number,
        text: passage.text().to_owned(),
    });
    let omissions = omitted.into_iter().map(|omission| WireOmission {
        document: omission.document.to_string(),
        reason: omission.reason.as_str(),
        tokens: omission.tokens,
    });
    ContextResponse {
        id: answer.id.to_string(),
        chunks: (format == Format::Chunks).then(|| chunks.collect()),
        context: (format == Format::Text).then_some(text),
        citations: answer.citations.into_iter().map(Into::into).collect(),
        usage: WireUsage {
            context_tokens: tokens,
            encoding: ENCODING,
            estimated: true,
        },
        omitted: omissions.collect(),
        handling: "untrusted_data",
    }
}
