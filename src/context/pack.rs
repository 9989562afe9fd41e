//! Packing: which passages go in, in which order, and what was left out.

use std::sync::Arc;

use ambit_indexer::catalog::Ord;
use ambit_indexer::document::DocumentId;
use ambit_indexer::store::StoredContent;

use super::Format;
use super::resemblance::Fingerprint;
use super::tokens;
use crate::door::Permit;
use crate::search::Hit;

/// Bytes of text that a token of English or code rarely exceeds on average.
const MOST_BYTES_PER_TOKEN: usize = 16;
/// Bytes of text that a token stands for on average, where nothing is counted.
const USUAL_BYTES_PER_TOKEN: usize = 4;

/// A stretch of one document that goes into the context: a chunk, or adjacent chunks merged.
#[derive(Clone, Debug)]
pub(crate) struct PackedPassage {
    /// Number of the revision.
    pub(crate) ord: Ord,
    /// The document.
    pub(crate) document: DocumentId,
    /// The revision.
    pub(crate) stored: Arc<StoredContent>,
    /// First and last chunk.
    pub(crate) chunks: (u32, u32),
    /// Headings above the first chunk.
    pub(crate) heading: Vec<String>,
    /// First byte in the body, and one past the last.
    pub(crate) span: (usize, usize),
    /// First and last line in the source file.
    pub(crate) lines: (u32, u32),
    /// Score of its best chunk.
    pub(crate) score: f64,
    /// Why the caller may read it.
    pub(crate) permit: Permit,
}

impl PackedPassage {
    pub(super) fn of(hit: &Hit) -> Self {
        Self {
            ord: hit.ord,
            document: hit.document.clone(),
            stored: Arc::clone(&hit.stored),
            chunks: (hit.chunk.number, hit.chunk.number),
            heading: hit.chunk.heading.clone(),
            span: (hit.chunk.start, hit.chunk.end),
            lines: (hit.chunk.first_line, hit.chunk.last_line),
            score: hit.score,
            permit: hit.permit.clone(),
        }
    }

    /// The passage's text, unmodified.
    pub(crate) fn text(&self) -> &str {
        let body = &self.stored.content.body;
        body.get(self.span.0..self.span.1).unwrap_or_default()
    }

    /// This passage grown by an adjacent chunk of the same revision.
    fn merged(&self, hit: &Hit) -> Option<Self> {
        let after = hit.chunk.number == self.chunks.1 + 1;
        let before = hit.chunk.number + 1 == self.chunks.0;
        if hit.ord != self.ord || !(after || before) {
            return None;
        }
        let mut grown = self.clone();
        if after {
            grown.chunks.1 = hit.chunk.number;
            grown.span.1 = hit.chunk.end;
            grown.lines.1 = hit.chunk.last_line;
        } else {
            grown.chunks.0 = hit.chunk.number;
            grown.span.0 = hit.chunk.start;
            grown.lines.0 = hit.chunk.first_line;
            grown.heading.clone_from(&hit.chunk.heading);
        }
        Some(grown)
    }

    /// The line above the passage in a text context.
    fn source_line(&self, number: usize) -> String {
        let mut title = one_line(&self.stored.content.title);
        for heading in &self.heading {
            if *heading != self.stored.content.title {
                title.push_str(" › ");
                title.push_str(&one_line(heading));
            }
        }
        format!(
            "[{number}] {title} ({}, lines {}-{})\n",
            self.document, self.lines.0, self.lines.1
        )
    }
}

/// Why a permitted passage was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OmissionReason {
    /// It did not fit into what was left of the budget.
    Budget,
    /// Another passage says the same.
    Duplicate,
}

impl OmissionReason {
    /// The word for it in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Duplicate => "duplicate",
        }
    }
}

/// A permitted passage that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Omission {
    /// Number of its revision, for the check before the answer is sent.
    pub(crate) ord: Ord,
    /// Its document.
    pub(crate) document: DocumentId,
    /// Why.
    pub(crate) reason: OmissionReason,
    /// Tokens that it would have taken.
    pub(crate) tokens: usize,
}

/// What was packed.
#[derive(Clone, Debug)]
pub(crate) struct PackedContext {
    /// Best first; a passage's citation number is its position from 1.
    pub(crate) passages: Vec<PackedPassage>,
    /// What stands before each passage, and after the last: one more than passages.
    pub(crate) separators: Vec<String>,
    /// Separators and passages joined.
    pub(crate) text: String,
    /// Tokens of the text, estimated by [`super::ENCODING`].
    pub(crate) tokens: usize,
    /// What was permitted and found but is not in it.
    pub(crate) omitted: Vec<Omission>,
}

