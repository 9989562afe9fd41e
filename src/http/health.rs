//! Probes. They tell nothing that depends on documents.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::HttpState;
use super::problem::Problem;

/// Whether the process runs.
#[utoipa::path(get, path = "/livez", tag = "operations", security(()),
    responses((status = 200, description = "The process runs")))]
pub(super) async fn livez() -> Response {
    (StatusCode::OK, Json(json!({"status": "live"}))).into_response()
}

/// Whether requests can be answered: catalog and index are loaded (they are before the service
/// listens) and the audit log accepts entries.
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()),
    responses(
        (status = 200, description = "Requests can be answered"),
        (status = 503, description = "The audit log cannot be written", body = Problem),
    ))]
pub(super) async fn readyz(State(state): State<HttpState>) -> Response {
    if !state.app.audit.accepts_entries() {
        return Problem::audit_unavailable().into_response();
    }
    (StatusCode::OK, Json(json!({"status": "ready"}))).into_response()
}
