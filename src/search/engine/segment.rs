//! One segment in one search: where the query's terms are, and in how many permitted chunks.

use std::borrow::Cow;

use ambit_indexer::index::{Fields, FrequentTerm, Segment};
use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::{BlockSegmentPostings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{SegmentReader, TantivyError};

use crate::search::bitmap::Bitmap;
use crate::search::list::{self, List, Wanted};
use crate::search::query::WeightedQuery;
use crate::search::shares::Shares;
use crate::search::view::SegmentChunks;
use crate::search::{SearchError, phrase};

/// One segment with the terms of a query.
pub(super) struct SegmentSearch<'a> {
    pub(super) segment: &'a Segment,
    pub(super) norms: FieldNormReader,
    permitted: &'a SegmentChunks,
    /// The permitted chunks that may be hits.
    candidates: Cow<'a, Bitmap>,
    inverted: std::sync::Arc<InvertedIndexReader>,
    /// Those that the segment has, in the order of the query.
    pub(super) terms: Vec<SegmentTerm<'a>>,
}

/// A term that occurs in a segment.
pub(super) struct SegmentTerm<'a> {
    /// Which term of the query it is.
    pub(super) position: usize,
    info: TermInfo,
    pub(super) source: Source<'a>,
}

/// Where the chunks of a term are read from.
pub(super) enum Source<'a> {
    /// The sidecar.
    Frequent(&'a FrequentTerm),
    /// A list made for this search.
    List(List),
    /// Nothing was read yet.
    Unread,
}

impl<'a> SegmentSearch<'a> {
    /// Looks the query's terms up.
    pub(super) fn open(
        (segment, reader): (&'a Segment, &SegmentReader),
        fields: Fields,
        permitted: &'a SegmentChunks,
        passing: &'a SegmentChunks,
        query: &WeightedQuery,
    ) -> Result<Self, SearchError> {
        let inverted = reader.inverted_index(fields.text)?;
        let mut terms = Vec::with_capacity(query.terms.len());
        for (position, term) in query.terms.iter().enumerate() {
            let found = inverted.terms().get(term.text.as_bytes());
            if let Some(info) = found.map_err(TantivyError::from)? {
                let frequent = segment.sidecar.term(info.postings_range.start as u64);
                terms.push(SegmentTerm {
                    position,
                    info,
                    source: frequent.map_or(Source::Unread, Source::Frequent),
                });
            }
        }
        let candidates = if query.phrases.is_empty() {
            Cow::Borrowed(&passing.bits)
        } else {
            let holders = phrase::holders(reader, fields, &query.phrases, &passing.bits)?;
            Cow::Owned(holders)
        };
        Ok(Self {
            segment,
            norms: reader.get_fieldnorms_reader(fields.text)?,
            permitted,
            candidates,
            inverted,
            terms,
        })
    }

    /// The chunks that may be hits.
    pub(super) fn candidates(&self) -> &Bitmap {
        &self.candidates
    }

    /// Adds, for each term, in how many permitted chunks of the segment it occurs. What has to be
    /// read for that is kept.
    pub(super) fn count(
        &mut self,
        shares: &Shares,
        frequencies: &mut [u64],
    ) -> Result<(), SearchError> {
        for index in 0..self.terms.len() {
            let Some(term) = self.terms.get(index) else {
                continue;
            };
            let start = term.info.postings_range.start as u64;
            let known = if self.permitted.count == self.segment.chunks {
                // All chunks are permitted and none is deleted: the index has counted already.
                Some(term.info.doc_freq)
            } else {
                self.permitted.known_frequency(start)
            };
            let position = term.position;
            let frequency = match (known, &term.source) {
                (Some(known), _) => known,
                (None, Source::Frequent(frequent)) => {
                    let frequency = self.permitted.bits.count_common(frequent.bits());
                    self.permitted.remember_frequency(start, frequency);
                    frequency
                }
                (None, _) => {
                    let (list, frequency) = self.read(index, shares)?;
                    if let Some(term) = self.terms.get_mut(index) {
                        term.source = Source::List(list);
                    }
                    self.permitted.remember_frequency(start, frequency);
                    frequency
                }
            };
            if let Some(slot) = frequencies.get_mut(position) {
                *slot += u64::from(frequency);
            }
        }
        Ok(())
    }

    /// Reads the terms that have not been read.
    pub(super) fn read_rest(&mut self, shares: &Shares) -> Result<(), SearchError> {
        for index in 0..self.terms.len() {
            let unread = self.terms.get(index);
            if unread.is_some_and(|term| matches!(term.source, Source::Unread)) {
                let (list, _) = self.read(index, shares)?;
                if let Some(term) = self.terms.get_mut(index) {
                    term.source = Source::List(list);
                }
            }
        }
        Ok(())
    }

    fn read(&self, index: usize, shares: &Shares) -> Result<(List, u32), SearchError> {
        let Some(term) = self.terms.get(index) else {
            return Ok((List::default(), 0));
        };
        let mut postings = self.postings(term)?;
        let wanted = Wanted {
            permitted: &self.permitted.bits,
            permitted_count: self.permitted.count,
            candidates: &self.candidates,
            shares,
            norms: &self.norms,
        };
        Ok(list::read(&mut postings, &wanted))
    }

    fn postings(&self, term: &SegmentTerm<'_>) -> Result<BlockSegmentPostings, SearchError> {
        let inverted = &self.inverted;
        let postings =
            inverted.read_block_postings_from_terminfo(&term.info, IndexRecordOption::WithFreqs);
        Ok(postings.map_err(TantivyError::from)?)
    }
}
