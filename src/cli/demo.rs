//! `ambit demo`: three people ask the same and get three answers.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ambit_indexer::clock::Clock;
use ambit_indexer::pipeline::RunOptions;
use ambit_indexer::principal::{ObjectId, PrincipalKind};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Outcome, demo_corpus, serve, terminal};
use crate::app::{Access, App, World, development_key};
use crate::config::{Config, DEMO_AGENT};
use crate::http;
use crate::identity::{DevelopmentIssuer, TokenRequest};

/// What the three ask.
const QUESTION: &str = "how do I fail over the orders database?";
/// Collection of the bundled documents.
const COLLECTION: &str = "tidemark";
/// Budget of each answer, and how many lines of each passage the screen shows.
const MAX_TOKENS: usize = 1500;
const SHOWN_LINES: usize = 9;
const TOKEN_SECONDS: u32 = 8 * 3600;

/// Somebody who asks.
struct Person {
    name: &'static str,
    groups: &'static [&'static str],
}

const PEOPLE: [Person; 3] = [
    Person {
        name: "bob",
        groups: &["support"],
    },
    Person {
        name: "alice",
        groups: &["sre-oncall"],
    },
    Person {
        name: "carol",
        groups: &["sre-oncall", "dba-leads"],
    },
];

#[derive(Debug, clap::Args)]
pub(super) struct DemoCommand {
    /// End after the answers instead of serving on.
    #[arg(long)]
    once: bool,
    /// Address to listen on; a free port of this machine if absent.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

impl DemoCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        ensure!(
            self.listen.ip().is_loopback(),
            "the demo listens on loopback addresses only"
        );
        let scratch = tempfile::tempdir().context("cannot make a folder for the demo")?;
        let data = scratch.path().join("data");
        let app = index_bundled(scratch.path(), &data)?;
        super::runtime()?.block_on(self.ask_and_serve(app, &data))
    }

    async fn ask_and_serve(&self, mut app: App, data: &Path) -> Result<Outcome> {
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;
        app.listens_on(address);
        if !self.once {
            let asking = tokio::spawn(ask_all(address, data.to_owned(), true));
            let outcome = serve::serve(app, listener).await?;
            asking.abort();
            return Ok(outcome);
        }
        let serving = tokio::spawn(http::serve(Arc::new(app), listener, std::future::pending()));
        ask_all(address, data.to_owned(), false).await?;
        serving.abort();
        Ok(Outcome::Done)
    }
}

fn index_bundled(scratch: &Path, data: &Path) -> Result<App> {
    let folder = scratch.join("corpus");
    demo_corpus::unpack(&folder)?;
    let config = Config::parse("")?;
    let app = App::open(data, config, Access::Write, true, World::real())?;
    let options = RunOptions {
        collection: COLLECTION,
        roots: &[folder],
        directory: &app.config().directory,
        secrets: app.config().secrets,
        allow_mass_removal: false,
        who: "demo",
    };
    let report = app.index(&options, &mut |_| {})?;
    terminal::line(&format!(
        "indexed {} bundled documents of a fictional company ({} chunks); {} broken ones are in \
         quarantine, as they should be",
        report.indexed,
        report.chunks,
        report.quarantined.len()
    ))?;
    Ok(app)
}

/// Asks as each person, shows the answers side by side, and prints commands to try.
async fn ask_all(address: SocketAddr, data: std::path::PathBuf, go_on: bool) -> Result<()> {
    let outcome = answers(address, &data).await;
    match outcome {
        Ok(tokens) => {
            print_commands(address, &tokens)?;
            if go_on {
                terminal::line("\nserving until Ctrl-C")?;
            }
            Ok(())
        }
        // A task's error would be lost otherwise.
        Err(error) => {
            super::complain(&error);
            Err(error)
        }
    }
}

