//! Front matter and `.acl.yaml`: from text to typed, still unresolved policy and metadata.
//!
//! Upholds FAIL-CLOSED: an ACL that is not exactly a list of grants and denies, a key that looks
//! like a misspelt policy key, a policy that stands where it would not be read: all refuse the
//! document, since each could lose a deny.

mod times;

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use times::{midnight, rfc3339};

use super::misplaced;
use super::misspelt::{misspelt, nested_policy_key};
use super::yaml::{self, Node, Pair, Value};
use super::{Rejected, quoted};
use crate::acl::{Access, WrittenEntry};
use crate::clock::Timestamp;
use crate::document::{Kind, is_invisible};
use crate::principal::PrincipalSpelling;

/// What a document says about itself before its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrontMatter {
    /// Title.
    pub title: Option<String>,
    /// Sort of document.
    pub kind: Option<Kind>,
    /// The service it is about.
    pub service: Option<String>,
    /// Severity of an incident.
    pub severity: Option<String>,
    /// Name of the sensitivity label, unchecked.
    pub label: Option<String>,
    /// Accountable principals.
    pub owners: Vec<PrincipalSpelling>,
    /// The ACL; `None` inherits, an empty list permits nobody.
    pub acl: Option<Vec<WrittenEntry>>,
    /// Tags, in the order given.
    pub tags: Vec<String>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// Where a person opens it.
    pub uri: Option<String>,
}

/// What a folder's `.acl.yaml` says for everything below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenFolder {
    /// The ACL; `None` inherits, an empty list permits nobody.
    pub acl: Option<Vec<WrittenEntry>>,
    /// Accountable principals.
    pub owners: Vec<PrincipalSpelling>,
    /// Name of the sensitivity label, unchecked.
    pub label: Option<String>,
    /// Sort of document.
    pub kind: Option<Kind>,
    /// Template of where a person opens a document: `{path}`, `{line}`, `{commit}`.
    pub uri: Option<String>,
}

/// A file cut in two.
pub(super) struct Split<'text> {
    pub(super) yaml: Option<&'text str>,
    pub(super) body: &'text str,
    /// Line of the file at which the body begins, from 1.
    pub(super) body_line: u32,
}

/// Cuts front matter from body. `text` has neither BOM nor carriage returns.
pub(super) fn split(text: &str) -> Result<Split<'_>, Rejected> {
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next().unwrap_or_default();
    if !misplaced::is_opening(opening) {
        misplaced::refuse(text, 1, true)?;
        return Ok(Split {
            yaml: None,
            body: text,
            body_line: 1,
        });
    }
    let mut position = opening.len();
    let mut body_line = 2_u32;
    for line in lines {
        body_line = body_line.saturating_add(1);
        if matches!(line.trim_end(), "---" | "...") {
            let yaml = text.get(opening.len()..position).unwrap_or_default();
            let body = text.get(position + line.len()..).unwrap_or_default();
            if yaml.trim().is_empty() {
                // Between two fences in a row there is nothing: the policy may stand below them.
                let from_fence = text.get(position..).unwrap_or_default();
                misplaced::refuse(from_fence, body_line.saturating_sub(1), false)?;
            } else {
                misplaced::refuse(body, body_line, false)?;
            }
            return Ok(Split {
                yaml: Some(yaml),
                body,
                body_line,
            });
        }
        position += line.len();
    }
    let reason = "front matter is not ended by a line `---` or `...`";
    Err(Rejected::at(1, reason.to_owned()))
}

/// Reads front matter that begins after `lines_before` lines of the file; also says on which
/// line each key stands, for reports about its value.
pub(super) fn read(
    yaml: &str,
    lines_before: u32,
) -> Result<(FrontMatter, HashMap<String, u32>), Rejected> {
    let mut front = FrontMatter::default();
    let mut key_lines = HashMap::new();
    for pair in entries(yaml::read(yaml, lines_before)?, "front matter")? {
        match pair.key.as_str() {
            "title" => front.title = text(&pair)?,
            "kind" => front.kind = kind(&pair)?,
            "service" => front.service = text(&pair)?,
            "severity" => front.severity = text(&pair)?,
            "label" => front.label = label(&pair)?,
            "owners" => front.owners = owners(&pair)?,
            "acl" => front.acl = Some(acl(&pair)?),
            "tags" => front.tags = tags(&pair)?,
            "created" => front.created = moment(&pair)?,
            "updated" => front.updated = moment(&pair)?,
            "uri" => front.uri = text(&pair)?,
            _ => refuse_misspelt(&pair)?,
        }
        key_lines.insert(pair.key, pair.line);
    }
    Ok((front, key_lines))
}

