//! `ambit audit verify` and `ambit audit tail`.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Outcome, Place, terminal};
use crate::app::audit_paths;
use crate::audit::{self, AuditKey, Fault, Follow, Report, StoredRecord};

/// Records that following reads at once, and how long it waits for more.
const FOLLOW_BATCH: usize = 1000;
const FOLLOW_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Check every record against its hash, its place and the signed head.
    Verify {
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the last records.
    Tail {
        #[command(flatten)]
        place: Place,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Go on printing records as they are written.
        #[arg(long, short)]
        follow: bool,
        /// Print whole records as JSON.
        #[arg(long)]
        json: bool,
    },
}

impl AuditCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        match self {
            Self::Verify { place, json } => verify(&place, json),
            Self::Tail {
                place,
                lines,
                follow,
                json,
            } => tail(&place, lines, follow, json),
        }
    }
}

/// Verifies the audit log of a data directory.
pub(super) fn report(place: &Place) -> Result<Report> {
    let paths = audit_paths(&place.data, &place.config()?);
    anyhow::ensure!(
        paths.log().is_file(),
        "{} has no audit log",
        place.data.display()
    );
    let key = AuditKey::load(&paths.key).context("the audit key is needed to check the head")?;
    Ok(audit::verify(&paths, &key.public())?)
}

fn verify(place: &Place, as_json: bool) -> Result<Outcome> {
    let report = report(place)?;
    if as_json {
        terminal::line(&serde_json::to_string(&report)?)?;
    } else {
        print(&report)?;
    }
    Ok(match report.is_sound() {
        true => Outcome::Done,
        false => Outcome::Problem,
    })
}

fn print(report: &Report) -> Result<()> {
    for problem in &report.problems {
        terminal::line(&format!(
            "line {} (byte {}): {}",
            problem.line,
            problem.offset,
            in_words(&problem.what)
        ))?;
    }
    if report.more_problems > 0 {
        terminal::line(&format!("and {} more problems", report.more_problems))?;
    }
    if let Some(bytes) = report.incomplete_tail {
        let text = format!("an incomplete last record of {bytes} bytes was never acknowledged");
        terminal::line(&text)?;
    }
    let state = if report.is_sound() { "whole" } else { "BROKEN" };
    let head = report.head_seq.map_or_else(
        || "no signed head".to_owned(),
        |seq| format!("signed head at {seq}"),
    );
    terminal::line(&format!(
        "{state}: {} records, {head}, {} after it",
        report.records, report.unanchored
    ))?;
    Ok(())
}

fn tail(place: &Place, lines: usize, follow: bool, as_json: bool) -> Result<Outcome> {
    let paths = audit_paths(&place.data, &place.config()?);
    // Where following begins is fixed first, so that no record falls between the two.
    let mut following = Follow::from_end(&paths)?;
    for record in audit::tail(&paths, lines)? {
        if record.offset < following.offset() {
            terminal::line(&rendered(&record, as_json))?;
        }
    }
    if !follow {
        return Ok(Outcome::Done);
    }
    loop {
        for record in following.next(FOLLOW_BATCH)? {
            terminal::line(&rendered(&record, as_json))?;
        }
        std::thread::sleep(FOLLOW_PAUSE);
    }
}

/// A fault in words.
fn in_words(fault: &Fault) -> String {
    match fault {
        Fault::Malformed => "the line is no record".to_owned(),
        Fault::Edited => "the record was edited: it is not what its hash says".to_owned(),
        Fault::Unchained => "the record does not follow the one before it".to_owned(),
        Fault::Missing { first, last } => format!("records {first} to {last} are missing"),
        Fault::OutOfOrder => "the record is out of order".to_owned(),
        Fault::Duplicate => "the record came before".to_owned(),
        Fault::Truncated { first, last } => {
            format!("the log was cut off: records {first} to {last} are missing")
        }
        Fault::HeadMismatch => {
            "the log was rewritten: the signed head names another record".to_owned()
        }
        Fault::HeadMissing => "there are records but no signed head".to_owned(),
        Fault::HeadForged { why } => format!("the head is not genuine: {why}"),
    }
}

fn rendered(record: &StoredRecord, as_json: bool) -> String {
    let entry: Value = serde_json::from_str(&record.json).unwrap_or(Value::Null);
    if as_json {
        let whole = json!({"seq": record.seq, "hash": record.hash.to_string(), "entry": entry});
        return whole.to_string();
    }
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let shown = entry.pointer("/event/passages").and_then(Value::as_array);
    let shown = shown.map(|passages| format!(" {} passages", passages.len()));
    let about = [
        text("/event/query"),
        text("/event/document"),
        text("/event/passage/document"),
    ];
    format!(
        "{:>6} {} {:<10} {} {} {}{}",
        record.seq,
        text("/time"),
        text("/event/type"),
        text("/caller/agent"),
        about.join(""),
        text("/event/action"),
        shown.unwrap_or_default()
    )
}
