//! The best chunks so far, at most so many, and at most so many of one document.
//!
//! Upholds NON-INTERFERENCE: equal scores are ordered by document id and chunk number (leak N4),
//! so the order in which chunks are offered makes no difference.

use std::cmp::Ordering;

use ambit_indexer::catalog::Selection;

use super::{Limits, Scored};

/// Collects the best chunks.
///
/// A chunk that gives way to better ones of its document would not have come back had one of
/// these given way in turn: a chunk leaves the full list only for a better one, so whatever was
/// worse than it is worse than all that stay.
pub(super) struct Top<'a> {
    selection: &'a Selection,
    limits: Limits,
    /// Best first.
    chunks: Vec<Scored>,
}

impl<'a> Top<'a> {
    pub(super) fn new(selection: &'a Selection, limits: Limits) -> Self {
        Self {
            selection,
            limits,
            chunks: Vec::with_capacity(limits.top_k.saturating_add(1).min(1024)),
        }
    }

    /// A chunk with a lower score has no place; one with this score may have.
    pub(super) fn floor(&self) -> f64 {
        if self.limits.top_k == 0 || self.limits.per_document == 0 {
            return f64::INFINITY;
        }
        let full = self.chunks.len() >= self.limits.top_k;
        let last = self.chunks.last().filter(|_| full);
        last.map_or(f64::NEG_INFINITY, |chunk| chunk.score)
    }

    /// Takes a chunk in, if it is good enough. Each chunk may be offered once.
    pub(super) fn offer(&mut self, chunk: Scored) {
        if chunk.score < self.floor() {
            return;
        }
        let place = self
            .chunks
            .partition_point(|other| self.order(other, &chunk).is_lt());
        let of_document = self.chunks.iter().filter(|other| other.ord == chunk.ord);
        if of_document.count() >= self.limits.per_document {
            let worst = self.chunks.iter().rposition(|other| other.ord == chunk.ord);
            match worst {
                Some(worst) if worst >= place => self.chunks.remove(worst),
                _ => return,
            };
        }
        self.chunks.insert(place, chunk);
        self.chunks.truncate(self.limits.top_k);
    }

    fn order(&self, a: &Scored, b: &Scored) -> Ordering {
        let id = |chunk: &Scored| self.selection.get(chunk.ord).map(|facts| &facts.id);
        let by_score = b.score.total_cmp(&a.score);
        let by_key = || id(a).cmp(&id(b)).then(a.number.cmp(&b.number));
        by_score.then_with(by_key)
    }

    pub(super) fn into_chunks(self) -> Vec<Scored> {
        self.chunks
    }
}
