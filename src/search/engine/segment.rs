//! One segment in one search: where the query's terms are, and in how many permitted chunks.

use std::borrow::Cow;
use std::sync::Arc;

use ambit_indexer::index::{Fields, FrequentTerm, Segment, SidecarTerm, WindowPeaks};
use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, SegmentReader, TantivyError};

use crate::search::bitmap::Bitmap;
use crate::search::list::{self, List, Wanted};
use crate::search::paged::{self, Paged};
use crate::search::query::WeightedQuery;
use crate::search::shares::Shares;
use crate::search::view::SegmentChunks;
use crate::search::{SearchError, phrase};

/// A term in no more permitted chunks than about these is read at once.
const LIST_CHUNKS: u64 = 1024;

/// One segment with the terms of a query.
pub(super) struct SegmentSearch<'a> {
    pub(super) segment: &'a Segment,
    norms: FieldNormReader,
    permitted: &'a SegmentChunks,
    /// The permitted chunks that may be hits.
    candidates: Cow<'a, Bitmap>,
    inverted: Arc<InvertedIndexReader>,
    /// Those that the segment has, in the order of the query.
    pub(super) terms: Vec<SegmentTerm<'a>>,
}

/// A term that occurs in a segment.
pub(super) struct SegmentTerm<'a> {
    /// Which term of the query it is.
    pub(super) position: usize,
    info: TermInfo,
    sidecar: Option<SidecarTerm<'a>>,
    pub(super) source: Source<'a>,
}

/// Where the chunks of a term are read from.
pub(super) enum Source<'a> {
    /// The sidecar.
    Frequent(&'a FrequentTerm, &'a WindowPeaks),
    /// A list made for this search.
    List(List),
    /// The postings, where they are looked at.
    Paged(Box<Paged<'a>>),
    /// Not decided yet.
    Unread,
}

impl Source<'_> {
    /// How often a chunk of a window holds the term.
    #[inline]
    pub(super) fn count(&mut self, window: usize, document: DocId) -> Result<u32, SearchError> {
        Ok(match self {
            Source::Frequent(frequent, _) => frequent.count(document),
            Source::List(list) => list.count(document),
            Source::Paged(paged) => paged.count(window, document)?,
            Source::Unread => 0,
        })
    }
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
                let sidecar = segment.sidecar.term(info.postings_range.start as u64);
                let frequent = sidecar.and_then(|term| Some((term.frequent?, term.peaks)));
                terms.push(SegmentTerm {
                    position,
                    info,
                    sidecar,
                    source: match frequent {
                        Some((frequent, peaks)) => Source::Frequent(frequent, peaks),
                        None => Source::Unread,
                    },
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

    /// The chunks that may be hits, their lengths, and the terms.
    pub(super) fn parts(&mut self) -> (&Bitmap, &FieldNormReader, &mut [SegmentTerm<'a>]) {
        (&self.candidates, &self.norms, &mut self.terms)
    }

    /// Adds, for each term, in how many permitted chunks of the segment it occurs. Lists that have
    /// to be read for that are kept.
    pub(super) fn count_terms(
        &mut self,
        shares: &Shares,
        frequencies: &mut [u64],
    ) -> Result<(), SearchError> {
        let mut terms = std::mem::take(&mut self.terms);
        for term in &mut terms {
            let frequency = self.frequency(term, shares)?;
            if let Some(slot) = frequencies.get_mut(term.position) {
                *slot += u64::from(frequency);
            }
        }
        self.terms = terms;
        Ok(())
    }

    fn frequency(&self, term: &mut SegmentTerm<'a>, shares: &Shares) -> Result<u32, SearchError> {
        if self.permitted.count == self.segment.chunks {
            // All chunks are permitted and none is deleted: the index has counted already.
            return Ok(term.info.doc_freq);
        }
        let start = term.info.postings_range.start as u64;
        if let Some(known) = self.permitted.known_frequency(start) {
            return Ok(known);
        }
        let frequency = match &term.source {
            Source::Frequent(frequent, _) => self.permitted.bits.count_common(frequent.bits()),
            _ if self.is_worth_a_list(term) => {
                let (list, frequency) = self.list(term, shares)?;
                // Where a term goes with a permission there may be far more than expected.
                if term.sidecar.is_none() || u64::from(frequency) <= LIST_CHUNKS * 4 {
                    term.source = Source::List(list);
                }
                frequency
            }
            _ => paged::frequency(&self.inverted, &term.info, &self.permitted.bits)?,
        };
        self.permitted.remember_frequency(start, frequency);
        Ok(frequency)
    }

    /// Whether few enough permitted chunks are to be expected.
    fn is_worth_a_list(&self, term: &SegmentTerm<'_>) -> bool {
        let permitted = u64::from(self.permitted.count) * u64::from(term.info.doc_freq);
        let expected = permitted / u64::from(self.segment.chunks.max(1));
        term.sidecar.is_none() || expected <= LIST_CHUNKS
    }

    /// Decides how each term is read that is not decided yet.
    pub(super) fn decide_rest(&mut self, shares: &Shares) -> Result<(), SearchError> {
        let mut terms = std::mem::take(&mut self.terms);
        for term in &mut terms {
            if let Source::Unread = term.source {
                term.source = match term.sidecar {
                    Some(sidecar) => {
                        let inverted = Arc::clone(&self.inverted);
                        let paged = Paged::new(sidecar.peaks, inverted, term.info.clone());
                        Source::Paged(Box::new(paged))
                    }
                    None => Source::List(self.list(term, shares)?.0),
                };
            }
        }
        self.terms = terms;
        Ok(())
    }

    fn list(&self, term: &SegmentTerm<'_>, shares: &Shares) -> Result<(List, u32), SearchError> {
        let mut postings = paged::open(&self.inverted, &term.info, IndexRecordOption::WithFreqs)?;
        let wanted = Wanted {
            permitted: &self.permitted.bits,
            permitted_count: self.permitted.count,
            candidates: &self.candidates,
            shares,
            norms: &self.norms,
        };
        Ok(list::read(&mut postings, &wanted))
    }
}
