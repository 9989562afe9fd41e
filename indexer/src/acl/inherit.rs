//! Inheritance: which entries, owners and label reach a document from the folders above it.

use super::{Access, Entry, StatedPolicy};
use crate::label::Label;
use crate::principal::Principal;

/// An entry that applies to a document, with the place where it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EffectiveEntry {
    /// The entry.
    pub entry: Entry,
    /// The folder it was written at (relative to the collection, `""` for its root), or `None`
    /// for the document's own text.
    pub folder: Option<String>,
}

/// The resolved policy of one document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EffectiveAcl {
    /// All entries that apply, own text first, then folders from the nearest outwards.
    pub entries: Vec<EffectiveEntry>,
    /// Owners of the document and of every folder above, ascending, without repetition.
    pub owners: Vec<Principal>,
    /// The highest label stated on the path.
    pub label: Label,
    /// Whether any node on the path stated an ACL at all. `false` is the state `no-acl`:
    /// nobody may read, and the owner can see why.
    pub stated: bool,
}

/// A folder on the path to a document.
#[derive(Clone, Copy, Debug)]
pub struct FolderPolicy<'a> {
    /// Path relative to the collection; `""` for its root.
    pub path: &'a str,
    /// What the folder states.
    pub policy: &'a StatedPolicy,
}

/// Resolves a document's policy. `folders` are the enclosing ones, outermost first.
///
/// A document without an ACL of its own takes the nearest folder's; denies of *all* enclosing
/// folders always apply; the label is the highest stated, or `unlabelled`; owners add up.
pub fn effective(
    folders: &[FolderPolicy<'_>],
    document: &StatedPolicy,
    unlabelled: Label,
) -> EffectiveAcl {
    let mut entries = Vec::new();
    let mut stated = document.acl.is_some();
    if let Some(own) = &document.acl {
        entries.extend(own.iter().map(|entry| EffectiveEntry {
            entry: *entry,
            folder: None,
        }));
    }
    let mut owners = document.owners.clone();
    let mut label = document.label;
    for folder in folders.iter().rev() {
        if let Some(acl) = &folder.policy.acl {
            let inherits_all = !stated;
            stated = true;
            entries.extend(
                acl.iter()
                    .filter(|entry| inherits_all || entry.access == Access::Deny)
                    .map(|entry| EffectiveEntry {
                        entry: *entry,
                        folder: Some(folder.path.to_owned()),
                    }),
            );
        }
        owners.extend(folder.policy.owners.iter().copied());
        label = label.max(folder.policy.label);
    }
    owners.sort_unstable();
    owners.dedup();
    EffectiveAcl {
        entries,
        owners,
        label: label.unwrap_or(unlabelled),
        stated,
    }
}
