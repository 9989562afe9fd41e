//! The reading use cases, from a checked request to a released answer: search, context, document.
//!
//! Each goes through [`release`], so each is recorded before it is shown, by whatever surface.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use ambit_indexer::document::DocumentId;
use ambit_indexer::store::StoredContent;
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::audit::entry::{ContextRecord, OmittedRecord};
use crate::audit::{Event, HexHash, Passage};
use crate::context::{self, Citation, CitationMaker, ContextQuery, PackedContext, PackedPassage};
use crate::door;
use crate::identity::Caller;
use crate::release::{Draft, ReleaseError, Released, RequestFacts, release};
use crate::search::{self, Hit, Query};

/// Hits with their citations.
pub(crate) struct SearchAnswer {
    /// Answer id.
    pub(crate) id: Uuid,
    /// Best first.
    pub(crate) hits: Vec<(Hit, Citation)>,
}

/// A packed context with its citations.
pub(crate) struct ContextAnswer {
    /// Answer id.
    pub(crate) id: Uuid,
    /// The context.
    pub(crate) packed: PackedContext,
    /// One a passage, in order.
    pub(crate) citations: Vec<Citation>,
}

/// One document.
pub(crate) struct DocumentAnswer {
    /// Its id.
    pub(crate) document: String,
    /// Its live revision.
    pub(crate) stored: StoredContent,
    /// Where a person opens it.
    pub(crate) uri: String,
    /// Name of its sensitivity label.
    pub(crate) label: String,
    /// Its owners.
    pub(crate) owners: Vec<String>,
}

/// Searches and releases what `render` makes of the answer.
pub(crate) async fn search<R>(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    facts: &RequestFacts,
    query: Query,
    filters: Value,
    render: R,
) -> Result<Released, ReleaseError>
where
    R: Fn(SearchAnswer) -> Result<Vec<u8>, ReleaseError> + Send + Sync + 'static,
{
    release(app, caller, facts, None, move |app, caller, id| {
        let hits = search::search(&app.engine, caller.scope(), &app.store, &query)?;
        let maker = citation_maker(app, caller, id);
        let passages: Vec<PackedPassage> = hits.iter().map(PackedPassage::from).collect();
        let ords = passages.iter().map(|passage| passage.ord).collect();
        let citations = cite(&maker, &passages)?;
        let hits = hits.into_iter().zip(citations).collect();
        let body = render(SearchAnswer { id, hits })?;
        Ok(Some(Draft {
            event: Event::Search {
                query: query.text.clone(),
                filters: filters.clone(),
                top_k: u32::try_from(query.top_k).unwrap_or(u32::MAX),
                passages: passages.iter().map(context::record).collect(),
                body_sha256: HexHash::of(&body),
                bytes: body.len() as u64,
            },
            body,
            ords,
        }))
    })
    .await
}

/// Packs a context and releases what `render` makes of it.
pub(crate) async fn context<R>(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    facts: &RequestFacts,
    wanted: ContextQuery,
    filters: Value,
    render: R,
) -> Result<Released, ReleaseError>
where
    R: Fn(ContextAnswer) -> Result<Vec<u8>, ReleaseError> + Send + Sync + 'static,
{
    release(app, caller, facts, None, move |app, caller, id| {
        let packed = context::context(&app.engine, caller.scope(), &app.store, &wanted)?;
        let maker = citation_maker(app, caller, id);
        let citations = cite(&maker, &packed.passages)?;
        // What was left out is named too, so it is checked again like what is shown.
        let shown = packed.passages.iter().map(|passage| passage.ord);
        let named = packed.omitted.iter().map(|omission| omission.ord);
        let ords = shown.chain(named).collect();
        let mut record = context_record(&wanted, &packed, filters.clone());
        let body = render(ContextAnswer {
            id,
            packed,
            citations,
        })?;
        record.body_sha256 = HexHash::of(&body);
        Ok(Some(Draft {
            event: Event::Context(Box::new(record)),
            body,
            ords,
        }))
    })
    .await
}

