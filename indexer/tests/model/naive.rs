//! An independent evaluator, written from the text of the contract (section 3) and from nothing
//! else. It shares no code with the crate: principals are numbers, instants are seconds.

use std::collections::BTreeSet;

/// Stands for `everyone` among the numbered principals.
pub(crate) const EVERYONE: u8 = u8::MAX;

/// One entry: `{access, principal, until?}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) grants: bool,
    pub(crate) who: u8,
    pub(crate) until: Option<i64>,
}

/// What a folder or a document states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) acl: Option<Vec<Entry>>,
    pub(crate) owners: Vec<u8>,
    pub(crate) label: Option<usize>,
}

/// What reaches a document. The place of an entry is the number of its folder, `None` for the
/// document's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) entries: Vec<(Option<usize>, Entry)>,
    pub(crate) owners: BTreeSet<u8>,
    pub(crate) label: usize,
    pub(crate) stated: bool,
}

/// "An entry with `until` counts while now < until."
fn counts(entry: Entry, caller: &BTreeSet<u8>, now: i64) -> bool {
    let over = matches!(entry.until, Some(until) if now >= until);
    let matches = entry.who == EVERYONE || caller.contains(&entry.who);
    !over && matches
}

/// "Any matching live deny → Deny; else any matching live grant → Allow; else Deny."
pub(crate) fn allows(entries: &[Entry], caller: &BTreeSet<u8>, now: i64) -> bool {
    let mut granted = false;
    for entry in entries {
        if counts(*entry, caller, now) {
            if !entry.grants {
                return false;
            }
            granted = true;
        }
    }
    granted
}

/// The first entry of the sort that decided.
pub(crate) fn deciding(entries: &[Entry], caller: &BTreeSet<u8>, now: i64) -> Option<usize> {
    let mut grant = None;
    for (number, entry) in entries.iter().enumerate() {
        if counts(*entry, caller, now) {
            if !entry.grants {
                return Some(number);
            }
            grant = grant.or(Some(number));
        }
    }
    grant
}

/// "A document without its own ACL takes the nearest folder's; denies of *all* enclosing folders
/// always apply; a label can be raised below, never lowered; owners add up. `acl: []` permits
/// nobody; only absence inherits." `folders` are outermost first; labels are ranks.
pub(crate) fn reach(folders: &[Node], document: &Node, unlabelled: usize) -> Reached {
    // Who gives the grants: the document, or else the nearest folder that has an ACL.
    let nearest = folders.iter().rposition(|folder| folder.acl.is_some());
    let giver = if document.acl.is_some() {
        None
    } else {
        nearest
    };
    let mut entries = Vec::new();
    for entry in document.acl.iter().flatten() {
        entries.push((None, *entry));
    }
    for (number, folder) in folders.iter().enumerate().rev() {
        for entry in folder.acl.iter().flatten() {
            if giver == Some(number) || !entry.grants {
                entries.push((Some(number), *entry));
            }
        }
    }
    let nodes = || folders.iter().chain([document]);
    Reached {
        entries,
        owners: nodes()
            .flat_map(|node| node.owners.iter().copied())
            .collect(),
        label: nodes()
            .filter_map(|node| node.label)
            .max()
            .unwrap_or(unlabelled),
        stated: nodes().any(|node| node.acl.is_some()),
    }
}
