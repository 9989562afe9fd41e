//! Releasing an answer: recorded first, checked once more, then sent.
//!
//! Upholds AUDIT-FIRST (no byte of content leaves before the entry that names it is durable) and
//! REVOCATION (after that, and before the first byte, every document is checked again).

use std::sync::Arc;

use ambit_indexer::catalog::Ord;
use ambit_indexer::store::StoreError;
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::app::App;
use crate::audit::entry::{CallerKind, CallerRecord, groups_hash};
use crate::audit::{AuditError, Entry, Event, HexHash, ReceiptError};
use crate::door;
use crate::identity::{Caller, SubjectKind};
use crate::search::SearchError;

/// How often an answer is made again because a permission changed while it was recorded.
const ATTEMPTS: usize = 3;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum ReleaseError {
    /// It does not exist, or the caller may not read it: the same on purpose.
    #[error("not found")]
    NotFound,
    /// The search failed.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log failed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A receipt could not be signed.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The answer could not be written as JSON.
    #[error("an answer could not be written: {0}")]
    Write(#[from] serde_json::Error),
    /// Permissions kept changing.
    #[error("permissions changed during each of {ATTEMPTS} attempts")]
    Overtaken,
    /// The work was cut off.
    #[error("the work was cut off")]
    CutOff,
}

/// What a request says about itself, for the audit entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestFacts {
    /// The agent run that the call belongs to.
    pub(crate) run: Option<String>,
    /// Trace or request id.
    pub(crate) trace: Option<String>,
    /// SHA-256 of the access token.
    pub(crate) token_hash: Option<HexHash>,
    /// The request's place among those under way.
    pub(crate) place: Option<Arc<OwnedSemaphorePermit>>,
}

/// An answer that has not been recorded yet.
pub(crate) struct Draft {
    /// What is sent.
    pub(crate) body: Vec<u8>,
    /// What the log says about it.
    pub(crate) event: Event,
    /// Revisions whose content is in it.
    pub(crate) ords: Vec<Ord>,
}

/// An answer that may be sent.
#[derive(Debug)]
pub(crate) struct Released {
    /// Its id.
    pub(crate) answer: Uuid,
    /// Its bytes.
    pub(crate) body: Vec<u8>,
}

/// Makes an answer, records it durably, checks its documents again, and hands it out.
///
/// `make` gets the answer id. If it says `None`, there is nothing to show; `absent` is recorded
/// and the caller learns [`ReleaseError::NotFound`].
pub(crate) async fn release<F>(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    facts: &RequestFacts,
    absent: Option<Event>,
    make: F,
) -> Result<Released, ReleaseError>
where
    F: Fn(&App, &Caller, Uuid) -> Result<Option<Draft>, ReleaseError> + Send + Sync + 'static,
{
    let make = Arc::new(make);
    for _ in 0..ATTEMPTS {
        let answer = Uuid::now_v7();
        let draft = {
            let (app, caller, make) = (Arc::clone(app), Arc::clone(caller), Arc::clone(&make));
            let place = facts.place.clone();
            // Searching and reading the catalog block; they do not belong on the async threads.
            let work = move || {
                let made = make(&app, &caller, answer);
                drop(place);
                made
            };
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| ReleaseError::CutOff)??
        };
        let Some(draft) = draft else {
            if let Some(event) = absent {
                app.audit.append(entry(caller, facts, None, event)).await?;
            }
            return Err(ReleaseError::NotFound);
        };
        let recorded = entry(caller, facts, Some(answer), draft.event);
        app.audit.append(recorded).await?;
        let standing = |ord: &Ord| door::still_permitted(caller.scope(), &app.store, *ord);
        if draft.ords.iter().all(standing) {
            return Ok(Released {
                answer,
                body: draft.body,
            });
        }
        let reason = "a permission changed while the answer was recorded".to_owned();
        let withdrawn = Event::Withdrawn { answer, reason };
        app.audit
            .append(entry(caller, facts, None, withdrawn))
            .await?;
    }
    Err(ReleaseError::Overtaken)
}

/// An audit entry about a call.
fn entry(caller: &Caller, facts: &RequestFacts, answer: Option<Uuid>, event: Event) -> Entry {
    Entry {
        answer,
        trace: facts.trace.clone(),
        run: facts.run.clone(),
        caller: Some(caller_record(caller, facts)),
        ..Entry::new(caller.scope().now(), event)
    }
}

fn caller_record(caller: &Caller, facts: &RequestFacts) -> CallerRecord {
    let (subject, agent) = (caller.subject(), caller.agent());
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let kind = match subject.kind() {
        _ if caller.asserted_because().is_some() => CallerKind::CommandLine,
        SubjectKind::User => CallerKind::User,
        SubjectKind::Application => CallerKind::Application,
    };
    CallerRecord {
        tenant: subject.tenant().guid(),
        object: subject.object().guid(),
        kind,
        agent: agent.name.clone(),
        client: Some(agent.client.guid()),
        project: text(&agent.project),
        team: text(&agent.team),
        environment: text(&agent.environment),
        groups_hash: groups_hash(subject.groups().iter().map(|group| group.guid())),
        token_hash: facts.token_hash,
    }
}
