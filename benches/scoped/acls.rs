//! Who may read what: many access lists of very different size, and callers for given fractions.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// Number of access lists; each grants one group.
pub(crate) const CLASSES: usize = 2_000;
/// The size of list `n` falls as `(n + SHIFT) ^ -SKEW`; the largest has about 2.5 % of the
/// documents.
const SKEW: f64 = 0.8;
const SHIFT: f64 = 3.0;

/// Draws the list of a document, whatever came before.
pub(crate) struct Classes {
    cumulative: Vec<f64>,
}

impl Classes {
    pub(crate) fn new() -> Self {
        let mut sum = 0.0;
        let sizes = (0..CLASSES).map(|class| (class as f64 + SHIFT).powf(-SKEW));
        let cumulative = sizes
            .map(|size| {
                sum += size;
                sum
            })
            .collect();
        Self { cumulative }
    }

    pub(crate) fn draw(&self, random: &mut StdRng) -> u64 {
        let at = random.r#gen::<f64>() * self.cumulative[CLASSES - 1];
        self.cumulative.partition_point(|sum| *sum <= at) as u64
    }
}

/// Lists that together hold about `fraction` of the chunks, in no particular order.
pub(crate) fn caller(sizes: &[u64], fraction: f64, random: &mut StdRng) -> Vec<u64> {
    let mut classes: Vec<u64> = (0..sizes.len() as u64).collect();
    if fraction >= 1.0 {
        return classes;
    }
    classes.shuffle(random);
    let total: u64 = sizes.iter().sum();
    let wanted = (total as f64 * fraction) as u64;
    let most = wanted + wanted / 20;
    let mut held = 0;
    classes.retain(|class| {
        let size = sizes[*class as usize];
        // A list that is too large is passed over.
        let taken = size > 0 && held < wanted && held + size <= most;
        held += if taken { size } else { 0 };
        taken
    });
    classes
}