async fn answers(address: SocketAddr, data: &Path) -> Result<Vec<String>> {
    let issuer = DevelopmentIssuer::open_or_create(&development_key(data))?;
    let client = reqwest::Client::new();
    let mut tokens = Vec::new();
    let mut columns = Vec::new();
    let width = (terminal::width() - 2 * 3) / PEOPLE.len();
    for person in &PEOPLE {
        let token = token(&issuer, person)?;
        let request = client
            .post(format!("http://{address}/v1/context"))
            .bearer_auth(&token)
            .json(&json!({
                "query": QUESTION, "max_tokens": MAX_TOKENS, "top_k": 8, "format": "chunks",
            }));
        let response = request.send().await?.error_for_status()?;
        let answer: Value = response.json().await?;
        columns.push(column(person, &answer, width));
        tokens.push(token);
    }
    terminal::line(&format!("\nthree people ask: {QUESTION}\n"))?;
    print_columns(&columns, width)?;
    Ok(tokens)
}

fn token(issuer: &DevelopmentIssuer, person: &Person) -> Result<String> {
    let groups = person.groups.iter();
    let request = TokenRequest {
        user: Some(ObjectId::from_name(PrincipalKind::User, person.name)),
        groups: groups
            .map(|name| ObjectId::from_name(PrincipalKind::Group, name))
            .collect(),
        roles: Vec::new(),
        app: ObjectId::from_name(PrincipalKind::Application, DEMO_AGENT),
        lifetime: TOKEN_SECONDS,
        app_only: false,
        now: Clock::system().now(),
    };
    Ok(issuer.mint(request)?)
}

/// One person's answer: each citation with the beginning of its passage.
fn column(person: &Person, answer: &Value, width: usize) -> Vec<String> {
    let mut lines = vec![
        format!("{} ({})", person.name, person.groups.join(", ")),
        "─".repeat(width),
    ];
    let list = |field: &str| answer.get(field).and_then(Value::as_array);
    let passages = list("citations").into_iter().flatten();
    for (citation, chunk) in passages.zip(list("chunks").into_iter().flatten()) {
        let text = |field: &str| citation.get(field).and_then(Value::as_str).unwrap_or("");
        let number = |pointer: &str| citation.pointer(pointer).and_then(Value::as_u64);
        let source = format!(
            "[{}] {} ({}, lines {}-{}) · {}",
            number("/number").unwrap_or(0),
            text("title"),
            text("document"),
            number("/lines/0").unwrap_or(0),
            number("/lines/1").unwrap_or(0),
            text("label"),
        );
        lines.extend(terminal::wrapped(&source, width));
        let passage = chunk.get("text").and_then(Value::as_str).unwrap_or("");
        let shown = terminal::wrapped(passage, width.saturating_sub(2));
        let shown: Vec<&String> = shown.iter().filter(|line| !line.is_empty()).collect();
        let beginning = shown.iter().take(SHOWN_LINES);
        lines.extend(beginning.map(|line| format!("  {line}")));
        if shown.len() > SHOWN_LINES {
            lines.push("  …".to_owned());
        }
        lines.push(String::new());
    }
    lines
}

fn print_columns(columns: &[Vec<String>], width: usize) -> Result<()> {
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..height {
        let cells = columns.iter().map(|column| {
            let cell = column.get(row).map(String::as_str).unwrap_or_default();
            let padding = width.saturating_sub(cell.chars().count());
            format!("{cell}{}", " ".repeat(padding))
        });
        let line = cells.collect::<Vec<_>>().join(" │ ");
        terminal::line(line.trim_end())?;
    }
    Ok(())
}

fn print_commands(address: SocketAddr, tokens: &[String]) -> Result<()> {
    terminal::line("\nask yourself:")?;
    let body = json!({"query": QUESTION, "max_tokens": 800}).to_string();
    for (person, token) in PEOPLE.iter().zip(tokens) {
        terminal::line(&format!(
            "\n# as {}\ncurl -s http://{address}/v1/context -H 'Authorization: Bearer {token}' \
             -H 'Content-Type: application/json' -d '{body}'",
            person.name
        ))?;
    }
    Ok(())
}
