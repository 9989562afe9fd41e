//! The permitted chunks of a term, read from its postings at once, where they are few.

use tantivy::DocId;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::BlockSegmentPostings;

use super::bitmap::Bitmap;
use super::shares::Shares;
use ambit_indexer::index::WINDOW_CHUNKS;

/// Postings in a block, as tantivy has them.
const BLOCK: usize = 128;

/// Chunks that hold a term, ascending, in three columns of the same length.
#[derive(Debug, Default)]
pub(super) struct List {
    documents: Vec<DocId>,
    counts: Vec<u32>,
    shares: Vec<f32>,
    /// Where the chunks of each window begin, with the end of the last.
    starts: Vec<u32>,
    /// The highest share in each window.
    peaks: Vec<f32>,
}

/// Which chunks are wanted of a term, and which are counted.
pub(super) struct Wanted<'a> {
    /// Chunks that count in the term's frequency.
    pub(super) permitted: &'a Bitmap,
    /// How many these are.
    pub(super) permitted_count: u32,
    /// Chunks that may be hits: the same, or fewer.
    pub(super) candidates: &'a Bitmap,
    pub(super) shares: &'a Shares,
    pub(super) norms: &'a FieldNormReader,
}

/// Reads the wanted chunks of a term; gives them with how many permitted ones hold it.
pub(super) fn read(postings: &mut BlockSegmentPostings, wanted: &Wanted<'_>) -> (List, u32) {
    let mut list = List::default();
    let frequency = if walks_scope(postings.doc_freq(), wanted.permitted_count) {
        list.walk_scope(postings, wanted)
    } else {
        list.walk_postings(postings, wanted)
    };
    list.finish(wanted);
    (list, frequency)
}

/// Whether looking for each permitted chunk costs less than reading all postings.
///
/// The figures are nanoseconds, measured once; only their proportions matter.
fn walks_scope(postings: u32, permitted: u32) -> bool {
    let (postings, permitted) = (u64::from(postings), u64::from(permitted));
    let blocks = postings / BLOCK as u64;
    let scope = permitted * 16 + permitted.min(blocks) * 70 + blocks * 4;
    let all = postings * 2 + blocks * 50;
    scope < all
}

impl List {
    fn walk_scope(&mut self, postings: &mut BlockSegmentPostings, wanted: &Wanted<'_>) -> u32 {
        let mut frequency = 0;
        let mut next = 0;
        while let Some(document) = wanted.permitted.next_from(next) {
            let place = postings.seek(document);
            match postings.docs().get(place) {
                None => break,
                Some(found) if *found == document => {
                    frequency += 1;
                    if wanted.candidates.contains(document) {
                        self.push(document, postings.freq(place), wanted);
                    }
                    next = document + 1;
                }
                // The next chunk that holds the term may be many permitted ones away.
                Some(found) => next = *found,
            }
        }
        frequency
    }

    fn walk_postings(&mut self, postings: &mut BlockSegmentPostings, wanted: &Wanted<'_>) -> u32 {
        let mut frequency = 0;
        let one = std::ptr::eq(wanted.permitted, wanted.candidates);
        let (mut documents, mut counts) = ([0; BLOCK], [0; BLOCK]);
        while postings.block_len() > 0 {
            let mut kept = 0;
            for (&document, &count) in postings.docs().iter().zip(postings.freqs()) {
                // Written in any case and kept only if wanted: no branch to mispredict.
                if let (Some(d), Some(c)) = (documents.get_mut(kept), counts.get_mut(kept)) {
                    (*d, *c) = (document, count);
                }
                let permitted = wanted.permitted.contains(document);
                frequency += u32::from(permitted);
                let candidate = permitted && (one || wanted.candidates.contains(document));
                kept += usize::from(candidate);
            }
            let kept = documents.iter().zip(&counts).take(kept);
            for (&document, &count) in kept {
                self.push(document, count, wanted);
            }
            postings.advance();
        }
        frequency
    }

    #[inline]
    fn push(&mut self, document: DocId, count: u32, wanted: &Wanted<'_>) {
        let window = (document / WINDOW_CHUNKS) as usize;
        if self.peaks.len() <= window {
            self.open_windows(window);
        }
        let share = wanted
            .shares
            .share(count, wanted.norms.fieldnorm_id(document));
        if let Some(peak) = self.peaks.last_mut() {
            *peak = peak.max(share);
        }
        self.documents.push(document);
        self.counts.push(count);
        self.shares.push(share);
    }

    fn open_windows(&mut self, last: usize) {
        let here = self.length();
        self.starts.resize(last + 1, here);
        self.peaks.resize(last + 1, 0.0);
    }

    fn finish(&mut self, wanted: &Wanted<'_>) {
        let windows = wanted.norms.num_docs().div_ceil(WINDOW_CHUNKS) as usize;
        let here = self.length();
        self.starts.resize(windows + 1, here);
        self.peaks.resize(windows, 0.0);
    }

    fn length(&self) -> u32 {
        // Documents of one segment, so it fits.
        u32::try_from(self.documents.len()).unwrap_or(u32::MAX)
    }

    /// The highest share in each window.
    pub(super) fn peaks(&self) -> &[f32] {
        &self.peaks
    }

    /// The chunks of a window with their shares.
    #[inline]
    pub(super) fn window(&self, window: usize) -> (&[DocId], &[f32]) {
        let range = self.range(window);
        let documents = self.documents.get(range.clone()).unwrap_or_default();
        (documents, self.shares.get(range).unwrap_or_default())
    }

    #[inline]
    fn range(&self, window: usize) -> std::ops::Range<usize> {
        let start = self.starts.get(window).copied().unwrap_or(0);
        let end = self.starts.get(window + 1).copied().unwrap_or(start);
        start as usize..end as usize
    }

    /// How often a chunk holds the term; 0 if it is not wanted.
    #[inline]
    pub(super) fn count(&self, document: DocId) -> u32 {
        let range = self.range((document / WINDOW_CHUNKS) as usize);
        let documents = self.documents.get(range.clone()).unwrap_or_default();
        let found = documents.binary_search(&document).ok();
        let count = found.and_then(|found| self.counts.get(range.start + found));
        count.copied().unwrap_or(0)
    }
}
