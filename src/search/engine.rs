//! The search engine: exact BM25 over permitted chunks, without looking at most of them.
//!
//! Upholds NON-INTERFERENCE: it gives what the [reference](super::reference) gives, bit for bit.
//! Statistics are counted over the caller's [view](super::view) of one snapshot. What is read
//! besides (sidecars, lengths of postings) decides which chunks are looked at and in which order,
//! never what a chunk scores or where it stands.

mod board;
mod segment;
mod windows;

use ambit_indexer::store::Snapshot;

use super::bm25::Statistics;
use super::cache::ViewCache;
use super::query::WeightedQuery;
use super::shares::Shares;
use super::top::Top;
use super::{Filters, Limits, Ranking, SearchError};
use crate::identity::AccessScope;
use segment::SegmentSearch;
use windows::BoundedSegment;

/// Ranks chunks, and remembers what callers may find.
pub struct Engine {
    views: ViewCache,
}

impl Engine {
    /// An engine that keeps so many bytes of views.
    pub fn new(view_bytes: u64) -> Self {
        Self {
            views: ViewCache::new(view_bytes),
        }
    }

    /// Ranks the permitted chunks that pass the filters. The cost of the first call of a caller
    /// includes making its view.
    pub fn rank(
        &self,
        scope: &AccessScope,
        snapshot: &Snapshot,
        query: &WeightedQuery,
        filters: &Filters,
        limits: Limits,
    ) -> Result<Ranking, SearchError> {
        let views = self.views.views(scope, snapshot, filters);
        let statistics = views.all.statistics;
        if statistics.chunks == 0 {
            return Ok(Ranking::default());
        }
        let shares = Shares::new(statistics);
        let mut segments = Vec::with_capacity(snapshot.index.segments().len());
        let mut frequencies = vec![0; query.terms.len()];
        let chunks = views.all.segments().zip(views.passing.segments());
        for (segment, (permitted, passing)) in snapshot.index.segments().zip(chunks) {
            if permitted.count == 0 {
                continue;
            }
            let fields = snapshot.index.fields();
            let mut opened = SegmentSearch::open(segment, fields, permitted, passing, query)?;
            opened.count_terms(&shares, &mut frequencies)?;
            segments.push(opened);
        }
        let weighted = query.terms.iter().zip(&frequencies);
        let value = |frequency: &u64| statistics.inverse_document_frequency(*frequency);
        let values: Vec<f64> = weighted
            .map(|(term, frequency)| term.weight * value(frequency))
            .collect();
        let scoring = Scoring {
            statistics,
            shares: &shares,
            values: &values,
        };
        let mut bounded = Vec::with_capacity(segments.len());
        for mut segment in segments {
            segment.decide_rest(&shares)?;
            bounded.push(BoundedSegment::new(segment, &scoring));
        }
        let mut top = Top::new(&views.selection, limits);
        windows::collect(&mut bounded, &scoring, &mut top)?;
        Ok(Ranking::new(top.into_chunks(), &views.selection, values))
    }
}

/// What all segments of one search have in common.
struct Scoring<'a> {
    statistics: Statistics,
    shares: &'a Shares,
    /// Weight times inverse document frequency, one a term of the query.
    values: &'a [f64],
}
