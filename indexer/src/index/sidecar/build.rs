//! Making a sidecar from a segment.

use std::cmp::Reverse;

use tantivy::SegmentReader;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::TermInfo;
use tantivy::schema::{Field, IndexRecordOption};

use super::{FrequentTerm, LARGE, Peak, RANK_WORDS, Sidecar, UNBOUNDED_COUNT, WINDOW_CHUNKS};
use crate::index::IndexError;

/// A segment with fewer chunks needs no sidecar: reading its postings is quick.
pub(in crate::index) const MIN_CHUNKS: u32 = 1024;
/// A term is frequent if it is in one of so many chunks: about where its bits take less room than
/// its postings.
const FREQUENT_ONE_IN: u32 = 32;
/// Most terms of a sidecar: 48 bytes of bits a chunk.
const MAX_TERMS: usize = 384;

/// Makes the sidecar of a segment.
pub(in crate::index) fn build(reader: &SegmentReader, field: Field) -> Result<Sidecar, IndexError> {
    let mut sidecar = Sidecar::default();
    if reader.max_doc() < MIN_CHUNKS {
        return Ok(sidecar);
    }
    let inverted = reader.inverted_index(field)?;
    let norms = reader.get_fieldnorms_reader(field)?;
    let mut frequent = Vec::new();
    let mut terms = inverted.terms().stream()?;
    while let Some((_, info)) = terms.next() {
        if info.doc_freq >= reader.max_doc().div_ceil(FREQUENT_ONE_IN) {
            frequent.push(info.clone());
        }
    }
    // The most frequent ones; which of equally frequent ones makes no difference to any answer.
    frequent.sort_by_key(|info| (Reverse(info.doc_freq), info.postings_range.start));
    frequent.truncate(MAX_TERMS);
    for info in &frequent {
        let term = frequent_term(&inverted, info, &norms, reader.max_doc())?;
        let position = u32::try_from(sidecar.terms.len()).unwrap_or(u32::MAX);
        sidecar
            .keys
            .push((info.postings_range.start as u64, position));
        sidecar.terms.push(term);
    }
    sidecar.keys.sort_unstable();
    Ok(sidecar)
}

fn frequent_term(
    inverted: &InvertedIndexReader,
    info: &TermInfo,
    norms: &FieldNormReader,
    max_doc: u32,
) -> Result<FrequentTerm, IndexError> {
    let mut postings =
        inverted.read_block_postings_from_terminfo(info, IndexRecordOption::WithFreqs)?;
    let mut term = FrequentTerm {
        bits: vec![0; max_doc.div_ceil(u64::BITS) as usize],
        counts: vec![0; (info.doc_freq as usize).div_ceil(2)],
        ..FrequentTerm::default()
    };
    let mut peaks = WindowPeaks::default();
    let mut rank: u32 = 0;
    while postings.block_len() > 0 {
        for (&document, &count) in postings.docs().iter().zip(postings.freqs()) {
            if let Some(word) = term.bits.get_mut((document / u64::BITS) as usize) {
                *word |= 1 << (document % u64::BITS);
            }
            let small = u8::try_from(count).unwrap_or(LARGE).min(LARGE);
            if let Some(pair) = term.counts.get_mut(rank as usize / 2) {
                *pair |= small << (rank % 2 * 4);
            }
            if small == LARGE {
                term.large.push((rank, count));
            }
            rank += 1;
            peaks.add(
                &mut term,
                document / WINDOW_CHUNKS,
                norms.fieldnorm_id(document),
                count,
            );
        }
        postings.advance();
    }
    peaks.finish(&mut term, max_doc.div_ceil(WINDOW_CHUNKS));
    let mut before = 0;
    for block in term.bits.chunks(RANK_WORDS) {
        term.ranks.push(before);
        before += block.iter().map(|word| word.count_ones()).sum::<u32>();
    }
    Ok(term)
}

/// The peaks of the window that is being read.
#[derive(Default)]
struct WindowPeaks {
    current: Vec<Peak>,
}

impl WindowPeaks {
    fn add(&mut self, term: &mut FrequentTerm, window: u32, norm: u8, count: u32) {
        self.begin(term, window);
        let count = u8::try_from(count).unwrap_or(UNBOUNDED_COUNT);
        let covers = |peak: &Peak| peak.norm <= norm && peak.count >= count;
        if !self.current.iter().any(covers) {
            self.current
                .retain(|peak| !(norm <= peak.norm && count >= peak.count));
            self.current.push(Peak { norm, count });
        }
    }

    /// Closes every window before `window`.
    fn begin(&mut self, term: &mut FrequentTerm, window: u32) {
        while term.peak_starts.len() <= window as usize {
            term.peaks.append(&mut self.current);
            // A few peaks a window, so their number fits.
            let start = u32::try_from(term.peaks.len()).unwrap_or(u32::MAX);
            term.peak_starts.push(start);
        }
    }

    fn finish(mut self, term: &mut FrequentTerm, windows: u32) {
        self.begin(term, windows);
        term.peaks.shrink_to_fit();
    }
}
