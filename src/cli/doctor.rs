//! `ambit doctor`: what is wrong with a data directory, in words.

use anyhow::Result;
use serde_json::json;

use super::{Outcome, Place, existing, terminal};
use crate::app::App;

#[derive(Debug, clap::Args)]
pub(super) struct DoctorCommand {
    #[command(flatten)]
    place: Place,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    sound: bool,
    says: String,
}

impl DoctorCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        existing(&self.place.data)?;
        self.place.config()?;
        let findings = self.examine()?;
        if self.json {
            let listed = findings.iter().map(
                |finding| json!({"what": finding.what, "ok": finding.sound, "says": finding.says}),
            );
            terminal::line(&serde_json::Value::from_iter(listed).to_string())?;
        } else {
            for finding in &findings {
                let mark = if finding.sound { "ok     " } else { "PROBLEM" };
                terminal::line(&format!("{mark}  {}: {}", finding.what, finding.says))?;
            }
        }
        Ok(match findings.iter().all(|finding| finding.sound) {
            true => Outcome::Done,
            false => Outcome::Problem,
        })
    }

    fn examine(&self) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let place = &self.place;
        // The audit log first: a broken one keeps the rest from opening.
        findings.push(match super::audit::report(place) {
            Ok(report) => Finding {
                what: "audit log",
                sound: report.is_sound(),
                says: format!(
                    "{} records, {} problems",
                    report.records,
                    report.problems.len()
                ),
            },
            Err(error) => Finding {
                what: "audit log",
                sound: false,
                says: format!("{error:#}"),
            },
        });
        let app = match place.open_to_read() {
            Ok(app) => app,
            Err(error) => {
                findings.push(Finding {
                    what: "opening",
                    sound: false,
                    says: format!("{error:#}"),
                });
                return Ok(findings);
            }
        };
        examine_store(&app, &mut findings)?;
        Ok(findings)
    }
}

fn examine_store(app: &App, findings: &mut Vec<Finding>) -> Result<()> {
    let counts = app.store().counts()?;
    findings.push(Finding {
        what: "catalog",
        sound: true,
        says: format!(
            "{} documents, {} chunks, {} revisions, {} distinct ACLs",
            counts.documents, counts.chunks, counts.revisions, counts.acls
        ),
    });
    findings.push(Finding {
        what: "documents without an ACL",
        sound: counts.without_acl == 0,
        says: match counts.without_acl {
            0 => "none".to_owned(),
            some => format!("{some} documents that nobody can read"),
        },
    });
    let unindexed = app.store().unindexed()?;
    findings.push(Finding {
        what: "index",
        sound: unindexed == 0,
        says: match unindexed {
            0 => "holds every document".to_owned(),
            some => format!("{some} documents cannot be found; ambit index --rebuild"),
        },
    });
    let quarantined = app.store().quarantined()?;
    if quarantined.is_empty() {
        findings.push(Finding {
            what: "quarantine",
            sound: true,
            says: "empty".to_owned(),
        });
    }
    for (collection, file) in quarantined {
        let line = file.line.map(|line| format!(":{line}")).unwrap_or_default();
        findings.push(Finding {
            what: "quarantine",
            sound: false,
            says: format!(
                "{collection}/{}{line}: {}",
                terminal::name(&file.path),
                terminal::name(&file.reason)
            ),
        });
    }
    Ok(())
}
