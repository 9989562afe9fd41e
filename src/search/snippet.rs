//! Snippets: the lines of a chunk that say most about the query.
//!
//! Upholds NON-INTERFERENCE: terms are weighed by their scoped frequencies (leak N6).

use std::collections::{HashMap, HashSet};

use ambit_indexer::index::analyzer;

use super::query::WeightedQuery;

/// Longest snippet, in characters.
const MAX_CHARS: usize = 280;

/// Picks the line with the most valuable distinct terms, and as many after it as fit.
pub(super) fn snippet(text: &str, query: &WeightedQuery, term_values: &[f64]) -> String {
    let values: HashMap<&str, f64> = query
        .terms
        .iter()
        .zip(term_values)
        .map(|(term, value)| (term.text.as_str(), *value))
        .collect();
    let lines: Vec<&str> = pieces(text);
    let mut best = (0, 0.0);
    for (position, line) in lines.iter().enumerate() {
        let value = value_of(line, &values);
        if value > best.1 {
            best = (position, value);
        }
    }
    joined(lines.get(best.0..).unwrap_or_default())
}

/// Lines, and sentences of long lines.
fn pieces(text: &str) -> Vec<&str> {
    text.lines()
        .flat_map(|line| {
            let sentences = line.split_inclusive(". ");
            let whole = line.chars().count() <= MAX_CHARS;
            let whole_line = whole.then_some(line);
            let split = (!whole).then_some(sentences);
            whole_line.into_iter().chain(split.into_iter().flatten())
        })
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
        .collect()
}

fn value_of(line: &str, values: &HashMap<&str, f64>) -> f64 {
    let terms = analyzer::document_terms(line);
    let mut seen = HashSet::new();
    // Summed in the line's order, so that equal lines have equal values.
    terms
        .iter()
        .filter(|term| seen.insert(term.text.as_str()))
        .filter_map(|term| values.get(term.text.as_str()))
        .sum()
}

fn joined(lines: &[&str]) -> String {
    let mut snippet = String::new();
    let mut length = 0;
    for line in lines {
        let more = line.chars().count() + usize::from(length > 0);
        if length > 0 && length + more > MAX_CHARS {
            break;
        }
        if length > 0 {
            snippet.push(' ');
        }
        snippet.push_str(line);
        length += more;
    }
    if length <= MAX_CHARS {
        return snippet;
    }
    let mut cut: String = snippet.chars().take(MAX_CHARS - 1).collect();
    cut.push('…');
    cut
}
