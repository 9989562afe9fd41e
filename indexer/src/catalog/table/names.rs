//! From the id of a document to its live ord, in shards that versions of the table share.
//!
//! Only hashes are kept; the id itself stands in the row that a hash leads to, and is compared
//! there.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Ord;
use crate::document::DocumentId;

const SHARDS: usize = 1024;

/// Sorted pairs of a hash and an ord, by shard.
#[derive(Clone, Debug)]
pub(super) struct Names {
    shards: Vec<Arc<Vec<(u32, Ord)>>>,
}

impl Default for Names {
    fn default() -> Self {
        let empty = Arc::new(Vec::new());
        Self {
            shards: vec![empty; SHARDS],
        }
    }
}

impl Names {
    /// The ords that a document may have: those of every document with the same hash.
    pub(super) fn candidates(&self, id: &DocumentId) -> impl Iterator<Item = Ord> {
        let (shard, hash) = place(id);
        let pairs = self.shards.get(shard).map_or(&[][..], |pairs| pairs);
        let first = pairs.partition_point(|pair| pair.0 < hash);
        let rest = pairs.iter().skip(first);
        rest.take_while(move |pair| pair.0 == hash)
            .map(|pair| pair.1)
    }

    pub(super) fn insert(&mut self, id: &DocumentId, ord: Ord) {
        let (shard, hash) = place(id);
        if let Some(pairs) = self.shards.get_mut(shard) {
            let pairs = Arc::make_mut(pairs);
            if let Err(position) = pairs.binary_search(&(hash, ord)) {
                pairs.insert(position, (hash, ord));
            }
        }
    }

    pub(super) fn remove(&mut self, id: &DocumentId, ord: Ord) {
        let (shard, hash) = place(id);
        if let Some(pairs) = self.shards.get_mut(shard)
            && let Ok(position) = pairs.binary_search(&(hash, ord))
        {
            Arc::make_mut(pairs).remove(position);
        }
    }

    /// Bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        let pairs: usize = self.shards.iter().map(|pairs| pairs.capacity()).sum();
        SHARDS * 48 + pairs * size_of::<(u32, Ord)>()
    }
}

fn place(id: &DocumentId) -> (usize, u32) {
    let mut hasher = DefaultHasher::new();
    id.as_str().hash(&mut hasher);
    let hash = hasher.finish();
    // The low bits choose the shard, the high ones tell its entries apart.
    (hash as usize % SHARDS, (hash >> 32) as u32)
}
