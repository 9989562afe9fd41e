//! One window: the chunks that its terms name, their estimates as they add up, and the last look
//! at those that may be hits.
//!
//! Term by term, not chunk by chunk: what is read of a term's window is read in one go.

use ambit_indexer::index::{FrequentTerm, Runs, WINDOW_CHUNKS, WINDOW_WORDS};
use tantivy::DocId;
use tantivy::fieldnorm::FieldNormReader;

use super::Scoring;
use super::segment::{SegmentTerm, Source};
use super::windows::BoundedTerm;
use crate::search::bitmap::Ones;
use crate::search::shares::slack;
use crate::search::top::Top;
use crate::search::{Scored, SearchError};

const WINDOW: usize = WINDOW_CHUNKS as usize;
const WORD_BITS: usize = u64::BITS as usize;
/// With fewer chunks in question than one in so many of a term's, each is looked up by itself.
const LOOK_UP_ONE_IN: usize = 8;

/// So few chunks are gone through one by one.
const FEW: usize = 8;

/// Estimates of the chunks of one window, and which chunks are in question.
pub(super) struct Board {
    /// Zero for every chunk that is not touched.
    estimates: Box<[f32; WINDOW]>,
    touched: [u64; WINDOW_WORDS],
    /// The terms of the window, by ascending bound.
    terms: Vec<BoundedTerm>,
}

/// One window of a segment.
pub(super) struct Window<'a> {
    /// Its number within the segment.
    pub(super) number: usize,
    /// A bit for each chunk that may be a hit.
    pub(super) candidates: &'a [u64],
    pub(super) norms: &'a FieldNormReader,
    pub(super) runs: &'a Runs,
    pub(super) scoring: &'a Scoring<'a>,
}

