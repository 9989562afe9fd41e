//! A set of a segment's chunks, one bit each.

use tantivy::DocId;

const WORD_BITS: u32 = u64::BITS;

/// Bits for the chunks of one segment, lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// An empty set with room for so many chunks.
    pub fn new(chunks: u32) -> Self {
        Self {
            words: vec![0; chunks.div_ceil(WORD_BITS) as usize],
        }
    }

    /// The words themselves.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Whether a chunk is in the set.
    #[inline]
    pub fn contains(&self, document: DocId) -> bool {
        let word = self.words.get((document / WORD_BITS) as usize);
        word.is_some_and(|word| word >> (document % WORD_BITS) & 1 == 1)
    }

    /// Puts `start..end` into the set.
    pub fn insert_range(&mut self, start: DocId, end: DocId) {
        self.for_words(start, end, |word, mask| *word |= mask);
    }

    /// Takes `start..end` out of the set.
    pub fn remove_range(&mut self, start: DocId, end: DocId) {
        self.for_words(start, end, |word, mask| *word &= !mask);
    }

    #[inline]
    fn for_words(&mut self, start: DocId, end: DocId, change: impl Fn(&mut u64, u64)) {
        let mut from = start;
        while from < end {
            let index = from / WORD_BITS;
            let to = end.min((index + 1) * WORD_BITS);
            let ones = u64::MAX >> (WORD_BITS - (to - from));
            if let Some(word) = self.words.get_mut(index as usize) {
                change(word, ones << (from % WORD_BITS));
            }
            from = to;
        }
    }

    /// How many chunks this set and another one, given by its words, have in common.
    pub fn count_common(&self, other: &[u64]) -> u32 {
        let words = self.words.iter().zip(other);
        words.map(|(a, b)| (a & b).count_ones()).sum()
    }

    /// The first chunk from `document` on that is in the set.
    pub fn next_from(&self, document: DocId) -> Option<DocId> {
        let mut index = document / WORD_BITS;
        let first = self.words.get(index as usize)?;
        let mut word = first & (u64::MAX << (document % WORD_BITS));
        while word == 0 {
            index += 1;
            word = *self.words.get(index as usize)?;
        }
        Some(index * WORD_BITS + word.trailing_zeros())
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }
}

/// The positions of the ones of a word, ascending.
#[derive(Clone, Copy, Debug)]
pub struct Ones(pub u64);

impl Iterator for Ones {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(bit)
    }
}
