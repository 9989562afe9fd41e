//! Counting tokens with `o200k_base`. Models count differently, so a figure is an estimate and is
//! labelled so.

use tiktoken_rs::o200k_base_singleton;

/// Name of the encoding that budgets are counted in.
pub(crate) const ENCODING: &str = "o200k_base";

/// Longest piece that is counted at once. The encoder's patterns backtrack, and give up on runs of
/// a million spaces.
const PIECE_BYTES: usize = 16 * 1024;

/// Tokens of a text; special tokens in it count as the text that they are. A long text is counted
/// in pieces, which can differ from the whole by a token or so at each cut.
pub(super) fn count(text: &str) -> usize {
    let mut rest = text;
    let mut tokens = 0;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cut(rest));
        tokens += o200k_base_singleton().count_ordinary(piece);
        rest = after;
    }
    tokens
}

/// Where the first piece ends: behind a line if there is one, else between characters.
fn cut(text: &str) -> usize {
    if text.len() <= PIECE_BYTES {
        return text.len();
    }
    let limit = text.floor_char_boundary(PIECE_BYTES);
    let first = text.get(..limit).unwrap_or_default();
    match first.rfind('\n') {
        Some(line) => line + 1,
        None => limit,
    }
}

/// Loads the vocabulary, so that the first request does not wait for it.
pub(crate) fn load() {
    let _vocabulary = o200k_base_singleton();
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn a_long_text_counts_about_as_much_in_pieces() {
        let line = "kubectl -n prod get pods --selector app=orders -o wide\n";
        let one = count(line);
        let many = count(&line.repeat(2_000));
        assert!(many >= one * 2_000 * 9 / 10 && many <= one * 2_000 * 11 / 10);
    }

    /// The encoder itself gives up on such a run.
    #[test]
    fn a_million_spaces_can_be_counted() {
        let text = format!("kiwi{}z", " ".repeat(1_200_000));
        assert!(count(&text) > 2);
    }
}
