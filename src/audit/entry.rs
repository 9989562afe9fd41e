//! Entries: what the log says about one event, in the shape that is written.
//!
//! Upholds REPLAY: an entry about an answer names revisions, spans, separators, the nonce and the
//! hash of the body, and for every passage the ACL entry that permitted it. It holds no document
//! text and no token, only their hashes; text is erased by erasing revisions.

use ambit_indexer::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::chain::HexHash;

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The instant that the request read, or at which the change was committed.
    #[serde(with = "rfc3339")]
    pub time: Timestamp,
    /// Id of the answer (UUIDv7), for every read of content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Uuid>,
    /// Trace or request id, to join with the agent's own records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Who asked; absent for what the service does of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerRecord>,
    /// The agent run that the call belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What the call was charged, by meter; usage is counted from these after a restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<Charge>,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// An entry with nothing but a time and an event.
    pub const fn new(time: Timestamp, event: Event) -> Self {
        Self {
            time,
            answer: None,
            trace: None,
            caller: None,
            run: None,
            charges: Vec::new(),
            event,
        }
    }

    /// Whether the entry records this answer or says something about it.
    pub fn is_about(&self, answer: Uuid) -> bool {
        let withdrawn = match &self.event {
            Event::Withdrawn { answer, .. } => Some(*answer),
            _ => None,
        };
        self.answer == Some(answer) || withdrawn == Some(answer)
    }

    /// The catalog's number of the change, if the entry came through its outbox.
    pub const fn outbox(&self) -> Option<OutboxId> {
        match &self.event {
            Event::Change { outbox, .. } => *outbox,
            _ => None,
        }
    }
}

/// What sort of caller it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallerKind {
    /// A person, through an agent.
    User,
    /// An application on its own behalf.
    Application,
    /// Somebody at the machine itself, with the data directory in hand.
    CommandLine,
}

/// Who asked, as far as it was validated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerRecord {
    /// Tenant of the caller.
    pub tenant: Uuid,
    /// Object id of the caller within the tenant.
    pub object: Uuid,
    /// User, application or command line.
    pub kind: CallerKind,
    /// Registered agent that the call came through.
    pub agent: String,
    /// Its client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Uuid>,
    /// Its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Its team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Its environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// [`groups_hash`] of the complete list of groups that the decision used.
    pub groups_hash: HexHash,
    /// SHA-256 of the access token, to find the sign-in that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_hash: Option<HexHash>,
}

/// The hash under which a set of groups is recorded: SHA-256 over the GUIDs in ascending order,
/// each once. It shows whether two calls had the same groups without listing them.
pub fn groups_hash(groups: impl IntoIterator<Item = Uuid>) -> HexHash {
    let mut sorted: Vec<Uuid> = groups.into_iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut hasher = Sha256::new().chain_update(b"ambit groups v1\0");
    for group in sorted {
        hasher.update(group.as_bytes());
    }
    let bytes: [u8; 32] = hasher.finalize().into();
    HexHash::from(ambit_indexer::document::ContentHash::from_bytes(bytes))
}

/// An amount taken from a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Which budget.
    pub meter: String,
    /// How much.
    pub amount: u64,
}

/// One stretch of a revision that was shown, and why it might be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Document id.
    pub document: String,
    /// Revision shown.
    pub revision: HexHash,
    /// The revision's number in catalog and index.
    pub ord: u32,
    /// First chunk of the stretch.
    pub first_chunk: u32,
    /// Last chunk, inclusive.
    pub last_chunk: u32,
    /// First byte in the body.
    pub start: u64,
    /// One past the last byte in the body.
    pub end: u64,
    /// First line in the source file.
    pub first_line: u32,
    /// Last line, inclusive.
    pub last_line: u32,
    /// SHA-256 of the stretch's text.
    pub chunk_hash: HexHash,
    /// Score; absent where nothing was ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Hash of the ACL that the decision was made under.
    pub acl_version: String,
    /// Position of the deciding entry in that ACL.
    pub deciding_entry: usize,
    /// Principal of that entry.
    pub deciding_principal: String,
}

/// A permitted document that was left out of a context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OmittedRecord {
    /// Document id.
    pub document: String,
    /// Why, in the words of the response.
    pub reason: String,
    /// Tokens that it would have taken.
    pub tokens: u64,
}

