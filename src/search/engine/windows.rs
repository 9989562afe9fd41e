//! Windowed MaxScore: which windows of chunks can hold a hit, and which chunks of them do.
//!
//! For each window and term there is a bound of what a chunk can gain from the term. Windows are
//! taken in the order of the sums of their bounds, best first, over all segments together, until
//! no window can hold a hit. Within a window the terms with the lowest bounds are set aside as
//! long as they cannot make a hit by themselves (Turtle and Flood 1995, in the block form of Ding
//! and Suel 2011); the others name the chunks in question.

use ambit_indexer::index::{Run, WINDOW_CHUNKS, WINDOW_WORDS};
use tantivy::DocId;

use super::segment::{SegmentSearch, SegmentTerm, Source};
use crate::search::Scored;
use crate::search::bitmap::Ones;
use crate::search::bm25::Statistics;
use crate::search::shares::{Shares, slack};
use crate::search::top::Top;

const WINDOW: usize = WINDOW_CHUNKS as usize;

/// What all segments of one search have in common.
pub(super) struct Scoring<'a> {
    pub(super) statistics: Statistics,
    pub(super) shares: &'a Shares,
    /// Weight times inverse document frequency, one a term of the query.
    pub(super) values: &'a [f64],
}

/// A segment with the bounds of its windows.
pub(super) struct BoundedSegment<'a> {
    search: SegmentSearch<'a>,
    /// The segment's terms by ascending bound.
    order: Vec<BoundedTerm>,
}

struct BoundedTerm {
    /// Which of the segment's terms it is.
    index: usize,
    value: f32,
    /// What a chunk of each window can gain at most.
    bounds: Vec<f32>,
}

/// A window that may hold a hit.
struct Window {
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

    fn term(&self, bounded: &BoundedTerm) -> Option<&SegmentTerm<'a>> {
        self.search.terms.get(bounded.index)
    }
}

