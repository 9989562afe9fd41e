//! Windowed MaxScore: which windows of chunks can hold a hit, and which chunks of them do.
//!
//! For each window and term there is a bound of what a chunk can gain from the term. Windows are
//! taken in the order of the sums of their bounds, best first, over all segments together, until
//! no window can hold a hit. Within a window the terms with the lowest bounds are set aside as
//! long as they cannot make a hit by themselves (Turtle and Flood 1995, in the block form of Ding
//! and Suel 2011); the others name the chunks in question.

use ambit_indexer::index::{WINDOW_CHUNKS, WINDOW_WORDS, WindowPeaks};

use super::Scoring;
use super::board::{Board, Window};
use super::segment::{SegmentSearch, SegmentTerm, Source};
use crate::search::SearchError;
use crate::search::shares::slack;
use crate::search::top::Top;

impl Scoring<'_> {
    /// What a chunk of each window can gain from a term at most.
    fn column(&self, value: f32, term: &SegmentTerm<'_>, windows: usize) -> Vec<f32> {
        match &term.source {
            Source::Frequent(_, peaks) => self.bounds(value, peaks, windows),
            Source::Paged(paged) => self.bounds(value, paged.peaks, windows),
            Source::List(list) => list.peaks().iter().map(|peak| value * peak).collect(),
            Source::Unread => Vec::new(),
        }
    }

    fn bounds(&self, value: f32, peaks: &WindowPeaks, windows: usize) -> Vec<f32> {
        let windows = 0..windows;
        windows
            .map(|window| value * self.shares.highest(peaks.of(window)))
            .collect()
    }
}

/// A segment with the bounds of its windows.
pub(super) struct BoundedSegment<'a> {
    search: SegmentSearch<'a>,
    /// The segment's terms by ascending bound: which of its terms, and what it is worth.
    order: Vec<(usize, f32)>,
    /// What a chunk of each window can gain from each term of `order` at most, by window.
    bounds: Vec<f32>,
}

/// A term that occurs in a window.
pub(super) struct BoundedTerm {
    /// Which of the segment's terms it is.
    pub(super) index: usize,
    /// Weight times inverse document frequency.
    pub(super) value: f32,
    /// What a chunk can gain at most.
    pub(super) bound: f32,
}

/// A window that may hold a hit.
struct Place {
    /// The sum of its terms' bounds.
    bound: f32,
    segment: usize,
    number: usize,
}

impl<'a> BoundedSegment<'a> {
    /// Computes the bounds. How each term is read has to be decided.
    pub(super) fn new(search: SegmentSearch<'a>, scoring: &Scoring<'_>) -> Self {
        let windows = search.segment.chunks.div_ceil(WINDOW_CHUNKS) as usize;
        let terms = search.terms.iter().enumerate();
        let mut columns: Vec<(usize, f32, Vec<f32>)> = terms
            .map(|(index, term)| {
                let value = scoring.values.get(term.position).copied().unwrap_or(0.0) as f32;
                (index, value, scoring.column(value, term, windows))
            })
            .collect();
        let highest = |column: &[f32]| column.iter().copied().fold(0.0, f32::max);
        columns.sort_by(|a, b| highest(&a.2).total_cmp(&highest(&b.2)));
        let mut bounds = vec![0.0; windows * columns.len()];
        for (window, row) in bounds.chunks_mut(columns.len().max(1)).enumerate() {
            for (bound, (_, _, column)) in row.iter_mut().zip(&columns) {
                *bound = column.get(window).copied().unwrap_or(0.0);
            }
        }
        let order = columns.into_iter();
        Self {
            search,
            order: order.map(|(index, value, _)| (index, value)).collect(),
            bounds,
        }
    }

    /// The sum of the bounds of each window.
    fn sums(&self) -> impl Iterator<Item = f32> {
        let rows = self.bounds.chunks(self.order.len().max(1));
        rows.map(|row| row.iter().sum())
    }

    /// The terms of a window, by ascending bound in the segment.
    fn terms_of(&self, window: usize) -> impl Iterator<Item = BoundedTerm> {
        let row = self.bounds.chunks(self.order.len().max(1)).nth(window);
        let terms = row.unwrap_or_default().iter().zip(&self.order);
        let there = terms.filter(|(bound, _)| **bound > 0.0);
        there.map(|(&bound, &(index, value))| BoundedTerm {
            index,
            value,
            bound,
        })
    }

    /// Offers the hits of a window.
    fn collect(
        &mut self,
        number: usize,
        board: &mut Board,
        scoring: &Scoring<'_>,
        top: &mut Top<'_>,
    ) -> Result<(), SearchError> {
        let first = number * WINDOW_WORDS;
        let candidates = self.search.candidates().words().get(first..);
        let some = candidates.unwrap_or_default().iter().take(WINDOW_WORDS);
        if some.copied().all(|word| word == 0) {
            return Ok(());
        }
        board.begin(self.terms_of(number));
        let runs = &*self.search.segment.runs;
        let (candidates, norms, terms) = self.search.parts();
        let candidates = candidates.words().get(first..).unwrap_or_default();
        let window = Window {
            number,
            candidates: candidates.get(..WINDOW_WORDS).unwrap_or(candidates),
            norms,
            runs,
            scoring,
        };
        board.collect(&window, terms, top)
    }
}

/// How many windows are taken in the first round; later rounds take more.
const FIRST_ROUND: usize = 8;
/// By how much rounds grow.
const ROUND_GROWTH: usize = 4;

/// Scores whatever can be a hit.
///
/// The windows with the highest bounds come first, so that the floor rises quickly; in rounds,
/// because postings are read forwards.
pub(super) fn collect(
    segments: &mut [BoundedSegment<'_>],
    scoring: &Scoring<'_>,
    top: &mut Top<'_>,
) -> Result<(), SearchError> {
    let mut windows = Vec::new();
    for (segment, bounded) in segments.iter().enumerate() {
        let sums = bounded.sums().enumerate();
        let filled = sums.filter(|(_, bound)| *bound > 0.0);
        windows.extend(filled.map(|(number, bound)| Place {
            bound,
            segment,
            number,
        }));
    }
    windows.sort_unstable_by(|a, b| b.bound.total_cmp(&a.bound));
    let mut board = Board::new();
    let (mut rest, mut size) = (&mut windows[..], FIRST_ROUND);
    while !rest.is_empty() {
        let (round, later) = rest.split_at_mut(size.min(rest.len()));
        let floor = |terms| slack(top.floor(), terms);
        let first = round.first();
        let done = first.is_none_or(|window| window.bound < floor(scoring.values.len()));
        if done {
            break;
        }
        round.sort_unstable_by_key(|window| (window.segment, window.number));
        for window in round {
            if let Some(segment) = segments.get_mut(window.segment)
                && window.bound >= slack(top.floor(), scoring.values.len())
            {
                segment.collect(window.number, &mut board, scoring, top)?;
            }
        }
        (rest, size) = (later, size * ROUND_GROWTH);
    }
    Ok(())
}
