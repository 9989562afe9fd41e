//! `ambit index`.

use std::path::PathBuf;
use std::sync::Arc;

use ambit_indexer::clock::Clock;
use ambit_indexer::document::check_collection;
use ambit_indexer::pipeline::{Progress, RunOptions, RunReport};
use ambit_indexer::store::Store;
use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Outcome, Place, terminal};

#[derive(Debug, clap::Args)]
pub(super) struct IndexCommand {
    #[command(flatten)]
    place: Place,
    /// Collection that the folders become.
    #[arg(long, value_name = "NAME", required_unless_present = "rebuild")]
    collection: Option<String>,
    /// Permit a run that removes more than a third of the collection.
    #[arg(long)]
    allow_mass_removal: bool,
    /// Make the index again from the catalog first.
    #[arg(long)]
    rebuild: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Folders of Markdown files, taken as one tree.
    #[arg(value_name = "SOURCE_DIR", required_unless_present = "rebuild")]
    sources: Vec<PathBuf>,
}

impl IndexCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        if self.rebuild {
            self.rebuild()?;
        }
        let Some(collection) = &self.collection else {
            return Ok(Outcome::Done);
        };
        ensure!(!self.sources.is_empty(), "name at least one SOURCE_DIR");
        // Before anything is made: a mistyped call should not leave a data directory behind.
        check_collection(collection)?;
        for source in &self.sources {
            ensure!(source.is_dir(), "{} is not a folder", source.display());
        }
        let app = self.place.open()?;
        let options = RunOptions {
            collection,
            roots: &self.sources,
            directory: &app.config().directory,
            secrets: app.config().secrets,
            allow_mass_removal: self.allow_mass_removal,
            who: "command line",
        };
        let bar = progress_bar();
        let report = app.index(&options, &mut |Progress { done, total }| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        let report = report?;
        if self.json {
            terminal::line(&as_json(&report).to_string())?;
        } else {
            print(&report)?;
        }
        Ok(match report.quarantined.is_empty() {
            true => Outcome::Done,
            false => Outcome::Problem,
        })
    }

    fn rebuild(&self) -> Result<()> {
        super::existing(&self.place.data)?;
        Store::discard_index(&self.place.data)?;
        let labels = self.place.config()?.labels;
        let store = Store::open(&self.place.data, labels, Arc::new(Clock::system()))?;
        let counts = store.counts()?;
        let text = format!(
            "index made again: {} documents, {} chunks",
            counts.documents, counts.chunks
        );
        terminal::line(&text)?;
        Ok(())
    }
}

/// A bar with the rate on a terminal, nothing elsewhere.
fn progress_bar() -> ProgressBar {
    if !terminal::is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let template = "{bar:40} {pos}/{len} files  {per_sec}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn as_json(report: &RunReport) -> serde_json::Value {
    let quarantined = report
        .quarantined
        .iter()
        .map(|file| json!({"path": file.path, "line": file.line, "reason": file.reason}));
    json!({
        "indexed": report.indexed,
        "unchanged": report.unchanged,
        "new_policy": report.new_policy,
        "removed": report.removed,
        "quarantined": quarantined.collect::<Vec<_>>(),
        "without_acl": report.without_acl,
        "skipped": report.skipped,
        "chunks": report.chunks,
        "hidden_removed": report.hidden_removed,
        "redactions": report.redactions,
    })
}

fn print(report: &RunReport) -> Result<()> {
    terminal::line(&format!(
        "indexed {} ({} chunks)  quarantined {}  unchanged {}  removed {}",
        report.indexed,
        report.chunks,
        report.quarantined.len(),
        report.unchanged,
        report.removed
    ))?;
    if report.new_policy > 0 {
        let text = format!("{} unchanged documents have a new ACL", report.new_policy);
        terminal::line(&text)?;
    }
    if report.hidden_removed + report.redactions > 0 {
        terminal::line(&format!(
            "removed {} hidden characters or comments, replaced {} secrets",
            report.hidden_removed, report.redactions
        ))?;
    }
    for file in &report.quarantined {
        let line = file.line.map(|line| format!(":{line}")).unwrap_or_default();
        let text = format!(
            "quarantined {}{line}: {}",
            terminal::name(&file.path),
            terminal::name(&file.reason)
        );
        terminal::line(&text)?;
    }
    for path in &report.without_acl {
        terminal::line(&format!(
            "no ACL applies to {}: nobody can read it",
            terminal::name(path)
        ))?;
    }
    if !report.skipped.is_empty() {
        let text = format!(
            "skipped {} files that are not Markdown",
            report.skipped.len()
        );
        terminal::line(&text)?;
        for path in &report.skipped {
            terminal::line(&format!("skipped {}", terminal::name(path)))?;
        }
    }
    Ok(())
}
