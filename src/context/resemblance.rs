//! Near-identical passages: the same procedure in two documents should be paid for once.

use std::collections::HashSet;

/// Words of a shingle.
const SHINGLE: usize = 4;
/// Share of the smaller passage's shingles from which two passages count as the same.
const SAME: f64 = 0.85;

/// The shingles of a passage.
pub(super) struct Fingerprint {
    shingles: HashSet<Vec<String>>,
}

impl Fingerprint {
    /// Of a text, ignoring case, punctuation and white space.
    pub(super) fn of(text: &str) -> Self {
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let shingles = if words.is_empty() {
            // No words at all: the same only as the same characters.
            HashSet::from([vec![text.trim().to_owned()]])
        } else if words.len() < SHINGLE {
            HashSet::from([words])
        } else {
            words.windows(SHINGLE).map(<[String]>::to_vec).collect()
        };
        Self { shingles }
    }

    /// Whether `self` says hardly anything that `other` does not.
    pub(super) fn is_contained_in(&self, other: &Self) -> bool {
        let shared = self.shingles.intersection(&other.shingles).count();
        // Passages have far fewer than 2^52 shingles.
        shared as f64 >= SAME * self.shingles.len() as f64
    }
}