impl Window<'_> {
    /// The first chunk, as a document of the segment.
    const fn start(&self) -> DocId {
        // Chunks of a segment are counted in 32 bits, so its windows are too.
        self.number as u32 * WINDOW_CHUNKS
    }

    #[inline]
    fn share(&self, document: DocId, count: u32) -> f32 {
        let norm = self.norms.fieldnorm_id(document);
        self.scoring.shares.share(count, norm)
    }
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            estimates: Box::new([0.0; WINDOW]),
            touched: [0; WINDOW_WORDS],
            terms: Vec::new(),
        }
    }

    /// Takes the terms of the next window, by ascending bound.
    pub(super) fn begin(&mut self, terms: impl Iterator<Item = BoundedTerm>) {
        self.terms.clear();
        self.terms.extend(terms);
    }

    /// Offers the hits of the window that was begun.
    pub(super) fn collect(
        &mut self,
        window: &Window<'_>,
        terms: &mut [SegmentTerm<'_>],
        top: &mut Top<'_>,
    ) -> Result<(), SearchError> {
        let floor = slack(top.floor(), window.scoring.values.len());
        let bounded = std::mem::take(&mut self.terms);
        let (aside, mut rest) = set_aside(&bounded, floor);
        let (aside, naming) = bounded.split_at_checked(aside).unwrap_or_default();
        for bounded in naming {
            if let Some(term) = terms.get_mut(bounded.index) {
                self.name(window, bounded.value, &mut term.source)?;
            }
        }
        let named = self.touched;
        let mut left = self.drop_below(floor - rest);
        for (place, bounded) in aside.iter().enumerate().rev() {
            if left <= FEW {
                let aside = aside.get(..=place).unwrap_or_default();
                self.settle(window, (aside, rest), terms, floor)?;
                break;
            }
            rest -= bounded.bound;
            if let Some(term) = terms.get_mut(bounded.index) {
                self.add(window, bounded.value, &mut term.source, left)?;
            }
            left = self.drop_below(floor - rest);
        }
        if left > 0 {
            self.offer(window, terms, top)?;
        }
        self.clear(&named);
        self.terms = bounded;
        Ok(())
    }

    /// Adds what the candidates gain from a term, and touches them.
    fn name(
        &mut self,
        window: &Window<'_>,
        value: f32,
        source: &mut Source<'_>,
    ) -> Result<(), SearchError> {
        match source {
            Source::List(list) => {
                let (documents, shares) = list.window(window.number);
                for (document, share) in documents.iter().zip(shares) {
                    touch(&mut self.touched, *document);
                    gain(&mut self.estimates, *document, value * share);
                }
            }
            Source::Paged(paged) => {
                let (documents, counts) = paged.window(window.number)?;
                for (&document, &count) in documents.iter().zip(counts) {
                    if holds(window.candidates, document) {
                        touch(&mut self.touched, document);
                        let share = window.share(document, count);
                        gain(&mut self.estimates, document, value * share);
                    }
                }
            }
            Source::Frequent(frequent, _) => {
                add_frequent(
                    &mut self.estimates,
                    window,
                    (value, frequent),
                    window.candidates,
                );
                let bits = frequent.bits().get(window.number * WINDOW_WORDS..);
                let held = bits.unwrap_or_default().iter().zip(window.candidates);
                for (touched, (word, candidates)) in self.touched.iter_mut().zip(held) {
                    *touched |= word & candidates;
                }
            }
            Source::Unread => {}
        }
        Ok(())
    }

    /// Adds what the touched chunks, so many, gain from a term.
    fn add(
        &mut self,
        window: &Window<'_>,
        value: f32,
        source: &mut Source<'_>,
        touched: usize,
    ) -> Result<(), SearchError> {
        let Self {
            estimates,
            touched: words,
            ..
        } = self;
        match source {
            Source::Frequent(frequent, _) => {
                add_frequent(estimates, window, (value, frequent), words);
            }
            Source::List(list) => {
                let (held, shares) = list.window(window.number);
                add_held(words, touched, held, window.start(), |place, document| {
                    let share = shares.get(place).copied().unwrap_or(0.0);
                    gain(estimates, document, value * share);
                });
            }
            Source::Paged(paged) => {
                let (held, counts) = paged.window(window.number)?;
                add_held(words, touched, held, window.start(), |place, document| {
                    let count = counts.get(place).copied().unwrap_or(0);
                    gain(estimates, document, value * window.share(document, count));
                });
            }
            Source::Unread => {}
        }
        Ok(())
    }

    /// Goes through the terms set aside for each of a few touched chunks, until it is out.
    fn settle(
        &mut self,
        window: &Window<'_>,
        (aside, rest): (&[BoundedTerm], f32),
        terms: &mut [SegmentTerm<'_>],
        floor: f32,
    ) -> Result<(), SearchError> {
        for document in documents(&self.touched, window.start()) {
            let Some(estimate) = self.estimates.get_mut(document as usize % WINDOW) else {
                continue;
            };
            let mut rest = rest;
            for bounded in aside.iter().rev() {
                if *estimate + rest < floor {
                    break;
                }
                rest -= bounded.bound;
                let Some(term) = terms.get_mut(bounded.index) else {
                    continue;
                };
                let count = term.source.count(window.number, document)?;
                if count > 0 {
                    *estimate += bounded.value * window.share(document, count);
                }
            }
        }
        Ok(())
    }

    /// Leaves those chunks touched that have at least this estimate; says how many they are.
    fn drop_below(&mut self, floor: f32) -> usize {
        let mut left = 0;
        let (estimates, _) = self.estimates.as_chunks::<WORD_BITS>();
        for (word, estimates) in self.touched.iter_mut().zip(estimates) {
            let mut kept = 0;
            for bit in Ones(*word) {
                let estimate = estimates.get(bit as usize).copied().unwrap_or(0.0);
                kept |= u64::from(estimate >= floor) << bit;
            }
            *word = kept;
            left += kept.count_ones() as usize;
        }
        left
    }

    /// Offers the touched chunks with their exact scores.
    fn offer(
        &self,
        window: &Window<'_>,
        terms: &mut [SegmentTerm<'_>],
        top: &mut Top<'_>,
    ) -> Result<(), SearchError> {
        for document in documents(&self.touched, window.start()) {
            let estimate = self.estimates.get(document as usize % WINDOW);
            let floor = slack(top.floor(), window.scoring.values.len());
            if estimate.is_none_or(|estimate| *estimate < floor) {
                continue;
            }
            let score = exact_score(window, document, terms)?;
            if score < top.floor() {
                continue;
            }
            if let Some(run) = window.runs.holding(document) {
                top.offer(Scored {
                    ord: run.ord,
                    number: run.first_number + (document - run.start),
                    score,
                });
            }
        }
        Ok(())
    }

    fn clear(&mut self, named: &[u64; WINDOW_WORDS]) {
        let (estimates, _) = self.estimates.as_chunks_mut::<WORD_BITS>();
        for (word, estimates) in named.iter().zip(estimates) {
            if *word != 0 {
                *estimates = [0.0; WORD_BITS];
            }
        }
        self.touched = [0; WINDOW_WORDS];
    }
}

/// How many terms, lowest bounds first, cannot make a hit by themselves, and what they can add
/// together.
fn set_aside(terms: &[BoundedTerm], floor: f32) -> (usize, f32) {
    let (mut aside, mut sum) = (0, 0.0);
    for term in terms {
        if sum + term.bound >= floor {
            break;
        }
        (aside, sum) = (aside + 1, sum + term.bound);
    }
    (aside, sum)
}

/// Gives those of a term's chunks that are touched, with their places in the list.
fn add_held(
    words: &[u64; WINDOW_WORDS],
    touched: usize,
    held: &[DocId],
    start: DocId,
    mut add: impl FnMut(usize, DocId),
) {
    if touched * LOOK_UP_ONE_IN < held.len() {
        for document in documents(words, start) {
            if let Ok(place) = held.binary_search(&document) {
                add(place, document);
            }
        }
    } else {
        for (place, document) in held.iter().enumerate() {
            if holds(words, *document) {
                add(place, *document);
            }
        }
    }
}

#[inline]
fn touch(touched: &mut [u64; WINDOW_WORDS], document: DocId) {
    let place = document as usize % WINDOW;
    if let Some(word) = touched.get_mut(place / WORD_BITS) {
        *word |= 1 << (place % WORD_BITS);
    }
}

#[inline]
fn gain(estimates: &mut [f32; WINDOW], document: DocId, gain: f32) {
    if let Some(estimate) = estimates.get_mut(document as usize % WINDOW) {
        *estimate += gain;
    }
}

/// Adds what the wanted chunks of a window gain from a frequent term.
fn add_frequent(
    estimates: &mut [f32; WINDOW],
    window: &Window<'_>,
    (value, frequent): (f32, &FrequentTerm),
    wanted: &[u64],
) {
    let first = window.number * WINDOW_WORDS;
    let bits = frequent.bits().get(first..).unwrap_or_default();
    let mut rank = frequent.rank_of_word(first);
    let starts = (window.start()..).step_by(WORD_BITS);
    for ((word, wanted), start) in bits.iter().zip(wanted).zip(starts) {
        for bit in Ones(word & wanted) {
            let before = (word & ((1 << bit) - 1)).count_ones();
            let count = frequent.count_at(rank + before);
            let share = window.share(start + bit, count);
            gain(estimates, start + bit, value * share);
        }
        rank += word.count_ones();
    }
}

/// The score: a sum in the order of the query, as the reference has it.
fn exact_score(
    window: &Window<'_>,
    document: DocId,
    terms: &mut [SegmentTerm<'_>],
) -> Result<f64, SearchError> {
    let length = window.norms.fieldnorm(document);
    let mut score = 0.0;
    for term in terms {
        let count = term.source.count(window.number, document)?;
        if count > 0 {
            let value = window.scoring.values.get(term.position);
            let value = value.copied().unwrap_or(0.0);
            score += value * window.scoring.statistics.saturation(count, length);
        }
    }
    Ok(score)
}

/// Whether a window's bits hold a document of it.
#[inline]
fn holds(words: &[u64], document: DocId) -> bool {
    let place = document as usize % WINDOW;
    let word = words.get(place / WORD_BITS);
    word.is_some_and(|word| word >> (place % WORD_BITS) & 1 == 1)
}

/// The documents that a window's bits hold, ascending.
fn documents(words: &[u64], start: DocId) -> impl Iterator<Item = DocId> {
    let starts = (start..).step_by(WORD_BITS);
    words
        .iter()
        .zip(starts)
        .flat_map(|(word, start)| Ones(*word).map(move |bit| start + bit))
}