/// Opens a document and releases what `render` makes of it, with its revision.
pub(crate) async fn document<R>(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    facts: &RequestFacts,
    id: String,
    render: R,
) -> Result<(Released, String), ReleaseError>
where
    R: Fn(DocumentAnswer) -> Result<Vec<u8>, ReleaseError> + Send + Sync + 'static,
{
    // An id that cannot exist is answered like one that does not.
    let parsed = DocumentId::from_str(&id).ok();
    let absent = Event::Refused {
        surface: "documents".to_owned(),
        reason: "not-found".to_owned(),
        document: Some(id.chars().take(MAX_RECORDED_ID_CHARS).collect()),
    };
    let revision = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&revision);
    let make = move |app: &App, caller: &Caller, _answer: Uuid| {
        let opened = match &parsed {
            Some(parsed) => door::document(caller.scope(), &app.store, parsed)?,
            None => None,
        };
        let (Some(opened), Some(parsed)) = (opened, &parsed) else {
            return Ok(None);
        };
        let stored = opened.content;
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = stored.revision.to_string();
        let passage = whole_document(parsed, &stored, &opened.permit);
        let ord = stored.ord;
        let body = render(DocumentAnswer {
            document: parsed.to_string(),
            uri: context::document_uri(&stored, parsed.as_str(), 1, &app.public_url),
            label: app.config().labels.name(opened.permit.label).to_owned(),
            owners: opened.permit.owners,
            stored,
        })?;
        Ok(Some(Draft {
            event: Event::Document {
                passage,
                body_sha256: HexHash::of(&body),
            },
            body,
            ords: vec![ord],
        }))
    };
    let released = release(app, caller, facts, Some(absent), make).await?;
    let revision = revision.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((released, revision.clone()))
}

/// Longest id of an absent document that is recorded.
const MAX_RECORDED_ID_CHARS: usize = 600;

fn citation_maker<'a>(app: &'a App, caller: &Caller, answer: Uuid) -> CitationMaker<'a> {
    let subject = caller.subject();
    CitationMaker {
        key: app.audit.key(),
        labels: &app.config().labels,
        public_url: &app.public_url,
        answer,
        time: caller.scope().now(),
        subject: format!(
            "{}:{}/{}",
            subject.kind().principal_kind().as_str(),
            subject.tenant(),
            subject.object()
        ),
        agent: caller.agent().name.clone(),
    }
}

fn cite(
    maker: &CitationMaker<'_>,
    passages: &[PackedPassage],
) -> Result<Vec<Citation>, ReleaseError> {
    let numbered = passages.iter().zip(1..);
    let citations = numbered.map(|(passage, number)| maker.cite(number, passage));
    Ok(citations.collect::<Result<_, _>>()?)
}

fn context_record(wanted: &ContextQuery, packed: &PackedContext, filters: Value) -> ContextRecord {
    let omitted = packed.omitted.iter().map(|omission| OmittedRecord {
        document: omission.document.to_string(),
        reason: omission.reason.as_str().to_owned(),
        tokens: omission.tokens as u64,
    });
    ContextRecord {
        query: wanted.query.text.clone(),
        filters,
        max_tokens: wanted.max_tokens as u64,
        format: wanted.format.as_str().to_owned(),
        render: "plain".to_owned(),
        passages: packed.passages.iter().map(context::record).collect(),
        separators: packed.separators.clone(),
        omitted: omitted.collect(),
        nonce: None,
        body_sha256: HexHash::of(&[]),
        context_sha256: HexHash::of(packed.text.as_bytes()),
        context_tokens: packed.tokens as u64,
    }
}

fn whole_document(id: &DocumentId, stored: &StoredContent, permit: &door::Permit) -> Passage {
    let body = &stored.content.body;
    let lines = u32::try_from(body.lines().count().max(1)).unwrap_or(u32::MAX);
    let first_line = stored.content.first_line;
    Passage {
        document: id.to_string(),
        revision: HexHash::from(stored.revision),
        ord: stored.ord,
        first_chunk: 0,
        last_chunk: u32::MAX,
        start: 0,
        end: body.len() as u64,
        first_line,
        last_line: first_line.saturating_add(lines - 1),
        chunk_hash: HexHash::of(body.as_bytes()),
        score: None,
        acl_version: permit.acl_version.clone(),
        deciding_entry: permit.entry,
        deciding_principal: permit.principal.clone(),
    }
}
