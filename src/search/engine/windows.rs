//! Windowed MaxScore: which windows of chunks can hold a hit, and which chunks of them do.
//!
//! For each window and term there is a bound of what a chunk can gain from the term. Windows are
//! taken in the order of the sums of their bounds, best first, over all segments together, until
//! no window can hold a hit. Within a window the terms with the lowest bounds are set aside as
//! long as they cannot make a hit by themselves (Turtle and Flood 1995, in the block form of Ding
//! and Suel 2011); the others name the chunks in question.

use ambit_indexer::index::{FrequentTerm, Runs, WINDOW_CHUNKS, WINDOW_WORDS, WindowPeaks};
use tantivy::DocId;
use tantivy::fieldnorm::FieldNormReader;

use super::segment::{SegmentSearch, SegmentTerm, Source};
use crate::search::bitmap::Ones;
use crate::search::bm25::Statistics;
use crate::search::shares::{Shares, slack};
use crate::search::top::Top;
use crate::search::{Scored, SearchError};

const WINDOW: usize = WINDOW_CHUNKS as usize;

/// What all segments of one search have in common.
pub(super) struct Scoring<'a> {
    pub(super) statistics: Statistics,
    pub(super) shares: &'a Shares,
    /// Weight times inverse document frequency, one a term of the query.
    pub(super) values: &'a [f64],
}

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
}

impl BoundedTerm {
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
        windows.extend(filled.map(|(number, bound)| Window {
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
                board.collect(segment, window.number, scoring, top)?;
            }
        }
        (rest, size) = (later, size * ROUND_GROWTH);
    }
    Ok(())
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
        segment: &mut BoundedSegment<'_>,
        window: usize,
        scoring: &Scoring<'_>,
        top: &mut Top<'_>,
    ) -> Result<(), SearchError> {
        let BoundedSegment { search, order } = segment;
        let runs = &*search.segment.runs;
        let (candidates, norms, terms) = search.parts();
        let words = candidates.words().get(window * WINDOW_WORDS..);
        let words = words.unwrap_or_default();
        let words = words.get(..WINDOW_WORDS).unwrap_or(words);
        if words.iter().all(|word| *word == 0) {
            return Ok(());
        }
        let floor = slack(top.floor(), scoring.values.len());
        let (aside, rest) = set_aside(order, window, floor);
        let (aside, naming) = order.split_at_checked(aside).unwrap_or_default();
        let candidates = Candidates { words, norms };
        for bounded in naming {
            if let Some(term) = terms.get_mut(bounded.index) {
                self.add(bounded, &mut term.source, window, &candidates, scoring)?;
            }
        }
        let mut settling = Settling {
            window,
            aside,
            rest,
            norms,
            terms,
            runs,
            scoring,
        };
        for (touched, first) in self.touched.iter_mut().zip((0..).step_by(64)) {
            for bit in Ones(std::mem::take(touched)) {
                let place = first + bit;
                let score = self.scores.get_mut(place as usize);
                let score = score.map_or(0.0, std::mem::take);
                let document = window as u32 * WINDOW_CHUNKS + place;
                settling.settle(document, score, top)?;
            }
        }
        Ok(())
    }

    /// Adds what the candidates of a window gain from a term.
    fn add(
        &mut self,
        bounded: &BoundedTerm,
        source: &mut Source<'_>,
        window: usize,
        candidates: &Candidates<'_>,
        scoring: &Scoring<'_>,
    ) -> Result<(), SearchError> {
        if bounded.bounds.get(window).is_none_or(|bound| *bound == 0.0) {
            return Ok(());
        }
        match source {
            Source::List(list) => {
                let (documents, shares) = list.window(window);
                for (document, share) in documents.iter().zip(shares) {
                    self.gain(*document, bounded.value * share);
                }
            }
            Source::Paged(paged) => {
                let (documents, counts) = paged.window(window)?;
                for (&document, &count) in documents.iter().zip(counts) {
                    if candidates.hold(document) {
                        let norm = candidates.norms.fieldnorm_id(document);
                        let share = scoring.shares.share(count, norm);
                        self.gain(document, bounded.value * share);
                    }
                }
            }
            Source::Frequent(frequent, _) => {
                self.add_frequent(bounded, frequent, window, candidates, scoring);
            }
            Source::Unread => {}
        }
        Ok(())
    }

    fn add_frequent(
        &mut self,
        bounded: &BoundedTerm,
        frequent: &FrequentTerm,
        window: usize,
        candidates: &Candidates<'_>,
        scoring: &Scoring<'_>,
    ) {
        let first = window * WINDOW_WORDS;
        let bits = frequent.bits().get(first..).unwrap_or_default();
        let mut rank = frequent.rank_of_word(first);
        let bases = (window as u32 * WINDOW_CHUNKS..).step_by(u64::BITS as usize);
        for ((word, candidate), base) in bits.iter().zip(candidates.words).zip(bases) {
            for bit in Ones(word & candidate) {
                let before = (word & ((1 << bit) - 1)).count_ones();
                let count = frequent.count_at(rank + before);
                let norm = candidates.norms.fieldnorm_id(base + bit);
                let share = scoring.shares.share(count, norm);
                self.gain(base + bit, bounded.value * share);
            }
            rank += word.count_ones();
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

/// The chunks of a window that may be hits.
struct Candidates<'a> {
    words: &'a [u64],
    norms: &'a FieldNormReader,
}

impl Candidates<'_> {
    #[inline]
    fn hold(&self, document: DocId) -> bool {
        let place = document % WINDOW_CHUNKS;
        let word = self.words.get((place / u64::BITS) as usize);
        word.is_some_and(|word| word >> (place % u64::BITS) & 1 == 1)
    }
}

