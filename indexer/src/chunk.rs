//! Cuts a body into chunks: stretches of whole lines that are indexed, found and cited as one.
//!
//! Upholds REPLAY: every block lies in exactly one chunk, chunks are ordered and disjoint, and a
//! chunk's line range is its byte range. Boundaries follow headings, so that a chunk can be read
//! alone; code and table rows are torn only when one block exceeds the target by itself.

use crate::document::{Chunk, Content};
use crate::parse::lines::{Lines, source_line};
use crate::parse::markdown::{self, Block, BlockKind};

/// How large chunks become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// A chunk ends before the block that would make it longer than this.
    pub target_bytes: usize,
    /// A heading begins a new chunk once the current one has this much.
    pub min_bytes: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self {
            target_bytes: 1200,
            min_bytes: 400,
        }
    }
}

/// A chunk with the text to index for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftChunk {
    /// Where it is.
    pub chunk: Chunk,
    /// What a reader sees of it; headings above it not included.
    pub search_text: String,
}

/// Cuts stored content as it was cut when it came in: the stored body is the parsed one.
pub fn of_content(content: &Content) -> Vec<DraftChunk> {
    let blocks = markdown::blocks(&content.body);
    chunks(
        &content.body,
        &blocks,
        content.first_line,
        ChunkLimits::default(),
    )
}

/// Cuts a body along its blocks. There is always at least one chunk, because a document that has
/// only a title must still be found.
pub fn chunks(
    body: &str,
    blocks: &[Block],
    first_line: u32,
    limits: ChunkLimits,
) -> Vec<DraftChunk> {
    let lines = Lines::of(body);
    let mut writer = Writer {
        lines: &lines,
        first_line,
        path: Vec::new(),
        chunks: Vec::new(),
    };
    let mut current: Vec<Piece<'_>> = Vec::new();
    let mut has_content = false;
    for piece in blocks
        .iter()
        .flat_map(|block| pieces(body, block, &lines, limits))
    {
        if ends_before(&current, has_content, &piece, limits) {
            // Headings at the end belong to what follows them, unless there is nothing else.
            let last = current.iter().rposition(|piece| !piece.is_heading());
            let kept = current.split_off(last.map_or(current.len(), |last| last + 1));
            writer.write(&current);
            current = kept;
            has_content = false;
        }
        has_content |= !piece.is_heading();
        current.push(piece);
    }
    writer.write(&current);
    if writer.chunks.is_empty() {
        writer.write_empty();
    }
    writer.chunks
}

/// A block, or a part of one that is too long.
struct Piece<'block> {
    block: &'block Block,
    start: usize,
    end: usize,
}

impl Piece<'_> {
    fn is_heading(&self) -> bool {
        matches!(self.block.kind, BlockKind::Heading { .. })
    }
}

fn pieces<'block>(
    body: &str,
    block: &'block Block,
    lines: &Lines,
    limits: ChunkLimits,
) -> Vec<Piece<'block>> {
    let piece = |start, end| {
        let text = body.get(start..end).unwrap_or_default();
        let first = start + (text.len() - text.trim_start().len());
        let last = start + text.trim_end().len();
        if last <= first {
            return None;
        }
        // Blank lines around it go, spaces in its own lines stay: a chunk is whole lines.
        let (start, end) = (lines.start(first), lines.end(last - 1));
        Some(Piece { block, start, end })
    };
    let is_whole = matches!(block.kind, BlockKind::Heading { .. } | BlockKind::Rule);
    if is_whole || block.end - block.start <= limits.target_bytes {
        return piece(block.start, block.end).into_iter().collect();
    }
    let mut allowed = Vec::new();
    let mut from = block.start;
    for to in block.splits.iter().copied().chain([block.end]) {
        // One item of a list can be too long by itself; then any line of it will do.
        if to - from > limits.target_bytes && block.kind == BlockKind::List {
            allowed.extend_from_slice(lines.starts_between(from, to));
        }
        allowed.push(to);
        from = to;
    }
    let mut pieces = Vec::new();
    let mut start = block.start;
    let mut reached = block.start;
    for next in allowed {
        if next - start > limits.target_bytes && reached > start {
            pieces.extend(piece(start, reached - 1));
            start = reached;
        }
        reached = next;
    }
    pieces.extend(piece(start, block.end));
    pieces
}

/// Headings with nothing below them stay together up to this many times the target.
const HEADING_RUN: usize = 4;

/// Whether the current chunk ends before `next`.
fn ends_before(
    current: &[Piece<'_>],
    has_content: bool,
    next: &Piece<'_>,
    limits: ChunkLimits,
) -> bool {
    let (Some(first), Some(last)) = (current.first(), current.last()) else {
        return false;
    };
    let length = next.end - first.start;
    if !has_content {
        let longest = limits.target_bytes.saturating_mul(HEADING_RUN);
        return next.is_heading() && length > longest;
    }
    let is_large = last.end - first.start >= limits.min_bytes;
    length > limits.target_bytes || (next.is_heading() && is_large)
}

struct Writer<'lines> {
    lines: &'lines Lines,
    first_line: u32,
    path: Vec<(u8, String)>,
    chunks: Vec<DraftChunk>,
}

impl Writer<'_> {
    fn write(&mut self, pieces: &[Piece<'_>]) {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return;
        };
        let mut heading = None;
        let mut texts = Vec::new();
        for piece in pieces {
            self.enter(&piece.block.kind);
            heading.get_or_insert_with(|| self.titles());
            let text = piece.block.text_between(piece.start, piece.end);
            if !text.is_empty() {
                texts.push(text);
            }
        }
        let chunk = Chunk {
            number: u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            heading: heading.unwrap_or_default(),
            start: first.start,
            end: last.end,
            first_line: source_line(self.first_line, self.lines.number(first.start)),
            last_line: source_line(self.first_line, self.lines.number(last.end)),
        };
        self.chunks.push(DraftChunk {
            chunk,
            search_text: texts.join("\n"),
        });
    }

    /// The range of a body without text must lie in the file: a file that ends with its front
    /// matter has no line at which the body begins.
    fn write_empty(&mut self) {
        let before = self.first_line.saturating_sub(1).max(1);
        let line = if self.lines.is_empty() {
            before
        } else {
            self.first_line
        };
        self.chunks.push(DraftChunk {
            chunk: Chunk {
                number: 0,
                heading: Vec::new(),
                start: 0,
                end: 0,
                first_line: line,
                last_line: line,
            },
            search_text: String::new(),
        });
    }

    fn enter(&mut self, kind: &BlockKind) {
        if let BlockKind::Heading { level, title } = kind {
            self.path.retain(|(above, _)| above < level);
            self.path.push((*level, title.clone()));
        }
    }

    fn titles(&self) -> Vec<String> {
        let titles = self.path.iter().map(|(_, title)| title.clone());
        titles.filter(|title| !title.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests;
