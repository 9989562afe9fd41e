//! Layers that requests pass: limits, request ids, and no caching of what depends on the caller.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::HttpState;
use super::problem::Problem;

/// A place among the requests under way, held for as long as any part of the work goes on.
#[derive(Clone, Debug)]
pub(super) struct Place(pub(super) Arc<OwnedSemaphorePermit>);

/// Lets in only so many requests at once, and gives each only so long.
pub(super) async fn within_limits(
    State(state): State<HttpState>,
    mut request: Request,
    next: Next,
) -> Response {
    let Ok(place) = state.places.try_acquire_owned() else {
        return Problem::overloaded().into_response();
    };
    // The work holds the place too: a search that goes on past its deadline still takes one.
    request.extensions_mut().insert(Place(Arc::new(place)));
    let deadline = state.app.config().limits.deadline;
    match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::deadline_exceeded().into_response(),
    }
}

/// Forbids caches to keep an answer (leak C5).
pub(super) async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let value = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, value);
    response
}

/// Names every response, so that a caller's report can be found in the log.
pub(super) async fn request_id(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    let (method, route) = (request.method().clone(), route_of(&request));
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    // Neither path nor query: a path can hold a document id.
    tracing::info!(request = %id, %method, route, status, "answered");
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        let name = HeaderName::from_static("x-request-id");
        response.headers_mut().insert(name, value);
    }
    response
}

/// The first two segments of the path at most: enough to tell routes apart, too little to name a
/// document.
fn route_of(request: &Request) -> String {
    let known = [
        "v1",
        "search",
        "context",
        "documents",
        "me",
        "livez",
        "readyz",
    ];
    let segments = request.uri().path().split('/').skip(1).take(2);
    let shown = segments.map(|segment| {
        if known.contains(&segment) || segment == "openapi.json" {
            segment
        } else {
            "…"
        }
    });
    format!("/{}", shown.collect::<Vec<_>>().join("/"))
}