/// Reads a folder policy, where every key must be known.
pub(super) fn read_folder(yaml: &str) -> Result<WrittenFolder, Rejected> {
    let mut folder = WrittenFolder::default();
    for pair in entries(yaml::read(yaml, 0)?, "the folder policy")? {
        match pair.key.as_str() {
            "acl" => folder.acl = Some(acl(&pair)?),
            "owners" => folder.owners = owners(&pair)?,
            "label" => folder.label = label(&pair)?,
            "kind" => folder.kind = kind(&pair)?,
            "uri" => folder.uri = text(&pair)?,
            key => {
                let reason = format!(
                    "unknown key {}: a folder policy has acl, owners, label, kind and uri",
                    quoted(key)
                );
                return Err(Rejected::at(pair.line, reason));
            }
        }
    }
    Ok(folder)
}

fn entries(root: Node, name: &str) -> Result<Vec<Pair>, Rejected> {
    match root.value {
        Value::Null => Ok(Vec::new()),
        Value::Map(pairs) => Ok(pairs),
        Value::Scalar(_) | Value::List(_) => {
            let reason = format!("{name} is not a list of `key: value` lines");
            Err(Rejected::at(root.line, reason))
        }
    }
}

/// Keys of site generators are none of our business, unless they look like a lost policy.
fn refuse_misspelt(pair: &Pair) -> Result<(), Rejected> {
    let folded: String = pair.key.nfkc().filter(|c| !is_invisible(*c)).collect();
    if let Some(meant) = misspelt(&folded) {
        let reason = format!("key {} looks like a misspelt {meant}", quoted(&pair.key));
        return Err(Rejected::at(pair.line, reason));
    }
    match nested_policy_key(&pair.value) {
        None => Ok(()),
        Some(line) => {
            let reason = format!("a policy key is nested inside {}", quoted(&pair.key));
            Err(Rejected::at(line, reason))
        }
    }
}

fn wrong(pair: &Pair, line: u32, what: &str) -> Rejected {
    Rejected::at(line, format!("{} {what}", quoted(&pair.key)))
}

/// A scalar on one line; `null` and blank text count as absent.
fn text(pair: &Pair) -> Result<Option<String>, Rejected> {
    match &pair.value.value {
        Value::Null => Ok(None),
        Value::Scalar(value) => Ok(Some(one_line(value)).filter(|value| !value.is_empty())),
        Value::List(_) | Value::Map(_) => Err(wrong(pair, pair.line, "is not text")),
    }
}

fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The label by its exact name; an empty one stays, so that it fails as unknown, not as absent.
fn label(pair: &Pair) -> Result<Option<String>, Rejected> {
    match &pair.value.value {
        Value::Null => Ok(None),
        Value::Scalar(name) if !name.contains(is_invisible) => Ok(Some(name.clone())),
        _ => Err(wrong(pair, pair.line, "is not the name of a label")),
    }
}

fn kind(pair: &Pair) -> Result<Option<Kind>, Rejected> {
    match &pair.value.value {
        Value::Null => Ok(None),
        Value::Scalar(name) => match Kind::from_name(name) {
            Some(kind) => Ok(Some(kind)),
            None => Err(wrong(pair, pair.line, "is not runbook, incident or doc")),
        },
        Value::List(_) | Value::Map(_) => Err(wrong(pair, pair.line, "is not text")),
    }
}

