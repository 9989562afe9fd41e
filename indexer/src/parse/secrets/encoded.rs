//! Secrets in base64 or with `%2D` for `-`: decoded once and looked at with the same rules.
//!
//! Upholds leak L4. One level only: what is encoded twice is no accident, and unlimited levels
//! would let a small document cost much time.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Secret, disjoint, plain};

/// Shortest stretch worth decoding: 30 bytes, less than any token with a prefix.
const MIN_BASE64: usize = 40;
/// Shortest decoded text that is looked at.
const MIN_TEXT: usize = 16;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Stretches of base64 whose decoded text holds a secret; the whole stretch is the finding.
pub(super) fn base64(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    for stretch in stretches(text) {
        let letters: String = stretch.parts.iter().copied().collect();
        let Some(decoded) = decode(&letters) else {
            continue;
        };
        if let Some(first) = disjoint(plain(&decoded)).first() {
            found.push(Secret {
                range: stretch.start..stretch.end,
                kind: first.kind,
            });
        }
    }
    found
}

/// Base64 in one line, or wrapped into lines of equal length.
struct Stretch<'text> {
    start: usize,
    end: usize,
    parts: Vec<&'text str>,
    width: usize,
    /// Whether it began and ended with its line, so that the next line may go on with it.
    open: bool,
}

fn stretches(text: &str) -> Vec<Stretch<'_>> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let mut found: Vec<Stretch<'_>> = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t', '>']);
        let mut position = line_start + line.len() - content.len();
        let content = content.trim_end();
        let letters = content.trim_end_matches('=');
        let whole = !letters.is_empty() && letters.chars().all(is_letter);
        if let Some(last) = found.last_mut().filter(|last| last.open) {
            last.open = whole && letters.len() == last.width && letters.len() == content.len();
            if whole && letters.len() <= last.width {
                last.parts.push(letters);
                last.end = position + content.len();
                line_start += line.len();
                continue;
            }
            last.open = false;
        }
        for word in content.split_inclusive(|c| !is_letter(c)) {
            let letters = word.trim_end_matches(|c| !is_letter(c));
            if letters.len() >= MIN_BASE64 {
                let end = position + letters.len();
                let padding = text.get(end..).unwrap_or_default().bytes();
                found.push(Stretch {
                    start: position,
                    end: end + padding.take(2).take_while(|byte| *byte == b'=').count(),
                    parts: vec![letters],
                    width: letters.len(),
                    open: position + letters.len() == line_start + line.trim_end().len(),
                });
            }
            position += word.len();
        }
        line_start += line.len();
    }
    found
}

/// The text that base64 stands for, as far as it is UTF-8; UTF-16 of ASCII is read as well
/// (`powershell -EncodedCommand`).
fn decode(letters: &str) -> Option<String> {
    let mut letters = letters.replace('-', "+").replace('_', "/");
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    let mut bytes = LENIENT.decode(letters).ok()?;
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    if zeros * 3 > bytes.len() {
        bytes.retain(|byte| *byte != 0);
    }
    let text = bytes.utf8_chunks().next()?.valid();
    (text.len() >= MIN_TEXT).then(|| text.to_owned())
}

/// Words with `%XX` in them whose decoded text holds a secret.
pub(super) fn percent(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    if !text.contains('%') {
        return found;
    }
    let is_edge = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
    let mut position = 0;
    for word in text.split_inclusive(is_edge) {
        if word.as_bytes().contains(&b'%') {
            found.extend(in_percent_word(word, position));
        }
        position += word.len();
    }
    found
}

fn in_percent_word(word: &str, offset: usize) -> Vec<Secret> {
    let mut bytes = Vec::with_capacity(word.len());
    // Where each decoded byte began in the text, and where the last one ended.
    let mut sources = Vec::with_capacity(word.len() + 1);
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        sources.push(offset + word.len() - rest.len());
        let digits = match rest {
            [b'%', high, low, ..] => hex_value(*high).zip(hex_value(*low)),
            _ => None,
        };
        match digits {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    sources.push(offset + word.len());
    let Ok(decoded) = String::from_utf8(bytes) else {
        return Vec::new();
    };
    if decoded.len() == word.len() {
        return Vec::new();
    }
    let mut found = plain(&decoded);
    found.extend(base64(&decoded));
    let located = disjoint(found).into_iter().filter_map(|secret| {
        let start = *sources.get(secret.range.start)?;
        let end = *sources.get(secret.range.end)?;
        let kind = secret.kind;
        Some(Secret {
            range: start..end,
            kind,
        })
    });
    located.collect()
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
