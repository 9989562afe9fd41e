//! From query text to weighted terms.
//!
//! Query text is plain words. No operator and no field name means anything (leaks B6, B8); a
//! quoted phrase is the one exception. Terms are looked up, never expanded, so the dictionary of
//! other people's documents cannot show (leak N7).

use std::collections::{HashMap, HashSet};

use ambit_indexer::index::analyzer::{self, Word};
use thiserror::Error;

/// Longest query, in bytes.
pub const MAX_QUERY_BYTES: usize = 8 * 1024;
/// Most words of a query that are looked up; what follows says little (alert templates).
const MAX_PARTS: usize = 192;
/// Most terms of a phrase.
const MAX_PHRASE_PARTS: usize = 32;
/// Most phrases of a query; further ones are plain words.
const MAX_PHRASES: usize = 8;

/// Weights, chosen by measurement (`benches/relevance.rs`; `docs/relevance.md` has the figures).
mod weight {
    /// A word of prose.
    pub(super) const WORD: f64 = 1.0;
    /// A part of an identifier that stands in the query as one.
    pub(super) const PART: f64 = 0.6;
    /// An identifier exactly as written.
    pub(super) const EXACT: f64 = 1.0;
    /// A whole identifier, however its parts are joined.
    pub(super) const WHOLE: f64 = 2.0;
    /// Adjacent words or parts, joined, where a document writes them as one name.
    pub(super) const PAIR: f64 = 0.5;
    /// Three or more adjacent words, joined.
    pub(super) const LONG_JOIN: f64 = 1.5;
    /// Words from this one on count less the later they come.
    pub(super) const FULL_UNTIL: usize = 8;
    /// What the last words of a long text still count.
    pub(super) const LEAST: f64 = 0.35;
    /// How quickly words lose weight.
    pub(super) const DECAY: f64 = 0.04;
}

/// Longest run of adjacent words that is looked up as one name.
const MAX_JOIN: usize = 6;

/// Words that carry no meaning in a query; they still count in phrases and within names.
const STOP_WORDS: [&str; 48] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "does", "for", "from",
    "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "my", "no", "not", "of",
    "on", "or", "so", "such", "that", "the", "their", "then", "there", "these", "they", "this",
    "to", "was", "we", "what", "when", "will", "with", "you",
];

/// Why a query is not usable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// Nothing to look for.
    #[error("query holds no word")]
    Empty,
    /// Too long.
    #[error("query is longer than {MAX_QUERY_BYTES} bytes")]
    TooLong,
}

/// A term to look up.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedTerm {
    /// The term as the index has it.
    pub text: String,
    /// What its BM25 contribution is multiplied by; above 0.
    pub weight: f64,
}

/// What to look up, in an order that depends on the query text alone.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedQuery {
    /// Distinct terms in order of appearance.
    pub terms: Vec<WeightedTerm>,
    /// Phrases that a chunk has to hold, each as consecutive terms.
    pub phrases: Vec<Vec<String>>,
}

impl WeightedQuery {
    /// Reads query text.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(QueryError::TooLong);
        }
        let mut words = analyzer::words(text);
        truncate(&mut words);
        let mut builder = Builder::default();
        builder.add_words(&words, true);
        if builder.order.is_empty() {
            // Stop words only: better than nothing.
            builder.add_words(&words, false);
        }
        builder.add_joins(&words);
        if builder.order.is_empty() {
            return Err(QueryError::Empty);
        }
        Ok(Self {
            terms: builder.order,
            phrases: quoted(text),
        })
    }
}

#[derive(Default)]
struct Builder {
    order: Vec<WeightedTerm>,
    positions: HashMap<String, usize>,
}

impl Builder {
    fn add(&mut self, text: String, weight: f64) {
        let found = self.positions.get(&text).copied();
        match found.and_then(|position| self.order.get_mut(position)) {
            Some(term) => term.weight = term.weight.max(weight),
            None => {
                self.positions.insert(text.clone(), self.order.len());
                self.order.push(WeightedTerm { text, weight });
            }
        }
    }

