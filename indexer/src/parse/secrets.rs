//! Finds keys, tokens, passwords and connection strings, and replaces them by `[REDACTED:kind]`.
//!
//! Upholds leaks L3 and L4: a secret is neither shown nor searchable, also where it is base64 or
//! URL-encoded. A replaced secret keeps its line breaks, so that line numbers hold. Hashes, UUIDs
//! and revision ids are no secrets and stay: `rules` says what is looked for, `plausible` what a
//! value must look like where only its name gives it away.

mod encoded;
mod plausible;
mod rules;

use std::ops::Range;

use plausible::Candidate;
use rules::rules;

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Which sort, as in `[REDACTED:kind]`.
    pub kind: &'static str,
}

/// Finds all secrets of a text: ordered, disjoint, not empty.
pub fn find(text: &str) -> Vec<Secret> {
    let mut found = plain(text);
    found.extend(encoded::base64(text));
    found.extend(encoded::percent(text));
    disjoint(found)
}

/// Replaces secrets that [`find`] found in this text.
pub fn redact(text: &str, secrets: &[Secret]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut position = 0;
    for Secret { range, kind } in secrets {
        clean.push_str(text.get(position..range.start).unwrap_or_default());
        clean.push_str("[REDACTED:");
        clean.push_str(kind);
        clean.push(']');
        let replaced = text.get(range.clone()).unwrap_or_default();
        clean.extend(replaced.chars().filter(|c| *c == '\n'));
        position = range.end;
    }
    clean.push_str(text.get(position..).unwrap_or_default());
    clean
}

/// Secrets that stand in the text as they are.
fn plain(text: &str) -> Vec<Secret> {
    let rules = rules();
    let mut found = private_keys(text);
    for (rule, pattern) in &rules.list {
        for groups in pattern.captures_iter(text.as_bytes()) {
            let Some(value) = groups.name("v") else {
                continue;
            };
            // The patterns know bytes, and may stop within a character that is not ASCII.
            let mut range = value.range();
            while !text.is_char_boundary(range.end) {
                range.end += 1;
            }
            let candidate = Candidate {
                before: tail(text.get(..range.start).unwrap_or_default()),
                after: text.get(range.end..).unwrap_or_default(),
                value: text.get(range.clone()).unwrap_or_default(),
                key: groups
                    .name("k")
                    .map_or("", |key| name_around(text, key.range())),
            };
            if !range.is_empty() && (rule.check)(&candidate) {
                let kind = rule.kind;
                found.push(Secret { range, kind });
            }
        }
    }
    found
}

fn tail(text: &str) -> &str {
    let mut start = text.len().saturating_sub(MAX_BEFORE);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

/// The whole name of which a pattern matched the telling part, and the mark before it.
fn name_around(text: &str, part: Range<usize>) -> &str {
    let before = text.get(..part.start).unwrap_or_default();
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let more = before
        .as_bytes()
        .iter()
        .rev()
        .take(MAX_NAME)
        .take_while(is_name);
    text.get(part.start - more.count()..part.end)
        .unwrap_or_default()
}

/// Longest private key looked for, in bytes; an RSA key of 16384 bits has about 13000.
const MAX_PEM_BYTES: usize = 16 * 1024;
/// Most of the text before a value that a rule may look at. Without a bound, one long line with
/// many candidates would cost quadratic time.
const MAX_BEFORE: usize = 400;
/// Longest beginning of a name that is looked at.
const MAX_NAME: usize = 60;
/// Fewest characters of key material; less is a placeholder such as `...`.
const MIN_PEM_LETTERS: usize = 24;

/// Private keys in PEM, over several lines or in one with `\n` written out. A key whose end is
/// missing is as secret as a whole one.
fn private_keys(text: &str) -> Vec<Secret> {
    let pattern = &rules().private_key;
    let mut found = Vec::new();
    let mut headers = pattern.find_iter(text.as_bytes()).peekable();
    while let Some(header) = headers.next() {
        let mut limit = text.len().min(header.end() + MAX_PEM_BYTES);
        if let Some(next) = headers.peek() {
            limit = limit.min(next.start());
        }
        while !text.is_char_boundary(limit) {
            limit -= 1;
        }
        let after = text.get(header.end()..limit).unwrap_or_default();
        let body = match after.find("-----END") {
            Some(position) => after.get(..position).unwrap_or_default(),
            None => {
                let is_material =
                    |c: char| c.is_ascii_alphanumeric() || "+/=\\\"',: \n\t>-".contains(c);
                let end = after.find(|c| !is_material(c)).unwrap_or(after.len());
                after.get(..end).unwrap_or_default().trim_end()
            }
        };
        let letters = body
            .bytes()
            .filter(|byte| byte.is_ascii_alphanumeric())
            .count();
        if letters < MIN_PEM_LETTERS || body.contains("[REDACTED") {
            continue;
        }
        let mut end = header.end() + body.len();
        let rest = text.get(end..).unwrap_or_default();
        if let Some(footer) = rules().private_key_end.find(rest.as_bytes()) {
            end += footer.end();
        }
        found.push(Secret {
            range: header.start()..end,
            kind: "private-key",
        });
    }
    found
}

/// Sorts, and joins what overlaps; the finding that begins first names the kind, unless
/// it knows nothing better than that it is one.
fn disjoint(mut found: Vec<Secret>) -> Vec<Secret> {
    found.sort_by(|a, b| {
        let by_end = b.range.end.cmp(&a.range.end);
        a.range.start.cmp(&b.range.start).then(by_end)
    });
    let mut joined: Vec<Secret> = Vec::with_capacity(found.len());
    for secret in found {
        match joined.last_mut() {
            Some(last) if secret.range.start < last.range.end => {
                last.range.end = last.range.end.max(secret.range.end);
                if last.kind == rules::GENERIC {
                    last.kind = secret.kind;
                }
            }
            _ => joined.push(secret),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