/// How many terms, lowest bounds first, cannot make a hit by themselves in a window, and what
/// they can add together.
fn set_aside(order: &[BoundedTerm], window: usize, floor: f32) -> (usize, f32) {
    let (mut aside, mut sum) = (0, 0.0);
    for term in order {
        let with = sum + term.bounds.get(window).copied().unwrap_or(0.0);
        if with >= floor {
            break;
        }
        (aside, sum) = (aside + 1, with);
    }
    (aside, sum)
}

/// The last look at the chunks of a window that may be hits.
struct Settling<'a, 'b> {
    window: usize,
    /// The terms set aside, lowest bounds first, and what they can add together.
    aside: &'a [BoundedTerm],
    rest: f32,
    norms: &'a FieldNormReader,
    terms: &'a mut [SegmentTerm<'b>],
    runs: &'a Runs,
    scoring: &'a Scoring<'a>,
}

impl Settling<'_, '_> {
    /// Adds what the terms set aside give, and offers the chunk if it is still good enough.
    #[inline]
    fn settle(
        &mut self,
        document: DocId,
        mut score: f32,
        top: &mut Top<'_>,
    ) -> Result<(), SearchError> {
        let floor = slack(top.floor(), self.scoring.values.len());
        let mut rest = self.rest;
        if score + rest < floor {
            return Ok(());
        }
        let norm = self.norms.fieldnorm_id(document);
        for bounded in self.aside.iter().rev() {
            if score + rest < floor {
                return Ok(());
            }
            let bound = bounded.bounds.get(self.window).copied().unwrap_or(0.0);
            rest -= bound;
            let term = self.terms.get_mut(bounded.index);
            if let Some(term) = term.filter(|_| bound > 0.0) {
                let count = term.source.count(self.window, document)?;
                if count > 0 {
                    score += bounded.value * self.scoring.shares.share(count, norm);
                }
            }
        }
        if score >= floor {
            self.offer(document, top)?;
        }
        Ok(())
    }

    fn offer(&mut self, document: DocId, top: &mut Top<'_>) -> Result<(), SearchError> {
        let score = self.score(document)?;
        if score < top.floor() {
            return Ok(());
        }
        if let Some(run) = self.runs.holding(document) {
            top.offer(Scored {
                ord: run.ord,
                number: run.first_number + (document - run.start),
                score,
            });
        }
        Ok(())
    }

    /// The score: a sum in the order of the query, as the reference has it.
    fn score(&mut self, document: DocId) -> Result<f64, SearchError> {
        let length = self.norms.fieldnorm(document);
        let mut score = 0.0;
        for term in self.terms.iter_mut() {
            let count = term.source.count(self.window, document)?;
            if count > 0 {
                let value = self.scoring.values.get(term.position);
                let value = value.copied().unwrap_or(0.0);
                score += value * self.scoring.statistics.saturation(count, length);
            }
        }
        Ok(score)
    }
}
