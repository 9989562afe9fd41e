//! Counting tokens with `o200k_base`. Models count differently, so a figure is an estimate and is
//! labelled so.

use tiktoken_rs::o200k_base_singleton;

/// Name of the encoding that budgets are counted in.
pub(crate) const ENCODING: &str = "o200k_base";

/// Tokens of a text; special tokens in it count as the text that they are.
pub(super) fn count(text: &str) -> usize {
    o200k_base_singleton().count_ordinary(text)
}

/// Loads the vocabulary, so that the first request does not wait for it.
pub(crate) fn load() {
    let _vocabulary = o200k_base_singleton();
}