/// Packs hits, best first, into at most `max_tokens` tokens.
pub(super) fn pack(hits: Vec<Hit>, max_tokens: usize, format: Format) -> PackedContext {
    let mut packer = Packer {
        max_tokens,
        format,
        passages: Vec::new(),
        costs: Vec::new(),
        fingerprints: Vec::new(),
        omitted: Vec::new(),
    };
    for hit in &hits {
        packer.offer(hit);
    }
    packer.finish()
}

struct Packer {
    max_tokens: usize,
    format: Format,
    passages: Vec<PackedPassage>,
    /// Tokens of each passage with its separator.
    costs: Vec<usize>,
    fingerprints: Vec<Fingerprint>,
    omitted: Vec<Omission>,
}

impl Packer {
    fn offer(&mut self, hit: &Hit) {
        let bytes = hit.text().len();
        if bytes / MOST_BYTES_PER_TOKEN > self.max_tokens {
            // Counting a huge passage exactly would cost more than all the rest.
            return self.omit(hit, OmissionReason::Budget, bytes / USUAL_BYTES_PER_TOKEN);
        }
        let fingerprint = Fingerprint::of(hit.text());
        let passage = PackedPassage::of(hit);
        let cost = self.cost(&passage, self.passages.len());
        let repeats = |known: &Fingerprint| fingerprint.is_contained_in(known);
        if self.fingerprints.iter().any(repeats) {
            return self.omit(hit, OmissionReason::Duplicate, cost);
        }
        if self.merge(hit) {
            self.fingerprints.push(fingerprint);
            return;
        }
        if self.spent() + cost > self.max_tokens {
            return self.omit(hit, OmissionReason::Budget, cost);
        }
        self.passages.push(passage);
        self.costs.push(cost);
        self.fingerprints.push(fingerprint);
    }

    /// Grows an adjacent passage, if there is one and the budget permits.
    fn merge(&mut self, hit: &Hit) -> bool {
        let spent = self.spent();
        for position in 0..self.passages.len() {
            let passage = self.passages.get(position);
            let Some(grown) = passage.and_then(|passage| passage.merged(hit)) else {
                continue;
            };
            let cost = self.cost(&grown, position);
            let before = self.costs.get(position).copied().unwrap_or(0);
            if spent - before + cost > self.max_tokens {
                return false;
            }
            if let (Some(passage), Some(known)) = (
                self.passages.get_mut(position),
                self.costs.get_mut(position),
            ) {
                *passage = grown;
                *known = cost;
            }
            return true;
        }
        false
    }

    fn omit(&mut self, hit: &Hit, reason: OmissionReason, tokens: usize) {
        self.omitted.push(Omission {
            ord: hit.ord,
            document: hit.document.clone(),
            reason,
            tokens,
        });
    }

    fn spent(&self) -> usize {
        self.costs.iter().sum()
    }

    fn cost(&self, passage: &PackedPassage, position: usize) -> usize {
        let mut text = self.separator(passage, position);
        text.push_str(passage.text());
        tokens::count(&text)
    }

    fn separator(&self, passage: &PackedPassage, position: usize) -> String {
        match (self.format, position) {
            (Format::Chunks, _) => String::new(),
            (Format::Text, 0) => passage.source_line(1),
            (Format::Text, _) => format!("\n\n{}", passage.source_line(position + 1)),
        }
    }

    /// Joins, and counts once more: tokens of a joined text need not be the sum of its parts'.
    fn finish(mut self) -> PackedContext {
        loop {
            let mut separators = Vec::with_capacity(self.passages.len() + 1);
            let mut text = String::new();
            for (position, passage) in self.passages.iter().enumerate() {
                let separator = self.separator(passage, position);
                text.push_str(&separator);
                text.push_str(passage.text());
                separators.push(separator);
            }
            separators.push(String::new());
            let tokens = match self.format {
                Format::Text => tokens::count(&text),
                Format::Chunks => self.spent(),
            };
            if tokens <= self.max_tokens {
                return PackedContext {
                    passages: self.passages,
                    separators,
                    text,
                    tokens,
                    omitted: self.omitted,
                };
            }
            let (last, cost) = (self.passages.pop(), self.costs.pop());
            if let Some(last) = last {
                self.omitted.push(Omission {
                    ord: last.ord,
                    document: last.document,
                    reason: OmissionReason::Budget,
                    tokens: cost.unwrap_or(0),
                });
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
