//! Views that were made before, bounded in bytes.
//!
//! A view is found by everything that permission depends on: the caller's principals as far as
//! any ACL names them, and the agent's ceilings; filtered ones also by the filters. Which snapshot
//! it is of is not part of the key: a write brings views up to date and does not empty the cache.
//! No view is used for another snapshot, or for an instant on the other side of some entry's end,
//! than it was made for.

use std::sync::Arc;

use ambit_indexer::catalog::{AccessTable, Selection};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::label::Label;
use ambit_indexer::principal::Principal;
use ambit_indexer::store::Snapshot;
use foldhash::fast::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::Filters;
use super::view::View;
use crate::door;
use crate::identity::{AccessScope, Collections};

/// What permission depends on, and the filters, if any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    principals: Box<[Principal]>,
    collections: Collections,
    highest_label: Label,
    filters: Filters,
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Key, Arc<View>> for Bytes {
    fn weight(&self, key: &Key, view: &Arc<View>) -> u64 {
        let principals = size_of_val(&*key.principals);
        let collections = match &key.collections {
            Collections::All => 0,
            Collections::Named(names) => names.iter().map(|name| name.len() + 64).sum(),
        };
        let key = size_of::<Key>() + principals + collections + key.filters.memory_bytes();
        (key + view.memory_bytes()) as u64
    }
}

/// What one search works on.
pub(super) struct Views {
    /// The documents that the caller may read.
    pub(super) selection: Selection,
    /// All that the caller may find.
    pub(super) all: Arc<View>,
    /// What of that passes the filters.
    pub(super) passing: Arc<View>,
}

/// The views of recent callers.
pub(super) struct ViewCache {
    views: Cache<Key, Arc<View>, Bytes, RandomState>,
}

impl ViewCache {
    pub(super) fn new(bytes: u64) -> Self {
        // One part: each has its own share of the bytes, and a large view has to fit into one.
        let mut options = quick_cache::OptionsBuilder::new();
        options
            .shards(1)
            .weight_capacity(bytes)
            .estimated_items_capacity(256);
        let lifecycle = quick_cache::sync::DefaultLifecycle::default();
        let hasher = RandomState::default();
        let views = match options.build() {
            Ok(options) => Cache::with_options(options, Bytes, hasher, lifecycle),
            // Only where a capacity is missing, and none is.
            Err(_) => Cache::with(256, bytes, Bytes, hasher, lifecycle),
        };
        Self { views }
    }

    /// What the caller may read and find, and what of that passes the filters.
    pub(super) fn views(
        &self,
        scope: &AccessScope,
        snapshot: &Snapshot,
        filters: &Filters,
    ) -> Views {
        let mut key = key(scope, &snapshot.table);
        let (selection, all) = self.scope_view(&key, scope, snapshot);
        let passing = if *filters == Filters::default() {
            Arc::clone(&all)
        } else {
            key.filters = filters.in_order();
            self.filtered_view(key, &selection, all.now, snapshot)
        };
        Views {
            selection,
            all,
            passing,
        }
    }

    fn scope_view(
        &self,
        key: &Key,
        scope: &AccessScope,
        snapshot: &Snapshot,
    ) -> (Selection, Arc<View>) {
        let table = &snapshot.table;
        let earlier = self.earlier(key, scope.now(), table);
        let known = earlier.and_then(|view| {
            let (selection, touched) = door::reselect(scope, table, &view.permitted)?;
            Some((view, selection, touched))
        });
        let (selection, patch) = match known {
            Some((view, selection, _)) if view.is_of(snapshot) => return (selection, view),
            Some((view, selection, touched)) => (selection, Some((view, touched))),
            None => (door::select(scope, table), None),
        };
        let patch = patch.as_ref().map(|(view, touched)| (&**view, touched));
        let view = View::new(&selection, scope.now(), snapshot, patch, |ord| {
            selection.permits(ord)
        });
        let view = self.keep(key.clone(), view);
        (selection, view)
    }

    fn filtered_view(
        &self,
        key: Key,
        selection: &Selection,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> Arc<View> {
        let earlier = self.earlier(&key, now, &snapshot.table);
        if let Some(view) = earlier.as_ref().filter(|view| view.is_of(snapshot)) {
            return Arc::clone(view);
        }
        let patch = earlier.as_deref().and_then(|view| {
            let touched = snapshot.table.touched_since(view.permitted.version())?;
            Some((view, touched))
        });
        let patch = patch.as_ref().map(|(view, touched)| (*view, touched));
        let view = View::new(selection, now, snapshot, patch, |ord| {
            key.filters.admit(selection, ord)
        });
        self.keep(key, view)
    }

    /// A view of the key whose permissions hold at `now` as well, but for what was touched since.
    fn earlier(&self, key: &Key, now: Timestamp, table: &AccessTable) -> Option<Arc<View>> {
        let view = self.views.get(key)?;
        (table.period(view.now) == table.period(now)).then_some(view)
    }

    /// Keeps a view, unless there is one of a later table, index or instant.
    fn keep(&self, key: Key, view: View) -> Arc<View> {
        let view = Arc::new(view);
        let age = |view: &View| (view.permitted.version(), view.index, view.now);
        let newer = self
            .views
            .peek(&key)
            .is_some_and(|kept| age(&kept) > age(&view));
        if !newer {
            self.views.insert(key, Arc::clone(&view));
        }
        view
    }
}

fn key(scope: &AccessScope, table: &AccessTable) -> Key {
    // A principal that no entry names decides nothing, so who differs in such ones shares a view.
    let named = scope.principals().iter().filter(|one| table.names(one));
    Key {
        principals: named.copied().collect(),
        collections: scope.collections().clone(),
        highest_label: scope.highest_label(),
        filters: Filters::default(),
    }
}
