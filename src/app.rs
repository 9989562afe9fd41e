//! Wiring: one data directory with its store, identity and audit log, put together once.

use std::path::Path;
use std::sync::Arc;

use ambit_indexer::clock::Clock;
use ambit_indexer::pipeline::{self, Progress, RunError, RunOptions, RunReport};
use ambit_indexer::store::{Store, StoreError};
use thiserror::Error;
use uuid::Uuid;

use crate::audit::file::LogFile;
use crate::audit::{AuditError, AuditLog, AuditPaths, Entry, Event, OutboxId};
use crate::config::{Config, ConfigError};
use crate::identity::{DevelopmentError, DevelopmentIssuer, Identity, Trust, TrustError};
use crate::search::Engine;

/// Why the service cannot be put together.
#[derive(Debug, Error)]
pub enum AppError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log cannot be used.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The configuration does not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The development issuer's key cannot be used.
    #[error("the development issuer's key: {0}")]
    Key(#[from] DevelopmentError),
    /// The development issuer cannot be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// An audit entry that waits in the catalog cannot be read.
    #[error("an audit entry that waits in the catalog cannot be read: {0}")]
    Outbox(String),
    /// An indexing run failed; nothing of it is in force.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What the service gets from outside, so that tests can give something else.
pub struct World {
    /// Tells the time.
    pub clock: Arc<Clock>,
    /// Replaces the audit log's file.
    pub audit_file: Option<Box<dyn LogFile>>,
}

impl World {
    /// The machine's clock and file system.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(Clock::system()),
            audit_file: None,
        }
    }
}

/// How a data directory is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For writing; one process at a time.
    Write,
    /// For reading, beside a process that may be writing.
    Beside,
}

/// The service, ready to answer.
pub struct App {
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    /// Absent where no issuer is trusted: then no token is accepted.
    pub(crate) identity: Option<Identity>,
    pub(crate) audit: AuditLog,
    pub(crate) clock: Arc<Clock>,
    pub(crate) config: Config,
    pub(crate) public_url: String,
}

impl App {
    /// Opens a data directory. `development` trusts the directory's own issuer and registers the
    /// agent `demo`.
    pub fn open(
        data: &Path,
        config: Config,
        access: Access,
        development: bool,
        world: World,
    ) -> Result<Self, AppError> {
        let clock = world.clock;
        let labels = config.labels.clone();
        let store = match access {
            Access::Write => Store::open(data, labels, Arc::clone(&clock))?,
            Access::Beside => Store::open_beside(data, labels, Arc::clone(&clock))?,
        };
        let paths = audit_paths(data, &config);
        let audit = match world.audit_file {
            Some(file) => AuditLog::with_file(&paths, file)?,
            None => AuditLog::open(&paths)?,
        };
        let identity = if development {
            let issuer = DevelopmentIssuer::open_or_create(&development_key(data))?;
            let trust = Trust::new([issuer.trust()])?;
            Some(Identity::new(trust, config.agents(true)?))
        } else {
            None
        };
        let public_url = config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", config.listen));
        let app = Self {
            store,
            engine: Engine::new(config.view_bytes),
            identity,
            audit,
            clock,
            config,
            public_url,
        };
        if access == Access::Write {
            app.drain_outbox()?;
        }
        Ok(app)
    }

    /// Says under which address people reach the service, where the configuration does not.
    pub fn listens_on(&mut self, address: std::net::SocketAddr) {
        if self.config.public_url.is_none() {
            self.public_url = format!("http://{address}");
        }
    }

    /// The store, for those who administer it.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The configuration in force.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Indexes folders. When this returns, the run is in force and in the audit log.
    pub fn index(
        &self,
        options: &RunOptions<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<RunReport, AppError> {
        let report = pipeline::index_folders(&self.store, options, progress)?;
        self.drain_outbox()?;
        Ok(report)
    }

    /// Records that the service answers from now on.
    pub async fn record_start(&self) -> Result<(), AppError> {
        let recovery = self.audit.recovery();
        let started = Event::Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cut_tail: recovery.cut_tail,
            unanchored: recovery.unanchored,
        };
        let entry = Entry::new(self.clock.now(), started);
        self.audit.append(entry).await?;
        Ok(())
    }

    /// Records that the service ended in good order.
    pub async fn record_stop(&self) -> Result<(), AppError> {
        let reason = "asked to stop".to_owned();
        let entry = Entry::new(self.clock.now(), Event::Stopped { reason });
        self.audit.append(entry).await?;
        Ok(())
    }

    /// Moves audit entries of changes from the catalog, where they were committed together with
    /// the changes, into the log; after a crash in between, those that are missing there.
    fn drain_outbox(&self) -> Result<(), AppError> {
        let rows = self.store.outbox()?;
        let Some(last) = rows.last().map(|row| row.id) else {
            return Ok(());
        };
        let generation: Uuid = self
            .store
            .generation()
            .parse()
            .map_err(|_| AppError::Outbox("the catalog's generation".to_owned()))?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let number = u64::try_from(row.id).unwrap_or(0);
            let outbox = OutboxId { generation, number };
            entries.push(Entry::new(self.clock.now(), change(&row.entry, outbox)?));
        }
        self.audit.append_all_blocking(entries)?;
        self.store.outbox_done(last)?;
        Ok(())
    }
}

/// Reads the entry that the indexer wrote into its outbox.
fn change(text: &str, outbox: OutboxId) -> Result<Event, AppError> {
    let details: serde_json::Value =
        serde_json::from_str(text).map_err(|error| AppError::Outbox(error.to_string()))?;
    let field = |name: &str| {
        let value = details.get(name).and_then(serde_json::Value::as_str);
        value.map(str::to_owned)
    };
    Ok(Event::Change {
        document: field("document"),
        action: field("action").unwrap_or_default(),
        outbox: Some(outbox),
        details,
    })
}

/// Where the audit log of a data directory is, with its head.
pub fn audit_paths(data: &Path, config: &Config) -> AuditPaths {
    let paths = AuditPaths::in_data(data);
    match &config.audit_head {
        Some(head) => AuditPaths {
            head: head.clone(),
            ..paths
        },
        None => paths,
    }
}

/// Where a data directory keeps the development issuer's key.
pub fn development_key(data: &Path) -> std::path::PathBuf {
    data.join("keys").join("development-issuer.pem")
}
