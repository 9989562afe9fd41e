//! How policies are written into the catalog's columns and read back.
//!
//! Upholds FAIL-CLOSED: what cannot be read back is an error, never an empty policy.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::CatalogError;
use crate::acl::{Access, EffectiveAcl, EffectiveEntry, Entry, StatedPolicy};
use crate::clock::Timestamp;
use crate::label::{Label, Labels};
use crate::principal::{ObjectId, Principal, PrincipalKind, TenantId};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryRow {
    access: String,
    principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyRow {
    acl: Option<Vec<EntryRow>>,
    owners: Vec<String>,
    label: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EffectiveRow {
    entries: Vec<EntryRow>,
    owners: Vec<String>,
    label: String,
    stated: bool,
}

/// Writes what a node states.
pub(super) fn stated_to_text(policy: &StatedPolicy, labels: &Labels) -> String {
    let row = PolicyRow {
        acl: policy
            .acl
            .as_ref()
            .map(|acl| acl.iter().map(|entry| entry_row(entry, None)).collect()),
        owners: policy.owners.iter().map(principal_to_text).collect(),
        label: policy.label.map(|label| labels.name(label).to_owned()),
    };
    to_json(&row)
}

/// Reads what a node states.
pub(super) fn stated_from_text(text: &str, labels: &Labels) -> Result<StatedPolicy, CatalogError> {
    let row: PolicyRow = from_json(text)?;
    let acl = match row.acl {
        Some(rows) => Some(
            rows.iter()
                .map(entry_from_row)
                .collect::<Result<Vec<_>, _>>()?,
        ),
        None => None,
    };
    Ok(StatedPolicy {
        acl,
        owners: principals_from_text(&row.owners)?,
        label: row.label.map(|name| label_from_name(&name, labels)),
    })
}

/// Writes a resolved policy; equal policies give equal text.
pub(super) fn effective_to_text(acl: &EffectiveAcl, labels: &Labels) -> String {
    let row = EffectiveRow {
        entries: acl
            .entries
            .iter()
            .map(|effective| entry_row(&effective.entry, effective.folder.clone()))
            .collect(),
        owners: acl.owners.iter().map(principal_to_text).collect(),
        label: labels.name(acl.label).to_owned(),
        stated: acl.stated,
    };
    to_json(&row)
}

/// Reads a resolved policy.
pub(super) fn effective_from_text(
    text: &str,
    labels: &Labels,
) -> Result<EffectiveAcl, CatalogError> {
    let row: EffectiveRow = from_json(text)?;
    let entries = row.entries.iter().map(|entry| {
        Ok(EffectiveEntry {
            entry: entry_from_row(entry)?,
            folder: entry.folder.clone(),
        })
    });
    Ok(EffectiveAcl {
        entries: entries.collect::<Result<_, CatalogError>>()?,
        owners: principals_from_text(&row.owners)?,
        label: label_from_name(&row.label, labels),
        stated: row.stated,
    })
}

/// Writes a principal with its tenant: `everyone` or `kind:tenant/object`.
pub(super) fn principal_to_text(principal: &Principal) -> String {
    match principal {
        Principal::Everyone => "everyone".to_owned(),
        Principal::Object {
            kind,
            tenant,
            object,
        } => format!("{}:{tenant}/{object}", kind.as_str()),
    }
}

fn principal_from_text(text: &str) -> Result<Principal, CatalogError> {
    if text == "everyone" {
        return Ok(Principal::Everyone);
    }
    let broken = || CatalogError::Damaged("a stored principal cannot be read".to_owned());
    let (kind, rest) = text.split_once(':').ok_or_else(broken)?;
    let (tenant, object) = rest.split_once('/').ok_or_else(broken)?;
    let kind = match kind {
        "user" => PrincipalKind::User,
        "group" => PrincipalKind::Group,
        "app" => PrincipalKind::Application,
        _ => return Err(broken()),
    };
    Ok(Principal::Object {
        kind,
        tenant: TenantId::new(Uuid::try_parse(tenant).map_err(|_| broken())?),
        object: ObjectId::new(Uuid::try_parse(object).map_err(|_| broken())?),
    })
}

fn principals_from_text(texts: &[String]) -> Result<Vec<Principal>, CatalogError> {
    texts.iter().map(|text| principal_from_text(text)).collect()
}

fn entry_row(entry: &Entry, folder: Option<String>) -> EntryRow {
    EntryRow {
        access: entry.access.as_str().to_owned(),
        principal: principal_to_text(&entry.principal),
        until: entry.until.map(Timestamp::as_microsecond),
        folder,
    }
}

fn entry_from_row(row: &EntryRow) -> Result<Entry, CatalogError> {
    let access = match row.access.as_str() {
        "grant" => Access::Grant,
        "deny" => Access::Deny,
        _ => return Err(CatalogError::Damaged("a stored ACL entry".to_owned())),
    };
    Ok(Entry {
        access,
        principal: principal_from_text(&row.principal)?,
        until: row.until.map(instant).transpose()?,
    })
}

/// Reads an instant stored as microseconds since the epoch.
pub(super) fn instant(microseconds: i64) -> Result<Timestamp, CatalogError> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|_| CatalogError::Damaged("a stored time is out of range".to_owned()))
}

/// A label that the configuration no longer lists is above every ceiling, so nobody reads it.
fn label_from_name(name: &str, labels: &Labels) -> Label {
    labels.get(name).unwrap_or(Label::UNKNOWN)
}

/// Writes a list of strings.
pub(super) fn strings_to_text(strings: &[String]) -> String {
    to_json(&strings)
}

/// Reads a list of strings.
pub(super) fn strings_from_text(text: &str) -> Result<Vec<String>, CatalogError> {
    from_json(text)
}

fn to_json<T: Serialize>(value: &T) -> String {
    // Structures of strings, numbers and lists always serialise; an empty text would be refused
    // when read back.
    serde_json::to_string(value).unwrap_or_default()
}

fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, CatalogError> {
    serde_json::from_str(text).map_err(|error| CatalogError::Damaged(error.to_string()))
}
