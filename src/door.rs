//! The one door: the only file that opens guarded content, and it takes an [`AccessScope`].
//!
//! Upholds ONE-DOOR and ABSENT = FORBIDDEN: what the scope does not permit is `None`, the same
//! `None` that something absent gives. The tidy test fails if any other file opens a
//! [`Guarded`] value or selects from the access table.

use std::sync::Arc;

use ambit_indexer::catalog::{AccessTable, Ord, Permitted, Selection, Touched};
use ambit_indexer::document::{Chunk, DocumentId};
use ambit_indexer::guarded::{Guarded, PolicyClass};
use ambit_indexer::store::{Store, StoreError, StoredContent};

use crate::identity::{AccessScope, ScopeVerdict};

/// Why a read was permitted: recorded in the audit entry and in the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    /// Version of the ACL that permitted it.
    pub(crate) acl_version: String,
    /// Position of the deciding grant in that ACL.
    pub(crate) entry: usize,
    /// The caller's own principal that the grant names.
    pub(crate) principal: String,
    /// Name of the sensitivity label, resolved by the caller of this module.
    pub(crate) label: ambit_indexer::label::Label,
    /// Owners of the document.
    pub(crate) owners: Vec<String>,
}

/// Something opened, with the reason.
#[derive(Clone, Debug)]
pub(crate) struct Opened<T> {
    /// The content.
    pub(crate) content: T,
    /// Why the caller may read it.
    pub(crate) permit: Permit,
}

/// The documents of a table that the scope permits.
pub(crate) fn select(scope: &AccessScope, table: &Arc<AccessTable>) -> Selection {
    table.select(|class| scope.permits(&class.acl, &class.collection))
}

/// The same from an earlier selection of an equal scope, with what is touched since; `None` if
/// the earlier one is of too long ago. The caller vouches that no entry has ended in between.
pub(crate) fn reselect(
    scope: &AccessScope,
    table: &Arc<AccessTable>,
    earlier: &Permitted,
) -> Option<(Selection, Touched)> {
    table.reselect(earlier, |class| {
        scope.permits(&class.acl, &class.collection)
    })
}

/// The content of a revision, if it is live and permitted. Permission is asked before anything is
/// read: a forbidden document takes no longer than an absent one, and cannot fail differently.
pub(crate) fn content(
    scope: &AccessScope,
    store: &Store,
    ord: Ord,
) -> Result<Option<Opened<StoredContent>>, StoreError> {
    if !still_permitted(scope, store, ord) {
        return Ok(None);
    }
    Ok(store.content(ord)?.and_then(|sealed| open(scope, sealed)))
}

/// The live revision of a document, if there is one and it is permitted.
pub(crate) fn document(
    scope: &AccessScope,
    store: &Store,
    id: &DocumentId,
) -> Result<Option<Opened<StoredContent>>, StoreError> {
    match store.current(id) {
        Some(ord) => content(scope, store, ord),
        None => Ok(None),
    }
}

/// The chunks of a revision, if it is live and permitted.
pub(crate) fn chunks(
    scope: &AccessScope,
    store: &Store,
    ord: Ord,
) -> Result<Option<Opened<Vec<Chunk>>>, StoreError> {
    if !still_permitted(scope, store, ord) {
        return Ok(None);
    }
    Ok(store.chunks(ord)?.and_then(|sealed| open(scope, sealed)))
}

/// Whether a revision is live and permitted now: asked again after the audit entry is durable.
///
/// INVARIANT (REVOCATION): a request that was under way when a change was acknowledged does not
/// show what the change took away.
pub(crate) fn still_permitted(scope: &AccessScope, store: &Store, ord: Ord) -> bool {
    let standing = store.standing(ord);
    standing.is_some_and(|sealed| open(scope, sealed).is_some())
}

fn open<T>(scope: &AccessScope, sealed: Guarded<T>) -> Option<Opened<T>> {
    let opened = sealed.open(|class| permit(scope, class));
    opened.map(|(content, permit)| Opened { content, permit })
}

fn permit(scope: &AccessScope, class: &PolicyClass) -> Option<Permit> {
    let ScopeVerdict::Permitted { entry } = scope.verdict(&class.acl, &class.collection) else {
        return None;
    };
    let deciding = class.acl.entries.get(entry)?;
    Some(Permit {
        acl_version: class.version.clone(),
        entry,
        principal: deciding.entry.principal.to_string(),
        label: class.acl.label,
        owners: class.acl.owners.iter().map(ToString::to_string).collect(),
    })
}
