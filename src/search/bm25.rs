//! BM25: the formula, in one place, so that every way of ranking computes the same bits.

/// Term saturation (Robertson and Zaragoza 2009, with Lucene's defaults).
const K1: f64 = 1.2;
/// Length normalisation.
const B: f64 = 0.75;
/// What saturation approaches as a count grows.
pub(super) const HIGHEST_SATURATION: f64 = K1 + 1.0;

/// What is counted over the chunks that a caller may read, and over no others (leaks N1-N3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Statistics {
    /// Chunks.
    pub(super) chunks: u64,
    /// Terms of all these chunks, counted exactly.
    pub(super) terms: u64,
}

impl Statistics {
    /// `ln(1 + (N - df + 0.5) / (df + 0.5))`, which is positive for every `df <= N`.
    pub(super) fn inverse_document_frequency(self, frequency: u64) -> f64 {
        // Counts are far below 2^53, so the conversions are exact.
        let (df, n) = (frequency as f64, self.chunks as f64);
        (1.0 + (n - df + 0.5) / (df + 0.5)).ln()
    }

    /// `tf (k1 + 1) / (tf + k1 (1 - b + b dl / avgdl))`.
    pub(super) fn saturation(self, count: u32, length: u32) -> f64 {
        let count = f64::from(count);
        count * (K1 + 1.0) / (count + self.damping(length))
    }

    /// `k1 (1 - b + b dl / avgdl)`.
    pub(super) fn damping(self, length: u32) -> f64 {
        let average = self.terms as f64 / self.chunks as f64;
        let relative = if average > 0.0 {
            f64::from(length) / average
        } else {
            1.0
        };
        K1 * (1.0 - B + B * relative)
    }
}
