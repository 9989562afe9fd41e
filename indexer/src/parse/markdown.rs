//! From Markdown to blocks: where each begins and ends, what a reader sees of it, and where it
//! may be cut.
//!
//! Upholds REPLAY: blocks are byte ranges of whole lines of the body, in order and disjoint, so
//! that a citation names exact lines. HTML tags and attributes are not search text: what a reader
//! does not see must not be found. Link targets are, since a passage is handed out as Markdown and
//! people search for the names in them.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::hidden::is_hidden;
use super::lines::Lines;

/// The dialect, the same wherever a body is parsed.
pub(crate) const MARKDOWN: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_HEADING_ATTRIBUTES)
    .union(Options::ENABLE_GFM);

/// Longest title of a heading, in characters. Every chunk below repeats it, so one huge heading
/// would otherwise multiply the size of a document.
const MAX_TITLE: usize = 300;
/// Longest table header that a part of the table repeats, in characters; for the same reason.
const MAX_HEADER: usize = 400;

/// A top-level block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// First byte in the body; a line begins there.
    pub start: usize,
    /// One past the last byte; a line ends there, its `\n` not included.
    pub end: usize,
    /// What a reader sees: words, code, cells, link text, image descriptions, heading anchors.
    pub text: String,
    /// Line starts, in ascending order, at which the block may be cut.
    pub splits: Vec<usize>,
    marks: Vec<Mark>,
    header: usize,
}

/// The sorts of block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// A heading.
    Heading {
        /// 1 to 6.
        level: u8,
        /// Its words on one line, without anchor, at most 300 characters.
        title: String,
    },
    /// A paragraph.
    Paragraph,
    /// A bulleted or numbered list with all its items.
    List,
    /// A table.
    Table,
    /// A fenced or indented code block.
    Code,
    /// A quotation or an alert.
    Quote,
    /// Raw HTML.
    Html,
    /// A thematic break.
    Rule,
    /// The text of a footnote.
    Footnote,
}

/// From the byte `source` of the body on, the text continues at the byte `text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    source: usize,
    text: usize,
}

impl Block {
    /// What a reader sees of the lines between two bytes of the body. A table that is cut
    /// repeats its header, since a row alone does not say what it is about.
    pub fn text_between(&self, start: usize, end: usize) -> String {
        let at = |source: usize| {
            let after = self.marks.partition_point(|mark| mark.source < source);
            let mark = self.marks.get(after).map_or(usize::MAX, |mark| mark.text);
            mark.min(self.text.len())
        };
        let from = if start <= self.start { 0 } else { at(start) };
        let to = if end >= self.end {
            self.text.len()
        } else {
            at(end)
        };
        let part = self.text.get(from..to.max(from)).unwrap_or_default().trim();
        let header = self.text.get(..self.header).unwrap_or_default().trim();
        if from == 0 || header.is_empty() {
            return part.to_owned();
        }
        let header: String = header.chars().take(MAX_HEADER).collect();
        format!("{header}\n{part}")
    }
}

/// Cuts a body into its top-level blocks.
pub fn blocks(body: &str) -> Vec<Block> {
    let lines = Lines::of(body);
    let mut blocks: Vec<Block> = Vec::new();
    let mut draft: Option<Draft> = None;
    let mut depth = 0_usize;
    for (event, range) in Parser::new_ext(body, MARKDOWN).into_offset_iter() {
        let begins = depth == 0;
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if begins {
            draft = Some(Draft::new(kind_of(&event), range.clone()));
        }
        let Some(current) = &mut draft else { continue };
        current.add(body, event, &range);
        if depth == 0 {
            finish(draft.take(), body, &lines, &mut blocks);
        }
    }
    finish(draft, body, &lines, &mut blocks);
    blocks
}

fn kind_of(event: &Event<'_>) -> BlockKind {
    match event {
        Event::Start(Tag::Heading { level, .. }) => BlockKind::Heading {
            level: match level {
                HeadingLevel::H1 => 1,
                HeadingLevel::H2 => 2,
                HeadingLevel::H3 => 3,
                HeadingLevel::H4 => 4,
                HeadingLevel::H5 => 5,
                HeadingLevel::H6 => 6,
            },
            title: String::new(),
        },
        Event::Start(Tag::List(_)) => BlockKind::List,
        Event::Start(Tag::Table(_)) => BlockKind::Table,
        Event::Start(Tag::CodeBlock(_)) => BlockKind::Code,
        Event::Start(Tag::BlockQuote(_)) => BlockKind::Quote,
        Event::Start(Tag::FootnoteDefinition(_)) => BlockKind::Footnote,
        Event::Start(Tag::HtmlBlock) | Event::Html(_) => BlockKind::Html,
        Event::Rule => BlockKind::Rule,
        _ => BlockKind::Paragraph,
    }
}

/// A block while its events come in.
struct Draft {
    kind: BlockKind,
    range: Range<usize>,
    text: String,
    marks: Vec<Mark>,
    items: Vec<usize>,
    header: usize,
    anchor: Option<String>,
    tag: TagState,
    /// Targets of the links that are open; what they name is search text behind the link's words.
    targets: Vec<String>,
}

impl Draft {
    fn new(kind: BlockKind, range: Range<usize>) -> Self {
        Self {
            kind,
            range,
            text: String::new(),
            marks: Vec::new(),
            items: Vec::new(),
            header: 0,
            anchor: None,
            tag: TagState::default(),
            targets: Vec::new(),
        }
    }

