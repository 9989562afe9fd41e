//! From the bytes of one file to what may be stored and searched. Pure: no clock, no files.
//!
//! The order, and why it is this one:
//!
//! 1. **decode**: size, UTF-8, byte order mark, line endings. Everything after sees `\n` only.
//! 2. **front matter** (`front_matter`): cut off by hand, read strictly, because a policy that is
//!    misread is worse than a document that is missing (FAIL-CLOSED). Its strings are cleaned
//!    like the body.
//! 3. **hidden text** (`hidden`): before secrets, because `ghp_<!-- -->…` is one token to a reader.
//! 4. **secrets** (`secrets`): on the whole body, because a chunk boundary must not save one.
//!    Steps 3 and 4 repeat until neither finds anything: what a removal joins is looked at again.
//! 5. **blocks** (`markdown`): of the text that is left, which is the text that is stored, so that
//!    byte and line ranges of citations hold (REPLAY). Steps 3 and 4 keep every line break.
//!
//! `parse` does all five for a file, [`parse_markdown`] the last three for a body that comes
//! through the API. The same input always gives the same output.

pub mod front_matter;
pub mod hidden;
pub(crate) mod lines;
pub mod markdown;
mod misplaced;
mod misspelt;
pub mod secrets;
mod yaml;

use std::collections::HashMap;
use std::fmt;

use thiserror::Error;

pub use front_matter::{FrontMatter, WrittenFolder};
use lines::{Lines, source_line};
pub use markdown::{Block, BlockKind};

/// Longest body, in bytes.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Removals that reveal new hidden text or secrets, one inside the other, before we give up.
/// Each round reads the whole body, so this also bounds the time spent on a hostile one.
const MAX_ROUNDS: usize = 16;

/// What to do with a document that holds a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretPolicy {
    /// Replace it by `[REDACTED:kind]` and go on.
    #[default]
    Redact,
    /// Refuse the document.
    Quarantine,
}

/// How to parse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParseOptions {
    /// What to do with secrets.
    pub secrets: SecretPolicy,
}

/// Why a text is refused. Never quotes a secret or more than a few words of the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Rejected {
    /// Line of the source file, from 1, where it is known.
    pub line: Option<u32>,
    /// Lower-case, names the key.
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl Rejected {
    fn at(line: u32, reason: String) -> Self {
        let line = Some(line);
        Self { line, reason }
    }
}

/// One file, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What it says about itself.
    pub front: FrontMatter,
    /// The title of the front matter, else the first heading of level 1, else the fallback.
    pub title: String,
    /// Markdown without hidden text and secrets.
    pub body: String,
    /// Line of the file at which the body begins, from 1.
    pub first_line: u32,
    /// The blocks of the body.
    pub blocks: Vec<Block>,
    /// Stretches of hidden text that were removed.
    pub hidden_removed: u32,
    /// Secrets that were replaced.
    pub redactions: Vec<Redaction>,
}

/// A body, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedBody {
    /// Markdown without hidden text and secrets.
    pub body: String,
    /// The blocks of the body.
    pub blocks: Vec<Block>,
    /// Stretches of hidden text that were removed.
    pub hidden_removed: u32,
    /// Secrets that were replaced.
    pub redactions: Vec<Redaction>,
}

impl ParsedBody {
    /// The words of the first heading of level 1.
    pub fn first_heading(&self) -> Option<&str> {
        self.blocks.iter().find_map(|block| match &block.kind {
            BlockKind::Heading { level: 1, title } if !title.is_empty() => Some(title.as_str()),
            _ => None,
        })
    }
}

/// A secret that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Redaction {
    /// Which sort, as in `[REDACTED:kind]`.
    pub kind: &'static str,
    /// Line of the source file, from 1.
    pub line: u32,
}

/// A short text, cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanText {
    /// The text without invisible characters and secrets.
    pub text: String,
    /// Stretches of invisible characters that were removed.
    pub hidden_removed: u32,
    /// Secrets that were replaced.
    pub redactions: Vec<Redaction>,
}

/// Parses a Markdown file. `fallback_title` serves where the file itself gives none.
pub fn parse(
    bytes: &[u8],
    fallback_title: &str,
    options: ParseOptions,
) -> Result<Parsed, Rejected> {
    let text = decode(bytes, MAX_BODY_BYTES + yaml::MAX_YAML_BYTES)?;
    let split = front_matter::split(&text)?;
    let (mut front, key_lines) = match split.yaml {
        Some(yaml) => front_matter::read(yaml, 1)?,
        None => Default::default(),
    };
    let (mut hidden_removed, mut redactions) = clean_front(&mut front, &key_lines, options)?;
    let parsed = parse_markdown(split.body, split.body_line, options)?;
    hidden_removed = hidden_removed.saturating_add(parsed.hidden_removed);
    redactions.extend(&parsed.redactions);
    let stated = front.title.as_deref().or(parsed.first_heading());
    let title = match stated {
        Some(title) => title.to_owned(),
        None => clean_text(fallback_title, 1, options)?.text,
    };
    Ok(Parsed {
        front,
        title,
        body: parsed.body,
        first_line: split.body_line,
        blocks: parsed.blocks,
        hidden_removed,
        redactions,
    })
}