impl BoundedTerm {
    fn new(index: usize, term: &SegmentTerm<'_>, windows: usize, scoring: &Scoring<'_>) -> Self {
        let value = scoring.values.get(term.position).copied().unwrap_or(0.0) as f32;
        let bounds = match &term.source {
            Source::Frequent(frequent) => (0..windows)
                .map(|window| value * scoring.shares.highest(frequent.peaks(window)))
                .collect(),
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

/// Scores whatever can be a hit.
pub(super) fn collect(segments: &[BoundedSegment<'_>], scoring: &Scoring<'_>, top: &mut Top<'_>) {
    let mut windows = Vec::new();
    for (segment, bounded) in segments.iter().enumerate() {
        let sums = bounded.sums().into_iter().enumerate();
        windows.extend(
            sums.filter(|(_, bound)| *bound > 0.0)
                .map(|(number, bound)| Window {
                    bound,
                    segment,
                    number,
                }),
        );
    }
    windows.sort_unstable_by(|a, b| b.bound.total_cmp(&a.bound));
    let mut board = Board::new();
    for window in windows {
        let Some(segment) = segments.get(window.segment) else {
            continue;
        };
        if window.bound < slack(top.floor(), segment.order.len()) {
            break;
        }
        board.collect(segment, window.number, scoring, top);
    }
}

/// The scores of one window as they add up.
struct Board {
    scores: Box<[f32; WINDOW]>,
    touched: [u64; WINDOW_WORDS],
}

impl Board {
    fn new() -> Self {
        Self {
            scores: Box::new([0.0; WINDOW]),
            touched: [0; WINDOW_WORDS],
        }
    }

    fn collect(
        &mut self,
        segment: &BoundedSegment<'_>,
        window: usize,
        scoring: &Scoring<'_>,
        top: &mut Top<'_>,
    ) {
        let words = window * WINDOW_WORDS;
        let bits = segment.search.candidates().words();
        let bits = bits.get(words..).unwrap_or_default();
        let bits = bits.get(..WINDOW_WORDS).unwrap_or(bits);
        if bits.iter().all(|word| *word == 0) {
            return;
        }
        let (aside, rest) = set_aside(segment, window, slack(top.floor(), segment.order.len()));
        let Some((aside, naming)) = segment.order.split_at_checked(aside) else {
            return;
        };
        for bounded in naming {
            self.add(segment, bounded, window, bits, scoring);
        }
        let base = window as u32 * WINDOW_CHUNKS;
        for index in 0..WINDOW_WORDS {
            let Some(touched) = self.touched.get_mut(index) else {
                continue;
            };
            let touched = std::mem::take(touched);
            for bit in Ones(touched) {
                let place = index as u32 * u64::BITS + bit;
                let score = self.scores.get_mut(place as usize);
                let score = score.map_or(0.0, std::mem::take);
                let floor = slack(top.floor(), segment.order.len());
                if score + rest >= floor {
                    let candidate = Candidate {
                        segment,
                        window,
                        document: base + place,
                    };
                    candidate.settle(aside, (score, rest), scoring, top);
                }
            }
        }
    }

    /// Adds what the chunks of a window gain from a term.
    fn add(
        &mut self,
        segment: &BoundedSegment<'_>,
        bounded: &BoundedTerm,
        window: usize,
        candidates: &[u64],
        scoring: &Scoring<'_>,
    ) {
        let bound = bounded.bounds.get(window).copied().unwrap_or(0.0);
        let Some(term) = segment.term(bounded).filter(|_| bound > 0.0) else {
            return;
        };
        match &term.source {
            Source::List(list) => {
                let (documents, shares) = list.window(window);
                for (document, share) in documents.iter().zip(shares) {
                    self.gain(*document, bounded.value * share);
                }
            }
            Source::Frequent(frequent) => {
                let first = window * WINDOW_WORDS;
                let bits = frequent.bits().get(first..).unwrap_or_default();
                let mut rank = frequent.rank_of_word(first);
                for ((word, candidates), base) in bits
                    .iter()
                    .zip(candidates)
                    .zip((window as u32 * WINDOW_CHUNKS..).step_by(u64::BITS as usize))
                {
                    for bit in Ones(word & candidates) {
                        let before = (word & ((1 << bit) - 1)).count_ones();
                        let count = frequent.count_at(rank + before);
                        let document = base + bit;
                        let norm = segment.search.norms.fieldnorm_id(document);
                        let share = scoring.shares.share(count, norm);
                        self.gain(document, bounded.value * share);
                    }
                    rank += word.count_ones();
                }
            }
            Source::Unread => {}
        }
    }

    #[inline]
    fn gain(&mut self, document: DocId, gain: f32) {
        let place = (document % WINDOW_CHUNKS) as usize;
        if let Some(score) = self.scores.get_mut(place) {
            *score += gain;
        }
        if let Some(word) = self.touched.get_mut(place / u64::BITS as usize) {
            *word |= 1 << (place % u64::BITS as usize);
        }
    }
}

/// How many terms, lowest bounds first, cannot make a hit by themselves in a window, and what
/// they can add together.
fn set_aside(segment: &BoundedSegment<'_>, window: usize, floor: f32) -> (usize, f32) {
    let (mut aside, mut sum) = (0, 0.0);
    for term in &segment.order {
        let with = sum + term.bounds.get(window).copied().unwrap_or(0.0);
        if with >= floor {
            break;
        }
        (aside, sum) = (aside + 1, with);
    }
    (aside, sum)
}

/// A chunk that may be a hit.
struct Candidate<'a, 'b> {
    segment: &'a BoundedSegment<'b>,
    window: usize,
    document: DocId,
}

impl Candidate<'_, '_> {
    /// Adds what the terms set aside give, and offers the chunk if it is still good enough.
    /// `so_far` is what the others gave and what those set aside can add at most.
    fn settle(
        &self,
        aside: &[BoundedTerm],
        so_far: (f32, f32),
        scoring: &Scoring<'_>,
        top: &mut Top<'_>,
    ) {
        let (mut score, mut rest) = so_far;
        let floor = slack(top.floor(), self.segment.order.len());
        let norm = self.segment.search.norms.fieldnorm_id(self.document);
        for bounded in aside.iter().rev() {
            if score + rest < floor {
                return;
            }
            rest -= bounded.bounds.get(self.window).copied().unwrap_or(0.0);
            let Some(term) = self.segment.term(bounded) else {
                continue;
            };
            let count = self.count(term);
            if count > 0 {
                score += bounded.value * scoring.shares.share(count, norm);
            }
        }
        if score < floor {
            return;
        }
        let exact = self.score(scoring);
        if exact < top.floor() {
            return;
        }
        if let Some(run) = self.segment.search.segment.runs.holding(self.document) {
            let Run {
                ord,
                start,
                first_number,
                ..
            } = run;
            top.offer(Scored {
                ord,
                number: first_number + (self.document - start),
                score: exact,
            });
        }
    }

    /// How often the chunk holds a term.
    #[inline]
    fn count(&self, term: &SegmentTerm<'_>) -> u32 {
        match &term.source {
            Source::Frequent(frequent) => frequent.count(self.document),
            Source::List(list) => {
                let place = list.find(self.document);
                let count = place.and_then(|place| list.counts.get(place));
                count.copied().unwrap_or(0)
            }
            Source::Unread => 0,
        }
    }

    /// The score: a sum in the order of the query, as the reference has it.
    fn score(&self, scoring: &Scoring<'_>) -> f64 {
        let norm = self.segment.search.norms.fieldnorm(self.document);
        let mut score = 0.0;
        for term in &self.segment.search.terms {
            let count = self.count(term);
            if count > 0 {
                let value = scoring.values.get(term.position).copied().unwrap_or(0.0);
                score += value * scoring.statistics.saturation(count, norm);
            }
        }
        score
    }
}