    fn add(&mut self, body: &str, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Text(text) | Event::Code(text) => self.push(body, &text, range),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.push(body, &text, range),
            Event::Html(html) => {
                let visible = self.tag.visible(&html);
                let begins = self.text.is_empty();
                let visible = if begins {
                    visible.trim_start()
                } else {
                    &visible
                };
                self.push(body, visible, range);
            }
            Event::InlineHtml(html) if html.starts_with("<br") => self.text.push(' '),
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            Event::Start(Tag::Heading { id, .. }) => {
                self.anchor = id.map(|id| format!("#{id}"));
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                self.targets.push(dest_url.into_string());
            }
            Event::End(TagEnd::Link | TagEnd::Image) => self.name_target(),
            Event::Start(Tag::Item) => self.items.push(range.start),
            Event::Start(Tag::HtmlBlock) => self.tag = TagState::default(),
            Event::End(TagEnd::TableHead) => {
                self.text.push('\n');
                self.header = self.text.len();
            }
            Event::End(TagEnd::TableCell) => self.text.push('\t'),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::Item
                | TagEnd::CodeBlock
                | TagEnd::TableRow
                | TagEnd::HtmlBlock,
            )
            | Event::Start(Tag::List(_)) => self.new_line(),
            _ => {}
        }
    }

    /// Appends a link's target, unless the words are the target or become a heading's title.
    fn name_target(&mut self) {
        let Some(target) = self.targets.pop() else {
            return;
        };
        let named = target
            .split_once("://")
            .map_or(target.as_str(), |(_, rest)| rest);
        let heading = matches!(self.kind, BlockKind::Heading { .. });
        if heading || self.text.ends_with(named) {
            return;
        }
        self.text.push(' ');
        self.text.extend(named.chars().filter(|c| !is_hidden(*c)));
        self.text.push(' ');
    }

    fn new_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn push(&mut self, body: &str, text: &str, range: &Range<usize>) {
        self.mark(range.start);
        // Entities such as `&#8203;` can still produce invisible characters.
        let visible = |c: &char| !is_hidden(*c);
        if body.get(range.clone()) != Some(text) {
            self.text.extend(text.chars().filter(visible));
            return;
        }
        // The source is the text, so every line of it can be told apart.
        let mut source = range.start;
        for line in text.split_inclusive('\n') {
            self.mark(source);
            self.text.extend(line.chars().filter(visible));
            source += line.len();
        }
    }

    fn mark(&mut self, source: usize) {
        if self.marks.last().is_none_or(|last| last.source < source) {
            let text = self.text.len();
            self.marks.push(Mark { source, text });
        }
    }
}

fn finish(draft: Option<Draft>, body: &str, lines: &Lines, blocks: &mut Vec<Block>) {
    let Some(mut draft) = draft else { return };
    let inside = body.get(draft.range.clone()).unwrap_or_default();
    let last = draft.range.start + inside.trim_end().len().saturating_sub(1);
    let earliest = blocks.last().map_or(0, |block| block.end + 1);
    let start = lines.start(draft.range.start).max(earliest);
    let end = lines.end(last);
    if start > end || inside.trim().is_empty() {
        return;
    }
    if let BlockKind::Heading { title, .. } = &mut draft.kind {
        let words = draft.text.split_whitespace().collect::<Vec<_>>().join(" ");
        *title = words.chars().take(MAX_TITLE).collect();
        if let Some(anchor) = &draft.anchor {
            draft.text = format!("{words} {anchor}");
        }
    }
    let splits = match draft.kind {
        BlockKind::Heading { .. } | BlockKind::Rule => Vec::new(),
        BlockKind::List => draft.items.iter().map(|item| lines.start(*item)).collect(),
        // The header and the line below it stay with the first row.
        BlockKind::Table => lines
            .starts_between(start, end)
            .get(2..)
            .unwrap_or_default()
            .to_vec(),
        _ => lines.starts_between(start, end).to_vec(),
    };
    let mut splits: Vec<usize> = splits.into_iter().filter(|at| *at > start).collect();
    splits.dedup();
    blocks.push(Block {
        kind: draft.kind,
        start,
        end,
        text: draft.text.trim_end().to_owned(),
        splits,
        marks: draft.marks,
        header: draft.header,
    });
}

/// Drops the tags of raw HTML; a tag may go on in the next line.
#[derive(Clone, Copy, Default)]
enum TagState {
    #[default]
    Outside,
    Inside,
    Quoted(char),
}

impl TagState {
    fn visible(&mut self, html: &str) -> String {
        let mut visible = String::new();
        let mut rest = html.chars().peekable();
        while let Some(c) = rest.next() {
            *self = match (*self, c) {
                (Self::Outside, '<') => {
                    let is_tag = |c: &char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?');
                    if rest.peek().is_some_and(is_tag) {
                        // Tags separate words more often than they join them in raw HTML.
                        visible.push(' ');
                        Self::Inside
                    } else {
                        visible.push(c);
                        Self::Outside
                    }
                }
                (Self::Outside, c) => {
                    visible.push(c);
                    Self::Outside
                }
                (Self::Inside, '>') => Self::Outside,
                (Self::Inside, '"' | '\'') => Self::Quoted(c),
                (Self::Quoted(quote), c) if c == quote => Self::Inside,
                (inside, _) => inside,
            };
        }
        visible
    }
}

#[cfg(test)]
mod tests;