    /// The words themselves, and identifiers whole and in pairs.
    fn add_words(&mut self, words: &[Word], without_stop_words: bool) {
        let mut position = 0;
        for word in words {
            let early = earliness(position);
            let alone = word.parts.len() == 1;
            for part in &word.parts {
                let stop = without_stop_words && alone && STOP_WORDS.contains(&part.as_str());
                let base = if alone { weight::WORD } else { weight::PART };
                if !stop {
                    self.add(analyzer::stem_part(part), base * early);
                }
            }
            for whole in &word.wholes {
                self.add(whole.exact.clone(), weight::EXACT * early);
                if let Some(parts) = word.parts.get(whole.start..whole.end) {
                    self.add(analyzer::joined(parts), weight::WHOLE * early);
                }
            }
            for pair in word.parts.windows(2).filter(|_| word.parts.len() > 2) {
                self.add(analyzer::joined(pair), weight::PAIR * early);
            }
            position += word.parts.len();
        }
    }

    /// Adjacent words joined, in case a document writes them as one name: `kube pod crash
    /// looping` finds `KubePodCrashLooping`, `failover` finds `fail-over`.
    fn add_joins(&mut self, words: &[Word]) {
        let parts: Vec<&str> = words
            .iter()
            .flat_map(|word| word.parts.iter().map(String::as_str))
            .collect();
        for (position, part) in parts.iter().enumerate() {
            let early = earliness(position);
            if !STOP_WORDS.contains(part) {
                self.add(analyzer::joined(&[part]), weight::PAIR * early);
            }
            for length in 2..=MAX_JOIN {
                let Some(run) = parts.get(position..position + length) else {
                    break;
                };
                let base = if length == 2 {
                    weight::PAIR
                } else {
                    weight::LONG_JOIN
                };
                self.add(analyzer::joined(run), base * early);
            }
        }
    }
}

/// Words at the beginning of a long alert text say more than its template's tail.
fn earliness(position: usize) -> f64 {
    let late = position.saturating_sub(weight::FULL_UNTIL);
    // At most `MAX_PARTS`, so the conversion is exact.
    let late = f64::from(u32::try_from(late).unwrap_or(u32::MAX));
    (1.0 - weight::DECAY * late).max(weight::LEAST)
}

fn truncate(words: &mut Vec<Word>) {
    let mut parts = 0;
    words.retain(|word| {
        parts += word.parts.len();
        parts <= MAX_PARTS
    });
}

/// The quoted phrases of a query, as terms. A quotation mark without a partner means nothing.
fn quoted(text: &str) -> Vec<Vec<String>> {
    let pieces: Vec<&str> = text.split('"').collect();
    let closed = pieces.len().saturating_sub(1) / 2 * 2;
    let mut seen = HashSet::new();
    pieces
        .iter()
        .take(closed)
        .skip(1)
        .step_by(2)
        .map(|phrase| {
            let words = analyzer::words(phrase);
            let parts = words.iter().flat_map(|word| &word.parts);
            let terms = parts.map(|part| analyzer::stem_part(part));
            terms.take(MAX_PHRASE_PARTS).collect::<Vec<_>>()
        })
        .filter(|terms| terms.len() > 1 && seen.insert(terms.clone()))
        .take(MAX_PHRASES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_PHRASES, WeightedQuery};

    #[test]
    fn phrases_count_once_and_are_bounded() {
        let same = "\"roll back the service\" ".repeat(300);
        assert_eq!(WeightedQuery::parse(&same).unwrap().phrases.len(), 1);
        let many: String = (0..200).map(|n| format!("\"phrase number{n}\" ")).collect();
        let query = WeightedQuery::parse(&many).unwrap();
        assert_eq!(query.phrases.len(), MAX_PHRASES);
        assert_eq!(query.phrases[0], ["phrase", "number0"]);
    }

    #[test]
    fn an_odd_quotation_mark_means_nothing() {
        let query = WeightedQuery::parse("disk \" full").unwrap();
        assert!(query.phrases.is_empty());
    }
}
