//! What a count in a chunk of a length is worth, for pruning: BM25's saturation in `f32`, from a
//! table.
//!
//! These are estimates of what [`Statistics::saturation`] computes, off by a rounding or two.
//! They decide which chunks are looked at, with [`slack`] to be on the safe side, and never show
//! in a score.

use tantivy::fieldnorm::FieldNormReader;

use super::bm25::{HIGHEST_SATURATION, Statistics};
use ambit_indexer::index::{Peak, UNBOUNDED_COUNT};

const NORMS: usize = 256;
/// Counts below this are in the table.
const COUNTS: usize = 16;

/// Saturation by count and field norm, for one average length.
pub(super) struct Shares {
    damping: Box<[f32; NORMS]>,
    table: Box<[f32; COUNTS * NORMS]>,
}

impl Shares {
    pub(super) fn new(statistics: Statistics) -> Self {
        let mut damping = Box::new([0.0; NORMS]);
        for (slot, norm) in damping.iter_mut().zip(0u8..=u8::MAX) {
            let length = FieldNormReader::id_to_fieldnorm(norm);
            *slot = statistics.damping(length) as f32;
        }
        let mut table = Box::new([0.0; COUNTS * NORMS]);
        let (rows, _) = table.as_chunks_mut::<NORMS>();
        for (row, count) in rows.iter_mut().zip(0u16..) {
            let count = f32::from(count);
            for (slot, damping) in row.iter_mut().zip(damping.iter()) {
                *slot = saturation(count, *damping);
            }
        }
        Self { damping, table }
    }

    /// The share of a chunk with this count and norm.
    #[inline]
    pub(super) fn share(&self, count: u32, norm: u8) -> f32 {
        let place = count as usize * NORMS + usize::from(norm);
        if let Some(share) = self.table.get(place) {
            return *share;
        }
        let damping = self.damping.get(usize::from(norm)).copied();
        saturation(count as f32, damping.unwrap_or(0.0))
    }

    /// The highest share that chunks with these peaks can have.
    #[inline]
    pub(super) fn highest(&self, peaks: &[Peak]) -> f32 {
        let share = |peak: &Peak| match peak.count {
            UNBOUNDED_COUNT => HIGHEST_SATURATION as f32,
            count => self.share(u32::from(count), peak.norm),
        };
        peaks.iter().map(share).fold(0.0, f32::max)
    }
}

fn saturation(count: f32, damping: f32) -> f32 {
    count * HIGHEST_SATURATION as f32 / (count + damping)
}

/// The estimate that a chunk with a score of `floor` reaches for certain, if it is the sum of so
/// many shares.
///
/// Each operation on an `f32` is off by at most one part in 2^24. A share takes five, its product
/// with a term's value two, and each addition one; twice as much is left.
pub(super) fn slack(floor: f64, terms: usize) -> f32 {
    let roundings = terms as f64 + 16.0;
    let safe = floor * (1.0 - roundings / f64::from(1 << 22));
    // Rounding to `f32` may go up by half of the smallest step, which is far within the slack.
    safe as f32
}
