//! Sidecars: what a segment's frequent terms look like, in a form that searches can prune with.
//!
//! For every window of chunks, the pairs of length and count that can give the highest score: a
//! pair is kept unless another one is at least as short and as frequent, so the bound holds for
//! every average length, and thus for every caller. For the most frequent terms also a bit for
//! every chunk that holds it, and how often it does.
//!
//! A sidecar depends on its segment alone: neither on callers nor on policies nor on deletions. It
//! is derived: one that is missing or damaged is made again.

mod build;
mod file;

use tantivy::DocId;

pub use build::PEAKS_FROM;
pub(super) use build::build;
pub(super) use file::{Identity, read, write};

/// Chunks in a window, for bounds and for scoring.
pub const WINDOW_CHUNKS: u32 = 2048;
/// Machine words of a window's bits.
pub const WINDOW_WORDS: usize = (WINDOW_CHUNKS / u64::BITS) as usize;
/// Words between two entries of a term's rank directory.
const RANK_WORDS: usize = 8;
/// Counts from this one on stand in a list of their own.
const LARGE: u8 = 15;
/// What stands for a count that does not fit a bound's byte: no limit.
pub const UNBOUNDED_COUNT: u8 = u8::MAX;

/// What is known of the more frequent terms of one segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sidecar {
    /// Where the postings of each term begin, ascending, with its position in `peaks`.
    keys: Vec<(u64, u32)>,
    peaks: Vec<WindowPeaks>,
    /// Of the first so many terms of `peaks`.
    frequent: Vec<FrequentTerm>,
}

/// What a sidecar has of a term.
#[derive(Clone, Copy, Debug)]
pub struct SidecarTerm<'a> {
    /// The best of each window.
    pub peaks: &'a WindowPeaks,
    /// Every chunk, if the term is among the most frequent ones.
    pub frequent: Option<&'a FrequentTerm>,
}

/// The best chunks of each window, as far as one term goes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WindowPeaks {
    /// Where each window's peaks begin, with the end of the last.
    starts: Vec<u32>,
    peaks: Vec<Peak>,
}

/// A length and a count that may occur together in a window: one of its best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// Length of the chunk as tantivy's one-byte field norm.
    pub norm: u8,
    /// How often the term occurs; [`UNBOUNDED_COUNT`] if more often than fits.
    pub count: u8,
}

/// One of the most frequent terms of a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FrequentTerm {
    /// A bit for every chunk.
    bits: Vec<u64>,
    /// Chunks before every [`RANK_WORDS`]th word.
    ranks: Vec<u32>,
    /// How often, four bits for every chunk that holds the term.
    counts: Vec<u8>,
    /// Rank and count of the chunks that hold it more often.
    large: Vec<(u32, u32)>,
}

impl Sidecar {
    /// The term whose postings begin there, if it is frequent enough.
    pub fn term(&self, postings_start: u64) -> Option<SidecarTerm<'_>> {
        let found = self
            .keys
            .binary_search_by_key(&postings_start, |key| key.0)
            .ok()?;
        let position = self.keys.get(found)?.1 as usize;
        Some(SidecarTerm {
            peaks: self.peaks.get(position)?,
            frequent: self.frequent.get(position),
        })
    }

    /// Whether it is of the form that a segment of so many chunks needs. What is missing from a
    /// sidecar would be missing from answers.
    fn fits(&self, chunks: u32) -> bool {
        let windows = chunks.div_ceil(WINDOW_CHUNKS) as usize;
        let words = chunks.div_ceil(u64::BITS) as usize;
        let peaks = |peaks: &WindowPeaks| {
            let end = peaks.starts.last().map(|end| *end as usize);
            peaks.starts.len() == windows + 1
                && peaks.starts.is_sorted()
                && end == Some(peaks.peaks.len())
        };
        let frequent = |term: &FrequentTerm| {
            let held: u32 = term.bits.iter().map(|word| word.count_ones()).sum();
            term.bits.len() == words
                && term.ranks.len() == words.div_ceil(RANK_WORDS)
                && term.counts.len() == (held as usize).div_ceil(2)
        };
        let listed = |key: &(u64, u32)| (key.1 as usize) < self.peaks.len();
        self.keys.is_sorted_by(|a, b| a.0 < b.0)
            && self.keys.iter().all(listed)
            && self.keys.len() == self.peaks.len()
            && self.frequent.len() <= self.peaks.len()
            && self.peaks.iter().all(peaks)
            && self.frequent.iter().all(frequent)
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        let frequent = self.frequent.iter().map(FrequentTerm::memory_bytes);
        let peaks = self.peaks.iter().map(WindowPeaks::memory_bytes);
        let keys = self.keys.len() * size_of::<(u64, u32)>();
        frequent.chain(peaks).sum::<usize>() + keys
    }
}

impl FrequentTerm {
    /// A bit for every chunk of the segment, lowest first.
    pub fn bits(&self) -> &[u64] {
        &self.bits
    }

    /// How many chunks before a word of the bits hold the term.
    #[inline]
    pub fn rank_of_word(&self, word: usize) -> u32 {
        let block = word / RANK_WORDS;
        let before = self.ranks.get(block).copied().unwrap_or(0);
        let rest = self.bits.get(block * RANK_WORDS..word).unwrap_or_default();
        before + rest.iter().map(|word| word.count_ones()).sum::<u32>()
    }

    /// How often the chunk of a rank holds the term.
    #[inline]
    pub fn count_at(&self, rank: u32) -> u32 {
        let pair = self.counts.get(rank as usize / 2).copied().unwrap_or(0);
        let count = (pair >> (rank % 2 * 4)) & LARGE;
        if count < LARGE {
            return u32::from(count);
        }
        let found = self.large.binary_search_by_key(&rank, |large| large.0);
        let large = found.ok().and_then(|found| self.large.get(found));
        large.map_or(u32::from(LARGE), |large| large.1)
    }

    /// How often a chunk holds the term; 0 if it does not.
    #[inline]
    pub fn count(&self, document: DocId) -> u32 {
        let (index, bit) = ((document / u64::BITS) as usize, 1 << (document % u64::BITS));
        let word = self.bits.get(index).copied().unwrap_or(0);
        if word & bit == 0 {
            return 0;
        }
        self.count_at(self.rank_of_word(index) + (word & (bit - 1)).count_ones())
    }

    fn memory_bytes(&self) -> usize {
        let counts = self.counts.len() + self.large.len() * 8;
        size_of::<Self>() + counts + self.ranks.len() * 4 + self.bits.len() * 8
    }
}

impl WindowPeaks {
    /// The best pairs of length and count of a window; none if no chunk of it holds the term.
    #[inline]
    pub fn of(&self, window: usize) -> &[Peak] {
        let start = self.starts.get(window).copied().unwrap_or(0);
        let end = self.starts.get(window + 1).copied().unwrap_or(start);
        let peaks = self.peaks.get(start as usize..end as usize);
        peaks.unwrap_or_default()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.starts.len() * 4 + self.peaks.len() * size_of::<Peak>()
    }
}
