//! The command line: one file a command. Each works on a data directory, as the operator.

mod acl;
mod audit;
mod demo;
mod demo_corpus;
mod doctor;
mod index;
mod search;
mod serve;
mod terminal;
mod token;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambit_indexer::principal::{Principal, PrincipalSpelling};
use ambit_indexer::store::StoreError;
use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::app::{Access, App, AppError, World};
use crate::config::Config;
use crate::http;
use crate::identity::{Caller, Identity, LocalCaller};

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and all is well.
    Done,
    /// Done, and a problem was found: files in quarantine, a broken chain.
    Problem,
}

/// Permission-aware retrieval for agents: cited context, and only what the caller may read.
#[derive(Debug, Parser)]
#[command(name = "ambit", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what Ambit does, on bundled documents, and keep serving.
    Demo(demo::DemoCommand),
    /// Serve HTTP.
    Serve(serve::ServeCommand),
    /// Make a collection the contents of folders of Markdown files.
    Index(index::IndexCommand),
    /// Search as somebody.
    Search(search::SearchCommand),
    /// Show and explain who may read a document.
    #[command(subcommand)]
    Acl(acl::AclCommand),
    /// Check and read the audit log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Mint an access token of the data directory's development issuer.
    Token(token::TokenCommand),
    /// Say what is wrong with a data directory.
    Doctor(doctor::DoctorCommand),
    /// Print the OpenAPI document.
    Openapi,
    /// Print a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// The data directory and configuration that most commands take.
#[derive(Debug, clap::Args)]
struct Place {
    /// Data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs one command.
pub fn run(arguments: Cli) -> Result<Outcome> {
    match arguments.command {
        Command::Demo(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Index(command) => command.run(),
        Command::Search(command) => command.run(),
        Command::Acl(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Token(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Openapi => {
            let document = http::openapi().to_pretty_json()?;
            terminal::line(&document)?;
            Ok(Outcome::Done)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ambit", &mut script);
            terminal::bytes(&script)?;
            Ok(Outcome::Done)
        }
    }
}

/// Sends the log to standard error; `AMBIT_LOG` sets the level (`warn`, `ambit=debug`, …).
pub fn start_logging(arguments: &Cli) {
    let serves = matches!(arguments.command, Command::Serve(_));
    let level = if serves {
        LevelFilter::INFO
    } else {
        LevelFilter::WARN
    };
    let filter = EnvFilter::builder()
        .with_env_var("AMBIT_LOG")
        .with_default_directive(level.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}

/// Says in one line why a command could not run.
pub fn complain(error: &anyhow::Error) {
    terminal::complain(&in_one_line(error));
}

/// An error with its causes. Many errors name their cause already; nothing is said twice.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Place {
    fn config(&self) -> Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }

    /// Opens for writing; a server on the directory is an error.
    fn open(&self) -> Result<App> {
        let config = self.config()?;
        Ok(App::open(
            &self.data,
            config,
            Access::Write,
            false,
            World::real(),
        )?)
    }

    /// Opens for reading, beside whoever writes. Only if the index is missing or behind is the
    /// directory opened for writing, which mends it, unless another process holds it.
    fn open_to_read(&self) -> Result<App> {
        existing(&self.data)?;
        let config = self.config()?;
        let open = |access| App::open(&self.data, config.clone(), access, false, World::real());
        let beside = open(Access::Beside);
        if let Ok(app) = &beside
            && app.store().unindexed()? == 0
        {
            return Ok(beside?);
        }
        match open(Access::Write) {
            Err(AppError::Store(StoreError::InUse(_))) => Ok(beside?),
            mended => Ok(mended?),
        }
    }
}

/// A data directory that a reading command is pointed at has to be there.
fn existing(data: &Path) -> Result<()> {
    anyhow::ensure!(
        data.join("catalog.sqlite").is_file(),
        "{} is not a data directory: it has no catalog (ambit index makes one)",
        data.display()
    );
    Ok(())
}

/// The caller that `--as 'user:alice,group:sre'` names.
fn asserted_caller(app: &App, who: &str, reason: &'static str) -> Result<Arc<Caller>> {
    let principals = resolve(app, who)?;
    let asserted = LocalCaller {
        tenant: app.config().directory.tenant(),
        principals,
        highest_label: app.config().labels.highest(),
        reason,
    };
    Ok(Arc::new(Identity::assert_local(asserted, app.clock.now())?))
}

fn resolve(app: &App, who: &str) -> Result<Vec<Principal>> {
    let names = who
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names
        .map(|name| {
            let spelling: PrincipalSpelling = name.parse()?;
            Ok(app.config().directory.resolve(&spelling)?)
        })
        .collect::<Result<_>>()
        .context("--as takes a list such as 'user:alice,group:sre'")
}

/// An async runtime for commands that serve or wait for the audit log.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")
}
