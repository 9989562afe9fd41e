//! Overage: whether a token tells all groups of its subject.
//!
//! Entra leaves the groups out of a token when there are more than 200 of them and puts a pointer
//! in their place (leak A4). Upholds FAIL-CLOSED: groups are taken from a token only if they are
//! all there and nothing hints otherwise. The pointer is never followed: it names a retired
//! service, and an address out of a token is a request forgery. Asking Microsoft Graph, with an
//! address from the configuration, will stand here in place of the error.

use ambit_indexer::principal::ObjectId;
use serde_json::Value;
use thiserror::Error;

use super::claims::{StrictObject, folded, guid};

/// More groups than this are not evaluated. Directories end near 11,000 transitive groups; a list
/// beyond the cap is no usable answer, and a cut one would be a partial answer.
const MAX_GROUPS: usize = 10_000;

/// Beginnings of claim names that say that the groups, or other claims, are kept elsewhere:
/// `_claim_names`, `_claim_sources`, `hasgroups`, `groups:src1`. Compared without regard to case,
/// and by their beginnings, so that a variant nobody has described yet counts as well.
const MARKERS: [&str; 3] = ["_claim_", "hasgroups", "groups"];

/// Why the groups of a subject are not known in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GroupsUnresolved {
    /// The token points elsewhere for claims. This counts even beside a list of groups, which may
    /// then be a part of them.
    #[error("the token marks its groups as kept elsewhere")]
    Overage,
    /// The `groups` claim is not an array of GUIDs: a pointer, a null, or names.
    #[error("the groups claim is not an array of object ids")]
    NotObjectIds,
    /// There is no `groups` claim. That cannot be told from an issuer that is not configured to
    /// send groups, and Entra sends none for many service principals without any marker. Reading
    /// it as "no groups" would lift every deny that names a group.
    #[error("the token has no groups claim")]
    Absent,
    /// There are more groups than are evaluated.
    #[error("the groups claim lists more than {MAX_GROUPS} groups")]
    TooMany,
}

/// All groups of the subject, ascending and without repetition.
pub(super) fn groups(claims: &StrictObject) -> Result<Vec<ObjectId>, GroupsUnresolved> {
    let is_marker = |name: &str| {
        let folded = folded(name);
        name != "groups" && MARKERS.iter().any(|marker| folded.starts_with(marker))
    };
    if claims.names().any(is_marker) {
        return Err(GroupsUnresolved::Overage);
    }
    let values = match claims.get("groups") {
        None => return Err(GroupsUnresolved::Absent),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(GroupsUnresolved::NotObjectIds),
    };
    if values.len() > MAX_GROUPS {
        return Err(GroupsUnresolved::TooMany);
    }
    let group = |value: &Value| value.as_str().and_then(guid).map(ObjectId::new);
    let groups: Option<Vec<ObjectId>> = values.iter().map(group).collect();
    let mut groups = groups.ok_or(GroupsUnresolved::NotObjectIds)?;
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}
