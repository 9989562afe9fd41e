//! The HTTP surface: routes, and the layers that every request passes.
//!
//! Upholds ABSENT = FORBIDDEN (one 404 for both) and AUDIT-FIRST (handlers send only what
//! `release` handed out). Routes are registered together with their descriptions, so the API
//! document is complete by construction.

mod context;
mod documents;
mod extract;
mod health;
mod layers;
mod me;
mod problem;
mod search;
pub(crate) mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use problem::Problem;
pub(crate) use search::{SearchRequest, run as run_search};
use wire::BearerSecurity;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct HttpState {
    pub(crate) app: Arc<App>,
    /// Places for requests under way.
    pub(crate) places: Arc<Semaphore>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ambit",
        description = "Cited context for agents, and only what caller and agent may read.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    modifiers(&BearerSecurity)
)]
struct ApiDocument;

/// Routes that answer anybody.
fn open_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
}

/// Routes that answer an authenticated caller.
fn caller_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(search::search))
        .routes(routes!(context::context))
        .routes(routes!(documents::get_document))
        .routes(routes!(me::me))
}

/// The API document, as served at `/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    OpenApiRouter::with_openapi(ApiDocument::openapi())
        .merge(open_routes())
        .merge(caller_routes())
        .into_openapi()
}

/// Every route with its layers.
pub fn router(app: Arc<App>) -> Router {
    let limits = app.config().limits;
    let state = HttpState {
        app,
        places: Arc::new(Semaphore::new(limits.concurrent_requests)),
    };
    let (callers, _) = caller_routes().split_for_parts();
    let callers = callers
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(axum::middleware::from_fn_with_state(
            state.clone(),
            layers::within_limits,
        ))
        .layer(axum::middleware::from_fn(layers::no_store));
    let (open, _) = open_routes().split_for_parts();
    let document = axum::Json(openapi());
    open.merge(callers)
        .route("/openapi.json", get(move || async move { document }))
        .fallback(|| async { Problem::no_such_route() })
        .method_not_allowed_fallback(|| async { Problem::of(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(CatchPanicLayer::custom(|_| {
            use axum::response::IntoResponse;
            Problem::internal().into_response()
        }))
        .layer(axum::middleware::from_fn(layers::request_id))
        .with_state(state)
}

/// Serves until `shutdown` resolves, then lets requests under way finish.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(app))
        .with_graceful_shutdown(shutdown)
        .await
}
