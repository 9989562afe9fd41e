//! `ambit acl show` and `ambit acl explain`: who may read a document, and why.
//!
//! One of the two named exceptions to ONE-DOOR: administration of ACLs, by whoever holds the data
//! directory. It shows policies, never content.

use std::collections::HashMap;

use ambit_indexer::acl::{EffectiveAcl, EffectiveEntry};
use ambit_indexer::catalog::OwnerView;
use ambit_indexer::clock::Timestamp;
use ambit_indexer::document::DocumentId;
use ambit_indexer::principal::Principal;
use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Outcome, Place, asserted_caller, terminal};
use crate::app::App;
use crate::identity::{Refusal, ScopeVerdict};

#[derive(Debug, Subcommand)]
pub(super) enum AclCommand {
    /// Print the effective ACL of a document, and where each entry is written.
    Show {
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Document id, collection/path.
        document: String,
    },
    /// Say whether somebody may read a document, and which entry decides.
    Explain {
        #[command(flatten)]
        place: Place,
        /// Whom: a complete list of principals, such as 'user:alice,group:sre'.
        #[arg(long = "as", value_name = "PRINCIPALS")]
        who: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Document id, collection/path.
        document: String,
    },
}

impl AclCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        match self {
            Self::Show {
                place,
                json,
                document,
            } => {
                let app = place.open_to_read()?;
                let view = view(&app, &document)?;
                let names = Names::of(&app)?;
                let shown = shown(&app, &view, &names);
                if json {
                    terminal::line(&shown.to_string())?;
                } else {
                    print(&app, &view, &names)?;
                }
                Ok(Outcome::Done)
            }
            Self::Explain {
                place,
                who,
                json,
                document,
            } => explain(&place, &who, &document, json),
        }
    }
}

fn view(app: &App, document: &str) -> Result<OwnerView> {
    let id: DocumentId = document.parse()?;
    let view = app.store().owner_view(&id)?;
    view.with_context(|| format!("no document {document} is in force"))
}

/// Principals under the names that people wrote for them.
struct Names(HashMap<String, String>);

impl Names {
    fn of(app: &App) -> Result<Self> {
        Ok(Self(app.store().spellings()?.into_iter().collect()))
    }

    fn name(&self, principal: &Principal) -> String {
        let Principal::Object {
            kind,
            tenant,
            object,
        } = principal
        else {
            return principal.to_string();
        };
        let key = format!("{}:{tenant}/{object}", kind.as_str());
        let known = self.0.get(&key).cloned();
        known.unwrap_or_else(|| principal.to_string())
    }
}

fn origin(effective: &EffectiveEntry) -> String {
    match effective.folder.as_deref() {
        None => "the document itself".to_owned(),
        Some("") => "the collection's top folder".to_owned(),
        Some(folder) => format!("folder {folder}"),
    }
}

fn shown(app: &App, view: &OwnerView, names: &Names) -> Value {
    let entries = view.acl.entries.iter().map(|effective| {
        json!({
            "access": effective.entry.access.as_str(),
            "principal": names.name(&effective.entry.principal),
            "until": effective.entry.until.map(|until| until.to_string()),
            "written_at": origin(effective),
        })
    });
    json!({
        "document": view.id.as_str(),
        "effective": entries.collect::<Vec<_>>(),
        "owners": view.acl.owners.iter().map(|owner| names.name(owner)).collect::<Vec<_>>(),
        "label": app.config().labels.name(view.acl.label),
        "state": if view.acl.stated { "in-force" } else { "no-acl" },
    })
}

fn print(app: &App, view: &OwnerView, names: &Names) -> Result<()> {
    terminal::line(&format!("{}", view.id))?;
    terminal::line(&format!(
        "label   {}",
        app.config().labels.name(view.acl.label)
    ))?;
    let owners: Vec<String> = view
        .acl
        .owners
        .iter()
        .map(|owner| names.name(owner))
        .collect();
    terminal::line(&format!("owners  {}", owners.join(", ")))?;
    if !view.acl.stated {
        terminal::line("no ACL is stated on its path: nobody can read it")?;
    }
    for effective in &view.acl.entries {
        terminal::line(&described(effective, names, app.clock.now()))?;
    }
    Ok(())
}

fn described(effective: &EffectiveEntry, names: &Names, now: Timestamp) -> String {
    let entry = &effective.entry;
    let until = match entry.until {
        None => String::new(),
        Some(until) if entry.is_live(now) => format!(" until {until}"),
        Some(until) => format!(" (ended {until})"),
    };
    format!(
        "{:<6}  {}{until}  from {}",
        entry.access.as_str(),
        names.name(&entry.principal),
        origin(effective)
    )
}

fn explain(place: &Place, who: &str, document: &str, as_json: bool) -> Result<Outcome> {
    let app = place.open_to_read()?;
    let view = view(&app, document)?;
    let caller = asserted_caller(&app, who, "explaining an ACL from the command line")?;
    let verdict = caller.scope().verdict(&view.acl, view.id.collection());
    let names = Names::of(&app)?;
    let (decision, reason, entry) = match verdict {
        ScopeVerdict::Permitted { entry } => ("allow", "this entry grants it", Some(entry)),
        ScopeVerdict::Refused(Refusal::DenyEntry(entry)) => {
            ("deny", "this entry denies it", Some(entry))
        }
        ScopeVerdict::Refused(Refusal::NotStated) => {
            ("deny", "no ACL is stated on the path of the document", None)
        }
        ScopeVerdict::Refused(Refusal::NoGrant) => ("deny", "no entry in force grants it", None),
        ScopeVerdict::Refused(Refusal::AboveCeiling) => {
            ("deny", "the label is not one of the configuration", None)
        }
        ScopeVerdict::Refused(Refusal::OutsideCollections) => (
            "deny",
            "the agent is not registered for the collection",
            None,
        ),
    };
    let deciding = deciding(&view.acl, entry);
    let entry = deciding.map(|effective| described(effective, &names, app.clock.now()));
    if as_json {
        let explained = json!({
            "document": document, "as": who, "decision": decision, "reason": reason,
            "entry": entry,
        });
        terminal::line(&explained.to_string())?;
    } else {
        terminal::line(&format!("{decision}: {reason}"))?;
        if let Some(entry) = entry {
            terminal::line(&entry)?;
        }
    }
    Ok(Outcome::Done)
}

fn deciding(acl: &EffectiveAcl, entry: Option<usize>) -> Option<&EffectiveEntry> {
    acl.entries.get(entry?)
}
