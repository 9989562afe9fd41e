//! `GET /v1/documents/{*id}`.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::HttpState;
use super::extract::Authenticated;
use super::problem::Problem;
use crate::answers;
use crate::release::{ReleaseError, Released};

/// A document as the caller may see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WireDocument {
    /// Document id.
    document: String,
    /// Title.
    title: String,
    /// `runbook`, `incident` or `doc`.
    kind: &'static str,
    /// Where a person opens it.
    uri: String,
    /// Sensitivity label.
    label: String,
    /// The service it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// Severity of an incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
    /// Tags.
    tags: Vec<String>,
    /// Accountable principals.
    owners: Vec<String>,
    /// When the source says it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// The source's time of change, else the time of the write.
    updated: String,
    /// Revision: SHA-256 of the content.
    revision: String,
    /// Markdown.
    body: String,
}

/// Gives one document. One that does not exist and one that the caller may not read are the same.
#[utoipa::path(get, path = "/v1/documents/{*id}", tag = "reading",
    params(("id" = String, Path, description = "Document id, collection/path")),
    responses((status = 200, body = WireDocument), (status = 304, description = "Unchanged"),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn get_document(
    State(state): State<HttpState>,
    who: Authenticated,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // An id that is not UTF-8 cannot exist, and is answered like one that does not.
    let id = id.map_or_else(|_| uri.path().to_owned(), |Path(id)| id);
    let render = |answer: answers::DocumentAnswer| {
        let content = &answer.stored.content;
        let document = WireDocument {
            title: content.title.clone(),
            kind: content.kind.as_str(),
            service: content.service.clone(),
            severity: content.severity.clone(),
            tags: content.tags.clone(),
            created: content.created.map(|created| created.to_string()),
            updated: content.updated.unwrap_or(answer.stored.written).to_string(),
            revision: answer.stored.revision.to_string(),
            body: content.body.clone(),
            document: answer.document,
            uri: answer.uri,
            label: answer.label,
            owners: answer.owners,
        };
        serde_json::to_vec(&document).map_err(ReleaseError::from)
    };
    let found = answers::document(&state.app, &who.caller, &who.facts, id, render).await?;
    let (released, revision) = found;
    let tag = format!("\"{revision}\"");
    let known = headers.get_all(IF_NONE_MATCH).iter();
    let unchanged = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|value| value.trim())
        // RFC 9110, 13.1.2: any current representation, and weak comparison.
        .any(|value| value == "*" || value.strip_prefix("W/").unwrap_or(value) == tag);
    let mut response = answered(released, Some(&tag));
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
    }
    Ok(response)
}

/// A released answer as a response.
pub(super) fn answered(released: Released, tag: Option<&str>) -> Response {
    let mut response = (StatusCode::OK, released.body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(&released.answer.to_string()) {
        headers.insert(HeaderName::from_static("ambit-answer-id"), value);
    }
    if let Some(value) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
        headers.insert(ETAG, value);
    }
    response
}
