//! Filters: which of the permitted documents come into question.
//!
//! They narrow the candidates, not the statistics: a chunk's score is the same with and without
//! a filter.

use ambit_indexer::catalog::{Ord, Selection};
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
    /// Whether a permitted document meets the conditions.
    pub(super) fn admit(&self, selection: &Selection, ord: Ord) -> bool {
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
