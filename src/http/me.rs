//! `GET /v1/me`: how the caller was understood. Never other people's data.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::HttpState;
use super::extract::Authenticated;
use super::problem::Problem;
use crate::identity::{Collections, SubjectKind};

/// How the caller was understood.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// `user` or `application`.
    kind: &'static str,
    /// Tenant of the caller.
    tenant: String,
    /// Object id of the caller.
    object: String,
    /// How many groups the caller was found to be in.
    groups: usize,
    /// Where the groups come from.
    groups_from: &'static str,
    /// Application roles that this service knows.
    roles: Vec<&'static str>,
    /// The agent that the caller asks through.
    agent: MyAgent,
}

/// The registration of the caller's agent.
#[derive(Serialize, ToSchema)]
struct MyAgent {
    /// Its name.
    name: String,
    /// `read`, `propose` or `write`.
    tier: &'static str,
    /// Collections that it may read; `*` is all.
    collections: Vec<String>,
    /// Collections that it may write.
    ingest: Vec<String>,
    /// The most sensitive label that it may read.
    highest_label: String,
}

/// Tells the caller how it was understood.
#[utoipa::path(get, path = "/v1/me", tag = "callers",
    responses((status = 200, body = Me), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn me(State(state): State<HttpState>, who: Authenticated) -> Json<Me> {
    let (subject, agent) = (who.caller.subject(), who.caller.agent());
    let labels = &state.app.config().labels;
    Json(Me {
        kind: match subject.kind() {
            SubjectKind::User => "user",
            SubjectKind::Application => "application",
        },
        tenant: subject.tenant().to_string(),
        object: subject.object().to_string(),
        groups: subject.groups().len(),
        groups_from: "token",
        roles: subject.roles().iter().map(|role| role.as_str()).collect(),
        agent: MyAgent {
            name: agent.name.clone(),
            tier: agent.tier.as_str(),
            collections: names(&agent.collections),
            ingest: names(&agent.ingest),
            highest_label: labels.name(agent.highest_label).to_owned(),
        },
    })
}

fn names(collections: &Collections) -> Vec<String> {
    match collections {
        Collections::All => vec!["*".to_owned()],
        Collections::Named(names) => names.iter().cloned().collect(),
    }
}
