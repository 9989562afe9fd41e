//! Sidecars: what a segment's frequent terms look like, in a form that searches can prune with.
//!
//! For each frequent term: a bit for every chunk that holds it, how often it does, and for every
//! window of chunks the pairs of length and count that can give the highest score. A pair is kept
//! unless another one is at least as short and as frequent, so the bound holds for every average
//! length, and thus for every caller. A sidecar depends on its segment alone: neither on callers
//! nor on policies nor on deletions. It is derived: one that is missing or damaged is made again.

mod build;
mod file;

use tantivy::DocId;

pub(super) use build::{MIN_CHUNKS, build};
pub(super) use file::{Identity, read, write};

/// Chunks in a window, for bounds and for scoring.
pub const WINDOW_CHUNKS: u32 = 4096;
/// Machine words of a window's bits.
pub const WINDOW_WORDS: usize = (WINDOW_CHUNKS / u64::BITS) as usize;
/// Words between two entries of a term's rank directory.
const RANK_WORDS: usize = 8;
/// Counts from this one on stand in a list of their own.
const LARGE: u8 = 15;
/// What stands for a count that does not fit a bound's byte: no limit.
pub const UNBOUNDED_COUNT: u8 = u8::MAX;

/// The frequent terms of one segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sidecar {
    /// Where the postings of each term begin, ascending, with its position in `terms`.
    keys: Vec<(u64, u32)>,
    terms: Vec<FrequentTerm>,
}

/// A length and a count that may occur together in a window: one of its best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// Length of the chunk as tantivy's one-byte field norm.
    pub norm: u8,
    /// How often the term occurs; [`UNBOUNDED_COUNT`] if more often than fits.
    pub count: u8,
}

/// One frequent term of a segment.
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
    /// Where each window's peaks begin, with the end of the last.
    peak_starts: Vec<u32>,
    peaks: Vec<Peak>,
}

impl Sidecar {
    /// The term whose postings begin there, if it is a frequent one.
    pub fn term(&self, postings_start: u64) -> Option<&FrequentTerm> {
        let found = self
            .keys
            .binary_search_by_key(&postings_start, |key| key.0)
            .ok()?;
        self.terms.get(self.keys.get(found)?.1 as usize)
    }

    /// How many terms it covers.
    pub const fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether it covers none: the segment is small.
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        let terms: usize = self.terms.iter().map(FrequentTerm::memory_bytes).sum();
        terms + self.keys.len() * size_of::<(u64, u32)>()
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

    /// The best pairs of length and count among the chunks of a window; none if none holds the
    /// term.
    #[inline]
    pub fn peaks(&self, window: usize) -> &[Peak] {
        let start = self.peak_starts.get(window).copied().unwrap_or(0);
        let end = self.peak_starts.get(window + 1).copied().unwrap_or(start);
        let peaks = self.peaks.get(start as usize..end as usize);
        peaks.unwrap_or_default()
    }

    fn memory_bytes(&self) -> usize {
        let small = self.counts.len() + self.peaks.len() * 2 + self.large.len() * 8;
        size_of::<Self>()
            + small
            + (self.ranks.len() + self.peak_starts.len()) * 4
            + self.bits.len() * 8
    }
}