/// Names a row of the catalog's outbox.
///
/// Numbers rise within a generation of the catalog. A restored catalog counts from an older number
/// again, but under a new generation, so its rows are not taken for ones that were seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutboxId {
    /// The catalog's generation.
    pub generation: Uuid,
    /// The row's number within it.
    pub number: u64,
}

impl OutboxId {
    /// Whether a log that has seen `latest` has seen this row.
    pub(crate) fn is_covered_by(self, latest: Option<Self>) -> bool {
        latest.is_some_and(|seen| seen.generation == self.generation && seen.number >= self.number)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// A search was answered.
    Search {
        /// Query text, as the redaction hook left it.
        query: String,
        /// Filters of the request.
        filters: Value,
        /// Hits asked for.
        top_k: u32,
        /// What was shown, in order.
        passages: Vec<Passage>,
        /// SHA-256 of the response body.
        body_sha256: HexHash,
        /// Its length.
        bytes: u64,
    },
    /// A context was packed.
    Context(Box<ContextRecord>),
    /// A document, or part of one, was fetched.
    Document {
        /// The stretch shown, with its document and revision.
        passage: Passage,
        /// SHA-256 of the response body.
        body_sha256: HexHash,
    },
    /// A request was refused.
    Refused {
        /// Route or tool.
        surface: String,
        /// Stable problem type.
        reason: String,
        /// The document asked for, whether or not it exists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        document: Option<String>,
    },
    /// An answer that was recorded but not sent, because a permission changed in between.
    Withdrawn {
        /// The recorded answer.
        answer: Uuid,
        /// Why.
        reason: String,
    },
    /// A document, an ACL or a policy was changed, or an index run ended.
    Change {
        /// The document, if it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        document: Option<String>,
        /// What was done.
        action: String,
        /// Everything else: who, before, after, why.
        details: Value,
        /// The row of the catalog's outbox that this entry was drained from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outbox: Option<OutboxId>,
    },
    /// A power was used that needs a reason: simulation, leak test, replay, approval.
    Administration {
        /// What was done.
        action: String,
        /// The reason given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Everything else.
        details: Value,
    },
    /// A harness reported something about its run.
    Reported {
        /// The report.
        details: Value,
    },
    /// The service started.
    Started {
        /// Its version.
        version: String,
        /// Bytes of an incomplete last record that opening cut off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut_tail: Option<u64>,
        /// Records that stood beyond the signed head when the log was opened.
        #[serde(default, skip_serializing_if = "is_zero")]
        unanchored: u64,
    },
    /// The service ended in good order.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// A packed context, in enough detail to build it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextRecord {
    /// Query text, as the redaction hook left it.
    pub query: String,
    /// Filters of the request.
    pub filters: Value,
    /// Token budget of the request.
    pub max_tokens: u64,
    /// `text`, `chunks` or `anthropic`.
    pub format: String,
    /// `plain`, `delimited` or `datamarked`.
    pub render: String,
    /// What was shown, in order.
    pub passages: Vec<Passage>,
    /// The text before each passage and, last, after the final one: one more than passages.
    pub separators: Vec<String>,
    /// What was permitted but did not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<OmittedRecord>,
    /// Nonce of a marked rendering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// SHA-256 of the response body.
    pub body_sha256: HexHash,
    /// SHA-256 of the context alone.
    pub context_sha256: HexHash,
    /// Its length in tokens.
    pub context_tokens: u64,
}

impl ContextRecord {
    /// Joins the rendered text of each passage with the recorded separators. `None` unless there
    /// is one text a passage and the result has the recorded hash: a replay is exact or it is none.
    pub fn rebuild(&self, texts: &[&str]) -> Option<String> {
        let (last, before) = self.separators.split_last()?;
        if texts.len() != self.passages.len() || before.len() != texts.len() {
            return None;
        }
        let mut context = String::new();
        for (separator, text) in before.iter().zip(texts) {
            context.push_str(separator);
            context.push_str(text);
        }
        context.push_str(last);
        (HexHash::of(context.as_bytes()) == self.context_sha256).then_some(context)
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Instants as RFC 3339 text in UTC.
pub(crate) mod rfc3339 {
    use ambit_indexer::clock::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
pub(super) mod tests;
