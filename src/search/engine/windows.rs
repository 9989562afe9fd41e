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
    /// The segment's terms by ascending bound.
    order: Vec<BoundedTerm>,
}

/// A term of a segment with its bounds.
pub(super) struct BoundedTerm {
    /// Which of the segment's terms it is.
    pub(super) index: usize,
    /// Weight times inverse document frequency.
    pub(super) value: f32,
    /// What a chunk of each window can gain at most.
    bounds: Vec<f32>,
}

/// A window that may hold a hit.
struct Place {
    /// The sum of its terms' bounds.
    bound: f32,
    segment: usize,
    number: usize,
}

impl<'a> BoundedSegment<'a> {
    /// Computes the bounds. All terms have to be read.
    pub(super) fn new(search: SegmentSearch<'a>, scoring: &Scoring<'_>) -> Self {
        let windows = search.segment.chunks.div_ceil(WINDOW_CHUNKS) as usize;
        let mut order: Vec<BoundedTerm> = search
            .terms
            .iter()
            .enumerate()
            .map(|(index, term)| BoundedTerm::new(index, term, windows, scoring))
            .collect();
        let highest = |term: &BoundedTerm| term.bounds.iter().copied().fold(0.0, f32::max);
        order.sort_by(|a, b| highest(a).total_cmp(&highest(b)));
        Self { search, order }
    }

    /// Offers the hits of a window.
    fn collect(
        &mut self,
        number: usize,
        board: &mut Board,
        scoring: &Scoring<'_>,
        top: &mut Top<'_>,
    ) -> Result<(), SearchError> {
        let Self { search, order } = self;
        let runs = &*search.segment.runs;
        let (candidates, norms, terms) = search.parts();
        let candidates = candidates.words().get(number * WINDOW_WORDS..);
        let candidates = candidates.unwrap_or_default();
        let candidates = candidates.get(..WINDOW_WORDS).unwrap_or(candidates);
        if candidates.iter().all(|word| *word == 0) {
            return Ok(());
        }
        let floor = slack(top.floor(), scoring.values.len());
        let aside = set_aside(order, number, floor);
        let window = Window {
            number,
            candidates,
            norms,
            runs,
            scoring,
        };
        let split = order.split_at_checked(aside).unwrap_or_default();
        board.collect(&window, split, terms, top)
    }

    /// The sum of the bounds of each window.
    fn sums(&self) -> Vec<f32> {
        let windows = self.search.segment.chunks.div_ceil(WINDOW_CHUNKS) as usize;
        let mut sums = vec![0.0; windows];
        for term in &self.order {
            for (sum, bound) in sums.iter_mut().zip(&term.bounds) {
                *sum += bound;
            }
        }
        sums
    }
}

impl BoundedTerm {
    /// What a chunk of a window can gain at most.
    #[inline]
    pub(super) fn bound(&self, window: usize) -> f32 {
        self.bounds.get(window).copied().unwrap_or(0.0)
    }

    fn new(index: usize, term: &SegmentTerm<'_>, windows: usize, scoring: &Scoring<'_>) -> Self {
        let value = scoring.values.get(term.position).copied().unwrap_or(0.0) as f32;
        let bounds = match &term.source {
            Source::Frequent(_, peaks) => scoring.bounds(value, peaks, windows),
            Source::Paged(paged) => scoring.bounds(value, paged.peaks, windows),
            Source::List(list) => list.peaks().iter().map(|peak| value * peak).collect(),
            Source::Unread => vec![0.0; windows],
        };
        Self {
            index,
            value,
            bounds,
        }
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
        let sums = bounded.sums().into_iter().enumerate();
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

/// How many terms, lowest bounds first, cannot make a hit by themselves in a window.
fn set_aside(order: &[BoundedTerm], window: usize, floor: f32) -> usize {
    let mut sum = 0.0;
    let alone = order.iter().take_while(|term| {
        sum += term.bound(window);
        sum < floor
    });
    alone.count()
}
