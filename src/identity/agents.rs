//! Agents: the registered clients, and the limits that each puts on whoever asks through it.
//!
//! Upholds FAIL-CLOSED (a client that is not registered has no entry to find, and a registration
//! that is ambiguous or open-ended is refused at start-up) and POLICY OUTSIDE THE MODEL (tier,
//! collections and ceiling are configuration, never anything that a prompt can change).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ambit_indexer::document::is_invisible;
use ambit_indexer::label::Label;
use ambit_indexer::principal::ObjectId;
use thiserror::Error;
use uuid::Uuid;

/// Name of the built-in registration of the operator's own command line. Reserved: an agent with
/// this name would appear in the audit log as the operator.
pub const COMMAND_LINE_AGENT: &str = "command-line";

/// Longest name of an agent, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// How far an agent may go in changing things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Reads only.
    Read,
    /// Reads, and proposes changes that wait for a person.
    Propose,
    /// A person's own tool: the command line, the console, `demo`.
    Write,
}

impl Tier {
    /// All tiers, from the narrowest.
    pub const ALL: [Self; 3] = [Self::Read, Self::Propose, Self::Write];

    /// `read`, `propose` or `write`, as in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Propose => "propose",
            Self::Write => "write",
        }
    }

    /// The tier with this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == name)
    }
}

/// A set of collections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Collections {
    /// Every collection, also those that do not exist yet (`"*"` in the configuration).
    All,
    /// These, by exact name.
    Named(BTreeSet<String>),
}

impl Collections {
    /// No collection at all.
    pub const fn none() -> Self {
        Self::Named(BTreeSet::new())
    }

    /// Whether the set holds this collection.
    pub fn contains(&self, collection: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(collection),
        }
    }
}

/// One registered client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Name, unique among the agents; appears in logs, metrics and the audit log.
    pub name: String,
    /// The client's application id, the GUID in `azp`.
    pub client: ObjectId,
    /// Project that it belongs to.
    pub project: String,
    /// Team that answers for it.
    pub team: String,
    /// Environment that it runs in, such as `production`.
    pub environment: String,
    /// How far it may go in changing things.
    pub tier: Tier,
    /// Collections that may be read through it.
    pub collections: Collections,
    /// Collections that may be written through it.
    pub ingest: Collections,
    /// The most sensitive label that may be read through it.
    pub highest_label: Label,
}

impl Registration {
    /// The operator's own command line: everything that the named principals may read.
    ///
    /// Its client is the nil GUID, which no token can carry and no agent can register.
    pub(super) fn command_line(highest_label: Label) -> Self {
        Self {
            name: COMMAND_LINE_AGENT.to_owned(),
            client: ObjectId::new(Uuid::nil()),
            project: String::new(),
            team: String::new(),
            environment: "local".to_owned(),
            tier: Tier::Write,
            collections: Collections::All,
            ingest: Collections::All,
            highest_label,
        }
    }
}

/// Why a list of registrations is not usable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AgentsError {
    /// The name is empty, too long, reserved, or has characters that cannot be seen in a log.
    #[error(
        "`{0}` cannot name an agent: 1 to {MAX_NAME_BYTES} visible bytes, not `{COMMAND_LINE_AGENT}`"
    )]
    Name(String),
    /// Two registrations have the same name.
    #[error("agent `{0}` is registered twice")]
    RepeatedName(String),
    /// Two registrations have the same client, so a token could mean either.
    #[error("agents `{first}` and `{second}` have the same client id")]
    RepeatedClient {
        /// The one that came first.
        first: String,
        /// The one that came second.
        second: String,
    },
    /// The client is the nil GUID.
    #[error("agent `{0}` has the nil client id")]
    NilClient(String),
    /// The ceiling is a label that is not configured. Such a label is above every other, so as a
    /// ceiling it would permit everything.
    #[error("the highest label of agent `{0}` is not configured")]
    UnknownLabel(String),
}

/// The registered clients, found by client id.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    by_name: BTreeMap<String, Arc<Registration>>,
    by_client: HashMap<ObjectId, Arc<Registration>>,
}

impl Agents {
    /// Checks a list of registrations; an empty list is permitted and admits nobody.
    ///
    /// # Errors
    ///
    /// Names and clients have to be unique and usable, see [`AgentsError`].
    pub fn new(registrations: impl IntoIterator<Item = Registration>) -> Result<Self, AgentsError> {
        let mut agents = Self::default();
        for registration in registrations {
            agents.add(registration)?;
        }
        Ok(agents)
    }

    fn add(&mut self, registration: Registration) -> Result<(), AgentsError> {
        let name = registration.name.clone();
        let unusable = name.is_empty()
            || name.len() > MAX_NAME_BYTES
            || name.contains(is_invisible)
            || name == COMMAND_LINE_AGENT;
        if unusable {
            return Err(AgentsError::Name(
                name.escape_debug().take(MAX_NAME_BYTES).collect(),
            ));
        }
        if registration.client.guid().is_nil() {
            return Err(AgentsError::NilClient(name));
        }
        if registration.highest_label == Label::UNKNOWN {
            return Err(AgentsError::UnknownLabel(name));
        }
        if self.by_name.contains_key(&name) {
            return Err(AgentsError::RepeatedName(name));
        }
        if let Some(first) = self.by_client.get(&registration.client) {
            return Err(AgentsError::RepeatedClient {
                first: first.name.clone(),
                second: name,
            });
        }
        let registration = Arc::new(registration);
        self.by_client
            .insert(registration.client, Arc::clone(&registration));
        self.by_name.insert(name, registration);
        Ok(())
    }

    /// The registration of a client id.
    pub fn by_client(&self, client: ObjectId) -> Option<&Arc<Registration>> {
        self.by_client.get(&client)
    }

    /// The registration with this exact name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Registration>> {
        self.by_name.get(name)
    }

    /// All registrations in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Registration>> {
        self.by_name.values()
    }
}
