//! Removes what a reader of the rendered page would not see: invisible characters, HTML comments,
//! declarations and processing instructions, and link definitions used as comments.
//!
//! Upholds leak P3: text that only a model reads is an order from whoever hid it. Newlines stay,
//! so that line numbers remain those of the source. What counts as HTML is decided by the same
//! Markdown parser that finds the blocks: a comment inside code is text and stays.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use pulldown_cmark::{Event, Parser, Tag};
use regex::Regex;

use super::lines::Lines;
use super::markdown::MARKDOWN;
use crate::document::is_invisible;

/// Whether a character is removed: all that names refuse but line breaks and tabs, and further
/// ones that render as nothing and have carried smuggled text (variation selectors beyond the
/// emoji ones, fillers, deprecated format controls).
pub fn is_hidden(c: char) -> bool {
    let further = matches!(c, '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
        | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0080}'..='\u{e0fff}');
    (is_invisible(c) || further) && !matches!(c, '\n' | '\t')
}

/// Removes invisible characters; counts the stretches removed.
pub fn strip_characters(text: &str) -> (String, u32) {
    let mut stretches = 0_u32;
    let mut inside = false;
    let kept = text
        .chars()
        .filter(|c| {
            let hidden = is_hidden(*c);
            if hidden && !inside {
                stretches = stretches.saturating_add(1);
            }
            inside = hidden;
            !hidden
        })
        .collect();
    (kept, stretches)
}

/// Removes hidden markup once; counts the stretches removed. What is left may parse differently
/// and show new ones, so the caller repeats it until nothing is found.
pub(super) fn strip_markup(body: &str) -> (String, u32) {
    if !body.contains('<') && !body.contains("]:") {
        return (body.to_owned(), 0);
    }
    let lines = Lines::of(body);
    let mut scan = Scan::default();
    let mut covered: Vec<Range<usize>> = Vec::new();
    let mut used = HashSet::new();
    for (event, range) in Parser::new_ext(body, MARKDOWN).into_offset_iter() {
        match event {
            Event::Html(_) | Event::InlineHtml(_) => {
                if matches!(event, Event::InlineHtml(_)) {
                    scan.leave_tag();
                }
                scan.read(body, &range);
                covered.push(range);
            }
            Event::Start(Tag::HtmlBlock) => {
                scan.leave_tag();
                covered.push(range);
            }
            Event::Start(Tag::Link { id, .. } | Tag::Image { id, .. }) => {
                used.insert(folded_label(&id));
                covered.push(range);
            }
            Event::Start(Tag::List(_) | Tag::Item | Tag::BlockQuote(_)) => {}
            Event::Start(Tag::FootnoteDefinition(_)) | Event::End(_) => {}
            _ => covered.push(range),
        }
    }
    let mut cuts = scan.finish(body.len());
    if body.contains("]:") {
        cuts.extend(definitions(body, &lines, &covered, &used));
    }
    let count = u32::try_from(cuts.len()).unwrap_or(u32::MAX);
    (cut(body, cuts), count)
}

/// Reads HTML as a browser would, as far as comments need it. The state outlives one piece of
/// HTML: a comment that opens in one block hides everything up to its end in a later one.
#[derive(Default)]
struct Scan {
    state: State,
    cuts: Vec<Range<usize>>,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Text,
    Tag,
    Quoted(u8),
    Comment(usize),
    Declaration(usize),
}

impl Scan {
    /// A tag cannot go on in another piece of HTML.
    fn leave_tag(&mut self) {
        if matches!(self.state, State::Tag | State::Quoted(_)) {
            self.state = State::Text;
        }
    }

    fn read(&mut self, body: &str, range: &Range<usize>) {
        let bytes = body.as_bytes();
        let mut position = range.start;
        while position < range.end {
            let rest = bytes.get(position..range.end).unwrap_or_default();
            let (state, step) = match self.state {
                State::Text => opening(rest, position),
                State::Tag => match rest.first() {
                    Some(b'>') => (State::Text, 1),
                    Some(quote @ (b'"' | b'\'')) => (State::Quoted(*quote), 1),
                    _ => (State::Tag, 1),
                },
                State::Quoted(quote) if rest.first() == Some(&quote) => (State::Tag, 1),
                State::Quoted(quote) => (State::Quoted(quote), 1),
                State::Comment(from) => {
                    let ends = [&b"-->"[..], b"--!>"];
                    let end = ends.iter().find(|end| rest.starts_with(end));
                    self.close(from, position, end.map(|end| end.len()))
                }
                State::Declaration(from) => {
                    let end = rest.starts_with(b">").then_some(1);
                    self.close(from, position, end)
                }
            };
            self.state = state;
            position += step;
        }
    }

    fn close(&mut self, from: usize, position: usize, end: Option<usize>) -> (State, usize) {
        match end {
            None => (self.state, 1),
            Some(length) => {
                self.cuts.push(from..position + length);
                (State::Text, length)
            }
        }
    }

