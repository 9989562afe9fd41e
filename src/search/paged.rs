//! The postings of a term, read window by window, and only where a search looks.

use std::sync::Arc;

use ambit_indexer::index::{WINDOW_CHUNKS, WindowPeaks};
use tantivy::index::InvertedIndexReader;
use tantivy::postings::{BlockSegmentPostings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, TantivyError};

use super::SearchError;
use super::bitmap::Bitmap;

/// A term whose chunks are too many to be read at once.
pub(super) struct Paged<'a> {
    /// The best of each window.
    pub(super) peaks: &'a WindowPeaks,
    inverted: Arc<InvertedIndexReader>,
    info: TermInfo,
    /// Goes forward only; opened again for an earlier window.
    postings: Option<BlockSegmentPostings>,
    /// The window that was read last, with its chunks, permitted or not, and their counts.
    window: usize,
    documents: Vec<DocId>,
    counts: Vec<u32>,
}

impl<'a> Paged<'a> {
    pub(super) fn new(
        peaks: &'a WindowPeaks,
        inverted: Arc<InvertedIndexReader>,
        info: TermInfo,
    ) -> Self {
        Self {
            peaks,
            inverted,
            info,
            postings: None,
            window: 0,
            documents: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// All chunks of a window that hold the term, with their counts.
    pub(super) fn window(&mut self, window: usize) -> Result<(&[DocId], &[u32]), SearchError> {
        if self.postings.is_none() || self.window != window {
            self.read(window)?;
        }
        Ok((&self.documents, &self.counts))
    }

    /// How often a chunk of a window holds the term.
    pub(super) fn count(&mut self, window: usize, document: DocId) -> Result<u32, SearchError> {
        let (documents, counts) = self.window(window)?;
        let found = documents.binary_search(&document).ok();
        let count = found.and_then(|found| counts.get(found));
        Ok(count.copied().unwrap_or(0))
    }

    fn read(&mut self, window: usize) -> Result<(), SearchError> {
        if self.postings.is_none() || window < self.window {
            let option = IndexRecordOption::WithFreqs;
            self.postings = Some(open(&self.inverted, &self.info, option)?);
        }
        let Some(postings) = &mut self.postings else {
            return Ok(());
        };
        self.documents.clear();
        self.counts.clear();
        // Chunks of a segment are counted in 32 bits, so its windows are too.
        let start = window as u32 * WINDOW_CHUNKS;
        let mut place = postings.seek(start);
        loop {
            let documents = postings.docs().get(place..).unwrap_or_default();
            let within = documents.partition_point(|document| *document - start < WINDOW_CHUNKS);
            let counts = postings.freqs().get(place..).unwrap_or_default();
            let read = documents.iter().zip(counts).take(within);
            for (document, count) in read {
                self.documents.push(*document);
                self.counts.push(*count);
            }
            if within < documents.len() || postings.block_len() == 0 {
                break;
            }
            postings.advance();
            place = 0;
        }
        self.window = window;
        Ok(())
    }
}

/// How many permitted chunks hold a term.
pub(super) fn frequency(
    inverted: &InvertedIndexReader,
    info: &TermInfo,
    permitted: &Bitmap,
) -> Result<u32, SearchError> {
    let mut postings = open(inverted, info, IndexRecordOption::Basic)?;
    let mut frequency = 0;
    while postings.block_len() > 0 {
        let held = postings.docs().iter();
        let held = held.map(|document| u32::from(permitted.contains(*document)));
        frequency += held.sum::<u32>();
        postings.advance();
    }
    Ok(frequency)
}

/// Opens the postings of a term.
pub(super) fn open(
    inverted: &InvertedIndexReader,
    info: &TermInfo,
    option: IndexRecordOption,
) -> Result<BlockSegmentPostings, SearchError> {
    let postings = inverted.read_block_postings_from_terminfo(info, option);
    Ok(postings.map_err(TantivyError::from)?)
}
