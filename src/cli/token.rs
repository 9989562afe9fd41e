//! `ambit token`.

use std::path::PathBuf;

use ambit_indexer::principal::{ObjectId, PrincipalKind, hyphenated_guid};
use anyhow::{Context, Result, bail, ensure};

use super::{Outcome, terminal};
use crate::app::development_key;
use crate::config::DEMO_AGENT;
use crate::identity::{DevelopmentIssuer, TokenRequest};

#[derive(Debug, clap::Args)]
pub(super) struct TokenCommand {
    /// Data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The person that the token is about.
    #[arg(long, value_name = "NAME|GUID", required_unless_present = "app_only")]
    user: Option<String>,
    /// A group of that person or application.
    #[arg(long = "group", value_name = "NAME|GUID")]
    groups: Vec<String>,
    /// An application role, such as Ambit.Audit.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The agent that asks.
    #[arg(long, value_name = "NAME|GUID", default_value = DEMO_AGENT)]
    app: String,
    /// How long the token is good for: 90s, 10m, 1h.
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    ttl: String,
    /// A token of the application itself, about no person.
    #[arg(long, conflicts_with = "user")]
    app_only: bool,
}

impl TokenCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        // A mistyped name would get a key of its own, and a token that no server accepts.
        ensure!(
            self.data.is_dir(),
            "there is no data directory {} (ambit index or ambit serve makes one)",
            self.data.display()
        );
        let lifetime = seconds(&self.ttl)?;
        let object = |kind, name: &String| object(kind, name);
        let groups = self
            .groups
            .iter()
            .map(|name| object(PrincipalKind::Group, name));
        let request = TokenRequest {
            user: self
                .user
                .as_ref()
                .map(|name| object(PrincipalKind::User, name))
                .transpose()?,
            groups: groups.collect::<Result<_>>()?,
            roles: self.roles,
            app: object(PrincipalKind::Application, &self.app)?,
            lifetime,
            app_only: self.app_only,
            now: ambit_indexer::clock::Clock::system().now(),
        };
        let issuer = DevelopmentIssuer::open_or_create(&development_key(&self.data))?;
        terminal::line(&issuer.mint(request)?)?;
        Ok(Outcome::Done)
    }
}

fn object(kind: PrincipalKind, name: &str) -> Result<ObjectId> {
    ensure!(
        !name.is_empty(),
        "a {} needs a name or a GUID",
        kind.as_str()
    );
    Ok(match hyphenated_guid(name) {
        Some(guid) => ObjectId::new(guid),
        None => ObjectId::from_name(kind, name),
    })
}

/// Reads `90s`, `10m`, `1h` or a plain number of seconds.
fn seconds(text: &str) -> Result<u32> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, unit)) if unit.is_ascii_alphabetic() => (text.split_at(at).0, unit),
        _ => (text, 's'),
    };
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => bail!("--ttl {text}: write a number with s, m or h"),
    };
    let number: u32 = number
        .parse()
        .with_context(|| format!("--ttl {text}: write a number with s, m or h"))?;
    number
        .checked_mul(factor)
        .with_context(|| format!("--ttl {text}: too long"))
}
