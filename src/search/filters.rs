//! Filters: which of the permitted documents come into question.
//!
//! They narrow the candidates, not the statistics: a chunk's score is the same with and without
//! a filter.

use ambit_indexer::catalog::{self, Selection};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::document::Kind;
use ambit_indexer::label::Label;

/// Conditions that a document has to meet, all of them. An empty list is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filters {
    /// In one of these collections.
    pub collections: Vec<String>,
    /// Of one of these kinds.
    pub kinds: Vec<Kind>,
    /// About one of these services.
    pub services: Vec<String>,
    /// Under one of these labels.
    pub labels: Vec<Label>,
    /// With at least one of these tags.
    pub tags: Vec<String>,
    /// Changed at this instant or later.
    pub updated_since: Option<Timestamp>,
}

impl Filters {
    /// The same conditions, equal for all that differ in order and repetition only.
    pub(super) fn in_order(&self) -> Self {
        fn ordered<T: Clone + Ord>(list: &[T]) -> Vec<T> {
            let mut list = list.to_vec();
            list.sort_unstable();
            list.dedup();
            list
        }
        Self {
            collections: ordered(&self.collections),
            kinds: ordered(&self.kinds),
            services: ordered(&self.services),
            labels: ordered(&self.labels),
            tags: ordered(&self.tags),
            updated_since: self.updated_since,
        }
    }

    /// Bytes that the lists take.
    pub(super) fn memory_bytes(&self) -> usize {
        let texts = [&self.collections, &self.services, &self.tags];
        let texts = texts.into_iter().flatten();
        let texts: usize = texts.map(|text| text.len() + 64).sum();
        texts + self.kinds.len() + self.labels.len() * 8
    }

    /// Whether a permitted document meets the conditions.
    pub(super) fn admit(&self, selection: &Selection, ord: catalog::Ord) -> bool {
        let (Some(facts), Some(policy)) = (selection.get(ord), selection.policy(ord)) else {
            return false;
        };
        let service = facts.service.as_ref();
        (self.collections.is_empty() || self.collections.contains(&policy.collection))
            && (self.kinds.is_empty() || self.kinds.contains(&facts.kind))
            && (self.services.is_empty()
                || service.is_some_and(|s| self.services.iter().any(|wanted| **wanted == **s)))
            && (self.labels.is_empty() || self.labels.contains(&policy.acl.label))
            && (self.tags.is_empty()
                || facts
                    .tags
                    .iter()
                    .any(|tag| self.tags.iter().any(|wanted| **wanted == **tag)))
            && self
                .updated_since
                .is_none_or(|since| facts.updated >= since)
    }
}
