//! What a run changes: one entry for each document whose revision, policy or source is another.

use std::collections::HashSet;

use serde_json::json;

use super::policies::FolderPolicies;
use super::{QuarantinedFile, RunError, RunOptions};
use crate::acl::StatedPolicy;
use crate::catalog::{DocumentChange, Ord, SourceKind, StoredDocument};
use crate::document::{ContentHash, DocumentId};
use crate::store::Store;

/// The changes of a run, as they are found.
pub(super) struct Changes<'a> {
    store: &'a Store,
    options: &'a RunOptions<'a>,
    policies: &'a FolderPolicies,
    /// What the catalog will be told.
    pub(super) documents: Vec<DocumentChange>,
    /// Revisions that the index can forget.
    pub(super) superseded: Vec<Ord>,
    /// Documents whose content stays and whose policy is another.
    pub(super) new_policy: usize,
    /// Documents on whose path no ACL is stated.
    pub(super) without_acl: Vec<String>,
}

/// A document as the run leaves it.
pub(super) struct Standing {
    pub(super) id: DocumentId,
    pub(super) row: i64,
    pub(super) source_hash: Option<ContentHash>,
    pub(super) stated: StatedPolicy,
    pub(super) ord: Ord,
    pub(super) revision: ContentHash,
}

impl<'a> Changes<'a> {
    pub(super) const fn new(
        store: &'a Store,
        options: &'a RunOptions<'a>,
        policies: &'a FolderPolicies,
    ) -> Self {
        Self {
            store,
            options,
            policies,
            documents: Vec::new(),
            superseded: Vec::new(),
            new_policy: 0,
            without_acl: Vec::new(),
        }
    }

    /// Notes that a revision is in force under the policy that its path now gives it, unless that
    /// is what was in force before.
    pub(super) fn put_in_force(
        &mut self,
        after: Standing,
        before: Option<&StoredDocument>,
    ) -> Result<(), RunError> {
        let labels = self.store.catalog.labels();
        let acl = self
            .policies
            .effective(after.id.path(), &after.stated, labels);
        if !acl.stated {
            self.without_acl.push(after.id.path().to_owned());
        }
        let before_ord = before.and_then(|known| known.current).map(|(ord, _)| ord);
        let before_acl = before.and_then(|known| known.acl_row);
        let same_content = before_ord == Some(after.ord);
        let acl_row = self.store.catalog.acl_row(&acl)?;
        let same_policy = acl_row.is_some() && acl_row == before_acl;
        let same_source = before.is_some_and(|known| known.source_hash == after.source_hash);
        if same_content && same_policy && same_source {
            return Ok(());
        }
        if !same_content {
            self.superseded.extend(before_ord);
        }
        self.new_policy += usize::from(same_content && !same_policy);
        let action = match (same_content, same_policy) {
            (false, _) => "put",
            (true, false) => "acl",
            (true, true) => "restated",
        };
        let outbox = json!({
            "action": action, "document": after.id.as_str(),
            "revision": after.revision.to_string(), "ord": after.ord, "who": self.options.who,
        });
        self.documents.push(DocumentChange {
            row: after.row,
            source_hash: after.source_hash,
            stated: after.stated,
            live: Some((after.ord, acl)),
            outbox: outbox.to_string(),
        });
        Ok(())
    }

    /// Takes documents away whose file is gone or in quarantine; returns how many are gone.
    pub(super) fn take_away(
        &mut self,
        left: impl Iterator<Item = StoredDocument>,
        quarantined: &[QuarantinedFile],
    ) -> usize {
        let refused: HashSet<&str> = quarantined.iter().map(|file| file.path.as_str()).collect();
        let mut removed = 0;
        for document in left.filter(|document| document.source == SourceKind::Folder) {
            let Some((ord, _)) = document.current else {
                continue;
            };
            let refused = refused.contains(document.id.path());
            removed += usize::from(!refused);
            let action = if refused { "quarantine" } else { "remove" };
            let outbox = json!({
                "action": action, "document": document.id.as_str(), "ord": ord,
                "who": self.options.who,
            });
            self.superseded.push(ord);
            self.documents.push(DocumentChange {
                row: document.row,
                source_hash: None,
                stated: document.stated,
                live: None,
                outbox: outbox.to_string(),
            });
        }
        removed
    }
}