    fn finish(mut self, length: usize) -> Vec<Range<usize>> {
        if let State::Comment(from) | State::Declaration(from) = self.state {
            self.cuts.push(from..length);
        }
        self.cuts
    }
}

/// What begins at the first byte of `rest`.
fn opening(rest: &[u8], position: usize) -> (State, usize) {
    if rest.starts_with(b"<!-->") || rest.starts_with(b"<!--->") {
        // An empty comment: its own end is part of its beginning.
        return (State::Comment(position), 2);
    }
    if rest.starts_with(b"<!--") {
        return (State::Comment(position), 4);
    }
    match rest {
        [b'<', b'!' | b'?', ..] => (State::Declaration(position), 2),
        [b'<', b'/', letter, ..] | [b'<', letter, ..] if letter.is_ascii_alphabetic() => {
            (State::Tag, 2)
        }
        _ => (State::Text, 1),
    }
}

/// `[label]: destination "title"` after the marks of quotes and lists. A label may go on in the
/// next line, in which case the group is absent.
#[expect(
    clippy::expect_used,
    reason = "a constant pattern, compiled by every test"
)]
static DEFINITION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^[ \t>]*(?:(?:[-+*]|[0-9]{1,9}[.)])[ \t]+[ \t>]*)*(\[)(?:([^\]]*)\]:[ \t]*(\S*)(.*))?",
    )
    .expect("the pattern is valid")
});

/// Link definitions that nobody sees: comments by convention, and unused ones with a title.
///
/// They leave no event, so they are the lines that no event covers.
fn definitions(
    body: &str,
    lines: &Lines,
    covered: &[Range<usize>],
    used: &HashSet<String>,
) -> Vec<Range<usize>> {
    let mut visible = HashSet::new();
    let mut reached = 0;
    for range in covered {
        // Inner ranges repeat lines of outer ones; each line is entered once.
        let first = lines.number(range.start).max(reached);
        let last = lines.number(range.end.saturating_sub(1).max(range.start));
        visible.extend(first..=last);
        reached = reached.max(last + 1);
    }
    let mut cuts: Vec<Range<usize>> = Vec::new();
    let mut open: Option<Found> = None;
    for (number, range) in lines.ranges().enumerate() {
        let line = body.get(range.clone()).unwrap_or_default();
        if visible.contains(&number) || line.trim().is_empty() {
            cuts.extend(open.take().and_then(|found| found.verdict(used)));
            continue;
        }
        match Found::at(line, range.start) {
            Some(found) => {
                cuts.extend(open.replace(found).and_then(|found| found.verdict(used)));
            }
            None => {
                if let Some(found) = &mut open {
                    found.end = range.end;
                    found.has_title = true;
                }
            }
        }
    }
    cuts.extend(open.and_then(|found| found.verdict(used)));
    cuts
}

/// A link definition in the making.
struct Found {
    start: usize,
    end: usize,
    label: String,
    is_comment: bool,
    has_title: bool,
}

impl Found {
    fn at(line: &str, offset: usize) -> Option<Self> {
        let groups = DEFINITION.captures(line)?;
        let bracket = groups.get(1)?;
        let group = |number| groups.get(number).map(|found| found.as_str());
        let label = folded_label(group(2).unwrap_or_default());
        if label.starts_with('^') {
            return None;
        }
        let by_name = matches!(
            label.as_str(),
            "" | "//" | "comment" | "comments" | "_" | "#"
        );
        let by_target = matches!(group(3), None | Some("#" | "<>" | "<#>"));
        Some(Self {
            start: offset + bracket.start(),
            end: offset + line.len(),
            label,
            is_comment: by_name || by_target,
            has_title: group(4).is_some_and(|rest| !rest.trim().is_empty()),
        })
    }

    fn verdict(self, used: &HashSet<String>) -> Option<Range<usize>> {
        let unseen = self.has_title && !used.contains(&self.label);
        (self.is_comment || unseen).then_some(self.start..self.end)
    }
}

/// Drops the ranges, but for their line breaks.
fn cut(body: &str, mut cuts: Vec<Range<usize>>) -> String {
    cuts.sort_unstable_by_key(|range| (range.start, range.end));
    let mut kept = String::with_capacity(body.len());
    let mut position = 0;
    for range in cuts {
        let start = range.start.max(position);
        kept.push_str(body.get(position..start).unwrap_or_default());
        let dropped = body.get(start..range.end).unwrap_or_default();
        kept.extend(dropped.chars().filter(|c| *c == '\n'));
        position = range.end.max(start);
    }
    kept.push_str(body.get(position..).unwrap_or_default());
    kept
}

fn folded_label(label: &str) -> String {
    label
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

#[cfg(test)]
mod tests;
