//! Making a sidecar from a segment.

use std::cmp::Reverse;

use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::TermInfo;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, SegmentReader};

use super::{
    FrequentTerm, LARGE, Peak, RANK_WORDS, Sidecar, UNBOUNDED_COUNT, WINDOW_CHUNKS, WindowPeaks,
};
use crate::index::IndexError;

/// A term in fewer chunks needs no peaks: all its postings are read in a few microseconds. So a
/// segment with fewer chunks needs no sidecar.
///
/// In a large segment more is asked for: so many chunks a window that its peaks say something.
pub const PEAKS_FROM: u32 = 2048;
const CHUNKS_A_WINDOW: u32 = 4;
/// A term is frequent if it is in one of so many chunks: about where its bits take less room than
/// its postings.
const FREQUENT_ONE_IN: u32 = 32;
/// Most frequent terms of a sidecar: 48 bytes of bits a chunk.
const MAX_FREQUENT: usize = 384;

/// Makes the sidecar of a segment.
pub(in crate::index) fn build(reader: &SegmentReader, field: Field) -> Result<Sidecar, IndexError> {
    let mut sidecar = Sidecar::default();
    let inverted = reader.inverted_index(field)?;
    let norms = reader.get_fieldnorms_reader(field)?;
    let windows = reader.max_doc().div_ceil(WINDOW_CHUNKS);
    let peaks_from = PEAKS_FROM.max(windows * CHUNKS_A_WINDOW);
    let mut infos = Vec::new();
    let mut terms = inverted.terms().stream()?;
    while let Some((_, info)) = terms.next() {
        if info.doc_freq >= peaks_from {
            infos.push(info.clone());
        }
    }
    // The most frequent ones first; which of equally frequent ones makes no difference to any
    // answer.
    infos.sort_by_key(|info| (Reverse(info.doc_freq), info.postings_range.start));
    let frequent_from = reader.max_doc().div_ceil(FREQUENT_ONE_IN);
    for (info, position) in infos.iter().zip(0u32..) {
        let frequent = info.doc_freq >= frequent_from && sidecar.frequent.len() < MAX_FREQUENT;
        let mut read = Reading {
            frequent: frequent.then(|| Bits::new(reader.max_doc(), info.doc_freq)),
            peaks: PeakWriter::default(),
        };
        read.postings(&inverted, info, &norms)?;
        let peaks = read.peaks.finish(windows);
        sidecar
            .keys
            .push((info.postings_range.start as u64, position));
        sidecar.peaks.push(peaks);
        sidecar.frequent.extend(read.frequent.map(Bits::finish));
    }
    sidecar.keys.sort_unstable();
    Ok(sidecar)
}

/// A term that is being read.
struct Reading {
    frequent: Option<Bits>,
    peaks: PeakWriter,
}

impl Reading {
    fn postings(
        &mut self,
        inverted: &InvertedIndexReader,
        info: &TermInfo,
        norms: &FieldNormReader,
    ) -> Result<(), IndexError> {
        let mut postings =
            inverted.read_block_postings_from_terminfo(info, IndexRecordOption::WithFreqs)?;
        while postings.block_len() > 0 {
            for (&document, &count) in postings.docs().iter().zip(postings.freqs()) {
                if let Some(bits) = &mut self.frequent {
                    bits.add(document, count);
                }
                let window = document / WINDOW_CHUNKS;
                self.peaks.add(window, norms.fieldnorm_id(document), count);
            }
            postings.advance();
        }
        Ok(())
    }
}

/// The chunks of a frequent term as they are read.
struct Bits {
    term: FrequentTerm,
    rank: u32,
}

impl Bits {
    fn new(chunks: u32, frequency: u32) -> Self {
        let term = FrequentTerm {
            bits: vec![0; chunks.div_ceil(u64::BITS) as usize],
            counts: vec![0; (frequency as usize).div_ceil(2)],
            ..FrequentTerm::default()
        };
        Self { term, rank: 0 }
    }

    fn add(&mut self, document: DocId, count: u32) {
        let (term, rank) = (&mut self.term, self.rank);
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
        self.rank += 1;
    }

    fn finish(mut self) -> FrequentTerm {
        let mut before = 0;
        for block in self.term.bits.chunks(RANK_WORDS) {
            self.term.ranks.push(before);
            before += block.iter().map(|word| word.count_ones()).sum::<u32>();
        }
        self.term.large.shrink_to_fit();
        self.term
    }
}

/// The peaks of a term as they are read.
#[derive(Default)]
struct PeakWriter {
    written: WindowPeaks,
    current: Vec<Peak>,
}

impl PeakWriter {
    fn add(&mut self, window: u32, norm: u8, count: u32) {
        self.begin(window);
        let count = u8::try_from(count).unwrap_or(UNBOUNDED_COUNT);
        let covers = |peak: &Peak| peak.norm <= norm && peak.count >= count;
        if !self.current.iter().any(covers) {
            self.current
                .retain(|peak| !(norm <= peak.norm && count >= peak.count));
            self.current.push(Peak { norm, count });
        }
    }

    /// Closes every window before `window`.
    fn begin(&mut self, window: u32) {
        while self.written.starts.len() <= window as usize {
            self.written.peaks.append(&mut self.current);
            // A few peaks a window, so their number fits.
            let start = u32::try_from(self.written.peaks.len()).unwrap_or(u32::MAX);
            self.written.starts.push(start);
        }
    }

    fn finish(mut self, windows: u32) -> WindowPeaks {
        self.begin(windows);
        self.written.peaks.shrink_to_fit();
        self.written.starts.shrink_to_fit();
        self.written
    }
}
