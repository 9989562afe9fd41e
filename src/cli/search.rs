//! `ambit search`: a search as somebody, by the operator, recorded like any other.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use serde_json::Value;

use super::{Outcome, Place, asserted_caller, terminal};
use crate::http::wire::WireFilters;
use crate::http::{SearchRequest, run_search};
use crate::release::RequestFacts;

#[derive(Debug, clap::Args)]
pub(super) struct SearchCommand {
    #[command(flatten)]
    place: Place,
    /// As whom: a complete list of principals, such as 'user:alice,group:sre'.
    #[arg(long = "as", value_name = "PRINCIPALS")]
    who: String,
    /// Print the JSON that the service would answer.
    #[arg(long)]
    json: bool,
    /// How many hits.
    #[arg(short = 'k', long = "top-k", default_value_t = 10)]
    top_k: usize,
    /// What to look for.
    query: String,
}

impl SearchCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        let app = Arc::new(self.place.open_to_read()?);
        let caller = asserted_caller(&app, &self.who, "search from the command line")?;
        let request = SearchRequest {
            query: self.query,
            top_k: Some(self.top_k),
            filters: WireFilters::default(),
        };
        let facts = RequestFacts::default();
        let released = super::runtime()?
            .block_on(run_search(&app, &caller, &facts, request))
            .map_err(|problem| anyhow!("{}", problem.in_words()))?;
        if self.json {
            terminal::bytes(&released.body)?;
            terminal::line("")?;
            return Ok(Outcome::Done);
        }
        print(&serde_json::from_slice(&released.body)?)?;
        Ok(Outcome::Done)
    }
}

fn print(answer: &Value) -> Result<()> {
    let hits = answer.get("hits").and_then(Value::as_array);
    let hits = hits.map(Vec::as_slice).unwrap_or_default();
    if hits.is_empty() {
        terminal::line("nothing that this caller may read matches")?;
    }
    for (hit, number) in hits.iter().zip(1..) {
        let text = |pointer: &str| hit.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        let line = |pointer: &str| hit.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let score = hit.get("score").and_then(Value::as_f64).unwrap_or(0.0);
        terminal::line(&format!(
            "{number:>3}. {}  ({score:.3})\n     {} lines {}-{}  [{}]",
            text("/title"),
            text("/document"),
            line("/citation/lines/0"),
            line("/citation/lines/1"),
            text("/citation/label"),
        ))?;
        for snippet in terminal::wrapped(text("/snippet"), terminal::width() - 5) {
            terminal::line(&format!("     {snippet}"))?;
        }
    }
    Ok(())
}