fn tags(pair: &Pair) -> Result<Vec<String>, Rejected> {
    let mut tags = Vec::new();
    let items = match &pair.value.value {
        Value::List(items) => items.as_slice(),
        Value::Map(_) => return Err(wrong(pair, pair.line, "is not a list")),
        Value::Null | Value::Scalar(_) => std::slice::from_ref(&pair.value),
    };
    for item in items {
        match &item.value {
            Value::Null => {}
            Value::Scalar(tag) => tags.push(one_line(tag)),
            Value::List(_) | Value::Map(_) => {
                return Err(wrong(pair, item.line, "holds something that is not text"));
            }
        }
    }
    tags.retain(|tag| !tag.is_empty());
    Ok(tags)
}

fn owners(pair: &Pair) -> Result<Vec<PrincipalSpelling>, Rejected> {
    match &pair.value.value {
        Value::Null => Ok(Vec::new()),
        Value::List(items) => items.iter().map(|item| principal(pair, item)).collect(),
        Value::Scalar(_) | Value::Map(_) => Ok(vec![principal(pair, &pair.value)?]),
    }
}

fn principal(pair: &Pair, node: &Node) -> Result<PrincipalSpelling, Rejected> {
    let Value::Scalar(spelling) = &node.value else {
        return Err(wrong(pair, node.line, "does not name a principal"));
    };
    // A deny with an invisible character in its name would match nobody.
    if spelling.contains(is_invisible) {
        return Err(wrong(pair, node.line, "holds an invisible character"));
    }
    spelling.parse().map_err(|_| {
        let what = format!(
            "has {}, which is not a principal: write user:NAME, group:NAME, app:NAME or everyone",
            quoted(spelling)
        );
        wrong(pair, node.line, &what)
    })
}

fn acl(pair: &Pair) -> Result<Vec<WrittenEntry>, Rejected> {
    match &pair.value.value {
        Value::List(items) => items.iter().map(entry).collect(),
        Value::Null => Err(wrong(
            pair,
            pair.line,
            "is empty: write `acl: []` to permit nobody, or leave it out to inherit",
        )),
        Value::Scalar(_) | Value::Map(_) => {
            Err(wrong(pair, pair.line, "is not a list of grants and denies"))
        }
    }
}

fn entry(item: &Node) -> Result<WrittenEntry, Rejected> {
    let refuse = |line, reason: String| Err(Rejected::at(line, reason));
    let Value::Map(pairs) = &item.value else {
        let reason = "`acl` holds an item that is not `grant: …` or `deny: …`";
        return refuse(item.line, reason.to_owned());
    };
    let mut stated = None;
    let mut until = None;
    for pair in pairs {
        let access = match pair.key.as_str() {
            "grant" => Access::Grant,
            "deny" => Access::Deny,
            "until" => {
                until = Some(instant(pair)?);
                continue;
            }
            key => {
                let reason = format!("unknown key {} inside `acl`", quoted(key));
                return refuse(pair.line, reason);
            }
        };
        if stated.is_some() {
            let reason = "an `acl` item has both `grant` and `deny`";
            return refuse(pair.line, reason.to_owned());
        }
        stated = Some((access, principal(pair, &pair.value)?));
    }
    match stated {
        Some((access, principal)) => Ok(WrittenEntry {
            access,
            principal,
            until,
        }),
        None => refuse(
            item.line,
            "an `acl` item has neither `grant` nor `deny`".to_owned(),
        ),
    }
}

/// RFC 3339 with a zone, nothing looser: a guess at an expiry is a guess at access.
fn instant(pair: &Pair) -> Result<Timestamp, Rejected> {
    let written = match &pair.value.value {
        Value::Scalar(written) => rfc3339(written),
        _ => None,
    };
    written.ok_or_else(|| {
        let what = "is not an instant such as 2026-12-31T00:00:00Z";
        wrong(pair, pair.value.line, what)
    })
}

fn moment(pair: &Pair) -> Result<Option<Timestamp>, Rejected> {
    let written = match &pair.value.value {
        Value::Null => return Ok(None),
        Value::Scalar(written) => rfc3339(written).or_else(|| midnight(written)),
        _ => None,
    };
    match written {
        Some(moment) => Ok(Some(moment)),
        None => {
            let what = "is not a date or an instant such as 2026-12-31T00:00:00Z";
            Err(wrong(pair, pair.value.line, what))
        }
    }
}

#[cfg(test)]
mod tests;
