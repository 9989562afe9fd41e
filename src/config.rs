//! Configuration: one TOML file, parsed once, raw to validated. Unknown keys are errors.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ambit_indexer::directory::Directory;
use ambit_indexer::label::{Labels, LabelsError};
use ambit_indexer::parse::SecretPolicy;
use ambit_indexer::principal::{ObjectId, PrincipalKind, PrincipalSpelling, hyphenated_guid};
use serde::Deserialize;
use thiserror::Error;

use crate::identity::{Agents, AgentsError, Collections, DEVELOPMENT_TENANT, Registration, Tier};

/// Name under which the development agent is registered.
pub const DEMO_AGENT: &str = "demo";

/// Most requests that a configuration may let in at once.
const MAX_CONCURRENT_REQUESTS: usize = 65_536;

/// How many bytes of views searches keep unless the configuration says otherwise.
pub const DEFAULT_VIEW_BYTES: u64 = 32 * 1024 * 1024;

/// Why a configuration is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML of the known shape; the message names key, line and column.
    #[error("the configuration is refused: {0}")]
    Shape(#[from] toml::de::Error),
    /// The labels are not usable.
    #[error("the configuration is refused: {0}")]
    Labels(#[from] LabelsError),
    /// The agents are not usable.
    #[error("the configuration is refused: {0}")]
    Agents(#[from] AgentsError),
    /// A value is out of range or of the wrong form.
    #[error("the configuration is refused: {key}: {reason}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// The validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address under which people reach the service, without a slash at the end.
    pub public_url: Option<String>,
    /// Sensitivity labels.
    pub labels: Labels,
    /// Names of principals.
    pub directory: Directory,
    /// Registered agents, without the one that development adds.
    pub registrations: Vec<Registration>,
    /// What happens to a document that holds a secret.
    pub secrets: SecretPolicy,
    /// What one request may take.
    pub limits: RequestLimits,
    /// Where the signed head of the audit log is kept, if not in the data directory.
    pub audit_head: Option<PathBuf>,
    /// How many bytes the views of callers may take that searches keep.
    pub view_bytes: u64,
}

/// What one request, and all together, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Largest request body, in bytes.
    pub body_bytes: usize,
    /// Longest time for an answer. A deadline never gives a part of one.
    pub deadline: Duration,
    /// Requests under way at once; one more is answered 503.
    pub concurrent_requests: usize,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    labels: Option<Vec<String>>,
    default_label: Option<String>,
    limits: RawLimits,
    ingest: RawIngest,
    directory: Option<RawDirectory>,
    audit: RawAudit,
    search: RawSearch,
    agents: Vec<RawAgent>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLimits {
    body_bytes: Option<usize>,
    deadline_milliseconds: Option<u64>,
    concurrent_requests: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawIngest {
    secrets: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawAudit {
    head: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSearch {
    view_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDirectory {
    names: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAgent {
    name: String,
    client: String,
    #[serde(default)]
    project: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    environment: String,
    tier: String,
    #[serde(default)]
    collections: Vec<String>,
    #[serde(default)]
    ingest: Vec<String>,
    highest_label: String,
}

impl Config {
    /// Reads a file, or takes the defaults where there is none.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Self::parse("");
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Reads configuration text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let raw: RawConfig = toml::from_str(text)?;
        let names = raw.labels;
        let names = names.unwrap_or_else(|| Labels::default().names().to_vec());
        let labels = Labels::new(names, raw.default_label.as_deref().unwrap_or("general"))?;
        let secrets = match raw.ingest.secrets.as_deref() {
            None | Some("redact") => SecretPolicy::Redact,
            Some("quarantine") => SecretPolicy::Quarantine,
            Some(_) => return Err(value("ingest.secrets", "write redact or quarantine")),
        };
        let registrations = raw
            .agents
            .into_iter()
            .map(|agent| registration(agent, &labels))
            .collect::<Result<Vec<_>, _>>()?;
        // Duplicates are found now, not when the service starts.
        Agents::new(registrations.clone())?;
        Ok(Self {
            listen: raw
                .listen
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8642))),
            public_url: raw.public_url.map(public_url).transpose()?,
            directory: directory(raw.directory)?,
            limits: limits(&raw.limits)?,
            audit_head: raw.audit.head,
            view_bytes: raw.search.view_bytes.unwrap_or(DEFAULT_VIEW_BYTES),
            labels,
            registrations,
            secrets,
        })
    }

    /// The registered agents; in development with `demo`, which reaches everything.
    pub fn agents(&self, development: bool) -> Result<Agents, ConfigError> {
        let mut registrations = self.registrations.clone();
        if development && !registrations.iter().any(|known| known.name == DEMO_AGENT) {
            registrations.push(demo_agent(&self.labels));
        }
        Ok(Agents::new(registrations)?)
    }
}

fn demo_agent(labels: &Labels) -> Registration {
    Registration {
        name: DEMO_AGENT.to_owned(),
        client: ObjectId::from_name(PrincipalKind::Application, DEMO_AGENT),
        project: "development".to_owned(),
        team: "development".to_owned(),
        environment: "development".to_owned(),
        tier: Tier::Write,
        collections: Collections::All,
        ingest: Collections::All,
        highest_label: labels.highest(),
    }
}

fn registration(raw: RawAgent, labels: &Labels) -> Result<Registration, ConfigError> {
    let key = |field: &str| format!("agents.{}.{field}", raw.name);
    let client = match hyphenated_guid(&raw.client) {
        Some(guid) => ObjectId::new(guid),
        None => ObjectId::from_name(PrincipalKind::Application, &raw.client),
    };
    let tier = Tier::from_name(&raw.tier)
        .ok_or_else(|| value(&key("tier"), "write read, propose or write"))?;
    let highest_label = labels
        .get(&raw.highest_label)
        .ok_or_else(|| value(&key("highest_label"), "no such label"))?;
    Ok(Registration {
        client,
        tier,
        highest_label,
        collections: collections(raw.collections),
        ingest: collections(raw.ingest),
        name: raw.name,
        project: raw.project,
        team: raw.team,
        environment: raw.environment,
    })
}

fn collections(names: Vec<String>) -> Collections {
    if names.iter().any(|name| name == "*") {
        return Collections::All;
    }
    Collections::Named(BTreeSet::from_iter(names))
}

fn directory(raw: Option<RawDirectory>) -> Result<Directory, ConfigError> {
    let Some(raw) = raw else {
        return Ok(Directory::embedded(DEVELOPMENT_TENANT));
    };
    let mut names = Vec::new();
    for (spelling, guid) in raw.names {
        let key = format!("directory.names.{spelling}");
        let Ok(PrincipalSpelling::Alias(kind, name)) = spelling.parse() else {
            return Err(value(&key, "write user:NAME, group:NAME or app:NAME"));
        };
        let object = hyphenated_guid(&guid)
            .ok_or_else(|| value(&key, "the value must be a GUID with hyphens"))?;
        names.push((kind, name, ObjectId::new(object)));
    }
    Ok(Directory::listed(DEVELOPMENT_TENANT, names))
}

fn limits(raw: &RawLimits) -> Result<RequestLimits, ConfigError> {
    let limits = RequestLimits {
        body_bytes: raw.body_bytes.unwrap_or(1024 * 1024),
        deadline: Duration::from_millis(raw.deadline_milliseconds.unwrap_or(10_000)),
        concurrent_requests: raw.concurrent_requests.unwrap_or(256),
    };
    if limits.concurrent_requests > MAX_CONCURRENT_REQUESTS {
        let reason = format!("at most {MAX_CONCURRENT_REQUESTS}");
        return Err(value("limits.concurrent_requests", &reason));
    }
    if limits.body_bytes == 0 || limits.deadline.is_zero() || limits.concurrent_requests == 0 {
        return Err(value("limits", "every limit must be greater than zero"));
    }
    Ok(limits)
}

fn public_url(url: String) -> Result<String, ConfigError> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    let unfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#');
    if !web || url.ends_with('/') || url.contains(unfit) {
        let reason = "write an http or https address without a slash at the end";
        return Err(value("public_url", reason));
    }
    Ok(url)
}

fn value(key: &str, reason: &str) -> ConfigError {
    ConfigError::Value {
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}
