//! Text to terms, for operations text: identifiers whole and in parts, stems for prose.
//!
//! `KubePodCrashLooping` becomes the parts `kube pod crash loop` and the marked terms for the
//! whole name and for its adjacent pairs. A marked term is its parts joined without separators,
//! so `kube_pod_crash_looping`, `kube-pod-crash-looping` and the words of a query, joined, all
//! meet. The same code reads documents and queries.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;

/// First character of a marked term (a whole identifier or a pair of its parts). It cannot occur
/// in a plain term.
pub const MARK: char = '=';
/// First character of an identifier exactly as written, case and separators included.
pub const EXACT_MARK: char = '#';
/// Longest part, in characters; what is longer is cut, in documents and queries alike.
const MAX_PART_CHARS: usize = 80;
/// Longest identifier that is kept as written, in characters; what is longer is cut likewise.
const MAX_EXACT_CHARS: usize = 160;
/// Most parts of an identifier that is still indexed whole.
const MAX_WHOLE_PARTS: usize = 16;

/// One term with the position of its (first) part among the parts of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The term: a stem, or [`MARK`] and joined parts.
    pub text: String,
    /// Position of the part, or of the first part of a marked term.
    pub position: u32,
    /// Number of the word in the text, from 0.
    pub word: u32,
}

/// A word of a text: what stood between white space, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Lower-cased parts, in order.
    pub parts: Vec<String>,
    /// Runs of parts that were written together; each has at least two parts, or is one part that
    /// mixes letters and digits.
    pub wholes: Vec<Whole>,
}

/// An identifier within a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// First part.
    pub start: usize,
    /// One past the last part.
    pub end: usize,
    /// The term for it exactly as written.
    pub exact: String,
}

/// Takes text apart into words. Normalises to NFKC and lower case.
pub fn words(text: &str) -> Vec<Word> {
    let normalised: String = text.nfkc().collect();
    normalised
        .split(|c: char| c.is_whitespace() || is_bracket(c))
        .filter_map(word)
        .collect()
}

/// The terms under which a text is indexed.
pub fn document_terms(text: &str) -> Vec<Term> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut terms = Vec::new();
    let mut position = 0u32;
    for (number, word) in words(text).iter().enumerate() {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let mut wholes: Vec<&Whole> = word.wholes.iter().collect();
        wholes.sort_by_key(|whole| whole.start);
        let mut wholes = wholes.into_iter().peekable();
        // How far the wholes reach that have begun: pairs are formed within them.
        let mut reach = 0;
        for (offset, part) in word.parts.iter().enumerate() {
            let at = position.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
            let mut texts = vec![stem(&stemmer, part)];
            let mut ends = Vec::new();
            while let Some(whole) = wholes.next_if(|whole| whole.start <= offset) {
                texts.push(whole.exact.clone());
                ends.push(whole.end);
                reach = reach.max(whole.end);
            }
            if offset + 2 <= reach {
                ends.push(offset + 2);
            }
            ends.sort_unstable();
            ends.dedup();
            let runs = ends
                .into_iter()
                .filter_map(|end| word.parts.get(offset..end));
            texts.extend(runs.map(joined));
            terms.extend(texts.into_iter().map(|text| Term {
                text,
                position: at,
                word: number,
            }));
        }
        let length = u32::try_from(word.parts.len()).unwrap_or(u32::MAX);
        position = position.saturating_add(length);
    }
    terms
}

/// The stem of a lower-cased part: English for plain ASCII words, the part itself otherwise.
pub fn stem_part(part: &str) -> String {
    stem(&Stemmer::create(Algorithm::English), part)
}

/// A marked term from the parts of a name.
pub fn joined<S: AsRef<str>>(parts: &[S]) -> String {
    let mut text = String::from(MARK);
    for part in parts {
        text.push_str(part.as_ref());
    }
    text
}

fn stem(stemmer: &Stemmer, part: &str) -> String {
    if part.len() > 2 && part.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return stemmer.stem(part).into_owned();
    }
    part.to_owned()
}

/// Characters that end a word like white space does.
fn is_bracket(c: char) -> bool {
    matches!(
        c,
        '(' | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '<'
            | '>'
            | '"'
            | '\''
            | '`'
            | '|'
            | ','
            | ';'
            | '…'
            | '“'
            | '”'
            | '„'
            | '«'
            | '»'
            | '、'
            | '。'
            | '「'
            | '」'
    )
}

/// Splits one word at three depths: `/ = & ?` and the like, then `. :`, then `- _` and case.
fn word(raw: &str) -> Option<Word> {
    let mut word = Word::default();
    let outer = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | ':' | '-' | '_'));
    for segment in raw.split(outer).filter(|segment| !segment.is_empty()) {
        let segment_start = word.parts.len();
        for piece in segment.split(['.', ':']).filter(|piece| !piece.is_empty()) {
            let piece_start = word.parts.len();
            for run in piece.split(|c: char| !c.is_alphanumeric()) {
                push_parts(run, &mut word.parts);
            }
            push_whole(&mut word, piece_start, piece);
        }
        push_whole(&mut word, segment_start, segment);
    }
    push_whole(&mut word, 0, raw);
    (!word.parts.is_empty()).then_some(word)
}

/// Notes that the parts from `start` on were written together, unless that says nothing new.
fn push_whole(word: &mut Word, start: usize, written: &str) {
    let end = word.parts.len();
    let single_mixed = end == start + 1
        && word.parts.get(start).is_some_and(|part| {
            part.contains(|c: char| c.is_ascii_digit()) && part.contains(char::is_alphabetic)
        });
    // What has the same range was pushed just before: the one piece of a segment, or the one
    // segment of a word.
    let last = word.wholes.last();
    let known = last.is_some_and(|last| (last.start, last.end) == (start, end));
    let whole = end >= start + 2 && end - start <= MAX_WHOLE_PARTS;
    if known || !(whole || single_mixed) {
        return;
    }
    let written = written.trim_matches(|c: char| !c.is_alphanumeric());
    let mut exact = String::from(EXACT_MARK);
    exact.extend(written.chars().take(MAX_EXACT_CHARS));
    word.wholes.push(Whole { start, end, exact });
}

/// Splits a run of letters and digits at case changes and around ideographs; lower-cases.
fn push_parts(run: &str, parts: &mut Vec<String>) {
    let characters: Vec<char> = run.chars().collect();
    let mut part = String::new();
    let mut length = 0;
    for (position, &c) in characters.iter().enumerate() {
        let before = position.checked_sub(1).and_then(|at| characters.get(at));
        let after = characters.get(position + 1);
        if before.is_some_and(|before| is_boundary(*before, c, after.copied())) && !part.is_empty()
        {
            parts.push(std::mem::take(&mut part));
            length = 0;
        }
        if length < MAX_PART_CHARS {
            part.extend(c.to_lowercase());
            length += 1;
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
}

/// Whether a part ends between `before` and `c`.
fn is_boundary(before: char, c: char, after: Option<char>) -> bool {
    if is_ideograph(before) || is_ideograph(c) {
        return true;
    }
    // camelCase and node3Ready, but not k8s or 0x80070005.
    if c.is_uppercase() && (before.is_lowercase() || before.is_numeric()) {
        return before.is_lowercase() || after.is_some_and(char::is_lowercase);
    }
    // HTTPServer: the last capital of a run begins the next part.
    c.is_uppercase() && before.is_uppercase() && after.is_some_and(char::is_lowercase)
}

/// Scripts written without spaces, where each character is a part of its own.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ffff}')
}