/// Parses a body without front matter, such as one that comes through the API. `first_line` is
/// the line of the source at which it begins, 1 where there is none.
pub fn parse_markdown(
    body: &str,
    first_line: u32,
    options: ParseOptions,
) -> Result<ParsedBody, Rejected> {
    if body.len() > MAX_BODY_BYTES {
        let reason = format!("body is larger than {MAX_BODY_BYTES} bytes");
        return Err(Rejected { line: None, reason });
    }
    let (mut body, mut hidden_removed) = hidden::strip_characters(&unified_breaks(body));
    let mut redactions = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let (visible, removed) = hidden::strip_markup(&body);
        body = visible;
        if removed > 0 {
            hidden_removed = hidden_removed.saturating_add(removed);
            continue;
        }
        let found = secrets::find(&body);
        if found.is_empty() {
            redactions.sort_by_key(|redaction: &Redaction| redaction.line);
            return Ok(ParsedBody {
                blocks: markdown::blocks(&body),
                body,
                hidden_removed,
                redactions,
            });
        }
        redactions.extend(report(&body, &found, first_line, options)?);
        body = secrets::redact(&body, &found);
    }
    let reason = "hidden text or secrets are nested too deeply".to_owned();
    Err(Rejected { line: None, reason })
}

/// Cleans one short text, such as a title or a tag; `line` is where it stands in the source.
pub fn clean_text(text: &str, line: u32, options: ParseOptions) -> Result<CleanText, Rejected> {
    let (mut text, hidden_removed) = hidden::strip_characters(text);
    let mut redactions = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let found = secrets::find(&text);
        if found.is_empty() {
            return Ok(CleanText {
                text,
                hidden_removed,
                redactions,
            });
        }
        let lines = report(&text, &found, line, options)?;
        redactions.extend(lines.into_iter().map(|found| Redaction { line, ..found }));
        text = secrets::redact(&text, &found);
    }
    let reason = "secrets are nested too deeply".to_owned();
    Err(Rejected::at(line, reason))
}

/// Parses the `.acl.yaml` of a folder.
pub fn folder_policy(bytes: &[u8]) -> Result<WrittenFolder, Rejected> {
    let text = decode(bytes, yaml::MAX_YAML_BYTES)?;
    front_matter::read_folder(&text)
}

fn decode(bytes: &[u8], limit: usize) -> Result<String, Rejected> {
    if bytes.len() > limit {
        let reason = format!("file is larger than {limit} bytes");
        return Err(Rejected { line: None, reason });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let breaks = valid.iter().filter(|byte| **byte == b'\n').count();
        Rejected::at(source_line(1, breaks), "not valid utf-8".to_owned())
    })?;
    Ok(unified_breaks(
        text.strip_prefix('\u{feff}').unwrap_or(text),
    ))
}

/// Markdown and YAML both end a line at a lone carriage return, and so must we: it could
/// otherwise hide an ACL, or the text before it on a terminal.
fn unified_breaks(text: &str) -> String {
    if !text.contains('\r') {
        return text.to_owned();
    }
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn clean_front(
    front: &mut FrontMatter,
    key_lines: &HashMap<String, u32>,
    options: ParseOptions,
) -> Result<(u32, Vec<Redaction>), Rejected> {
    let FrontMatter {
        title,
        service,
        severity,
        uri,
        tags,
        ..
    } = front;
    let mut hidden_removed = 0_u32;
    let mut redactions = Vec::new();
    let named = [
        (title, "title"),
        (service, "service"),
        (severity, "severity"),
        (uri, "uri"),
    ];
    let named = named
        .into_iter()
        .flat_map(|(text, key)| text.as_mut().map(|text| (text, key)));
    for (text, key) in named.chain(tags.iter_mut().map(|tag| (tag, "tags"))) {
        let line = key_lines.get(key).copied().unwrap_or(1);
        let clean = clean_text(text, line, options)?;
        hidden_removed = hidden_removed.saturating_add(clean.hidden_removed);
        redactions.extend(clean.redactions);
        *text = clean.text;
    }
    Ok((hidden_removed, redactions))
}

/// Says where the secrets are, or refuses the text for the first of them.
fn report(
    text: &str,
    found: &[secrets::Secret],
    first_line: u32,
    options: ParseOptions,
) -> Result<Vec<Redaction>, Rejected> {
    let lines = Lines::of(text);
    let redactions = found.iter().map(|secret| Redaction {
        kind: secret.kind,
        line: source_line(first_line, lines.number(secret.range.start)),
    });
    let redactions: Vec<Redaction> = redactions.collect();
    match (options.secrets, redactions.first()) {
        (SecretPolicy::Quarantine, Some(first)) => {
            let reason = format!("holds a secret ({})", first.kind);
            Err(Rejected::at(first.line, reason))
        }
        _ => Ok(redactions),
    }
}

/// A few words of a document for a message: short, visible, without secrets.
fn shown(text: &str) -> String {
    let (visible, _) = hidden::strip_characters(text);
    let visible = secrets::redact(&visible, &secrets::find(&visible));
    let mut words: String = visible.chars().take(60).collect();
    if words.len() < visible.len() {
        words.push('…');
    }
    words.replace(['\n', '\t'], " ")
}

fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

#[cfg(test)]
mod tests;
