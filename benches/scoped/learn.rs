//! What real Markdown is made of: its sentences, and how long its chunks are.
//!
//! Files are read and cut as the pipeline does it, so that headings, code and lists have the share
//! that they have in an index.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use ambit_indexer::chunk::{ChunkLimits, DraftChunk, chunks};
use ambit_indexer::index::analyzer::document_terms;
use ambit_indexer::parse::{self, ParseOptions};

use crate::names::Kind;

/// Most words from which names are composed.
const LEXICON: usize = 800;

/// What was learned.
pub(crate) struct Model {
    pub(crate) sources: Vec<Source>,
    /// Terms of each real chunk's own text.
    pub(crate) lengths: Vec<usize>,
    /// Frequent words, most frequent first.
    pub(crate) lexicon: Vec<String>,
    /// In how many real chunks each term is, to compare generated text with.
    pub(crate) frequencies: HashMap<String, u32>,
}

/// One file.
pub(crate) struct Source {
    pub(crate) title: Sentence,
    pub(crate) sections: Vec<Section>,
}

/// One chunk of a file.
pub(crate) struct Section {
    pub(crate) headings: Vec<Sentence>,
    pub(crate) sentences: Vec<Sentence>,
}

/// A sentence, or a line of code.
pub(crate) struct Sentence {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) terms: usize,
}

/// A part of a sentence.
pub(crate) enum Piece {
    /// Stays as it is.
    Text(String),
    /// A word that can be another one of its kind.
    Slot(Kind, String),
}

impl Model {
    pub(crate) fn learn(folder: &Path) -> Self {
        let mut model = Self {
            sources: Vec::new(),
            lengths: Vec::new(),
            lexicon: Vec::new(),
            frequencies: HashMap::new(),
        };
        let mut words: BTreeMap<String, usize> = BTreeMap::new();
        for path in markdown_files(folder) {
            let name = path.file_stem().unwrap().to_string_lossy();
            let bytes = std::fs::read(&path).unwrap();
            // Hostile fixtures are refused, and rightly so.
            let Ok(parsed) = parse::parse(&bytes, &name, ParseOptions::default()) else {
                continue;
            };
            let drafts = chunks(
                &parsed.body,
                &parsed.blocks,
                parsed.first_line,
                ChunkLimits::default(),
            );
            let mut sections = Vec::new();
            for draft in drafts {
                let sentences = sentences(&draft.search_text);
                if !sentences.is_empty() {
                    let terms = sentences.iter().map(|sentence| sentence.terms).sum();
                    model.lengths.push(terms);
                    count_words(&draft.search_text, &mut words);
                    model.count_terms(&parsed.title, &draft);
                    let inner = draft.chunk.heading.iter();
                    let inner = inner.filter(|heading| **heading != parsed.title);
                    let headings = inner.map(|heading| sentence(heading)).collect();
                    sections.push(Section {
                        headings,
                        sentences,
                    });
                }
            }
            if !sections.is_empty() {
                let title = sentence(&parsed.title);
                model.sources.push(Source { title, sections });
            }
        }
        let mut words: Vec<(String, usize)> = words.into_iter().collect();
        words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        model.lexicon = words.into_iter().map(|(word, _)| word).collect();
        model.lexicon.truncate(LEXICON);
        assert!(!model.lexicon.is_empty(), "no text in {}", folder.display());
        model
    }

    fn count_terms(&mut self, title: &str, draft: &DraftChunk) {
        let mut text = format!("{title}\n{}", draft.search_text);
        for heading in draft
            .chunk
            .heading
            .iter()
            .filter(|heading| *heading != title)
        {
            text.push('\n');
            text.push_str(heading);
        }
        let terms = document_terms(&text).into_iter().map(|term| term.text);
        for term in terms.collect::<HashSet<String>>() {
            *self.frequencies.entry(term).or_default() += 1;
        }
    }
}

/// In an order that depends on names alone.
fn markdown_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn count_words(text: &str, words: &mut BTreeMap<String, usize>) {
    for word in text.split(|c: char| !c.is_ascii_alphabetic()) {
        if (4..=10).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
}

fn sentences(text: &str) -> Vec<Sentence> {
    let lines = text.lines().flat_map(|line| line.split_inclusive(". "));
    let sentences = lines.map(|line| sentence(line.trim()));
    sentences.filter(|sentence| sentence.terms > 0).collect()
}

/// Takes a sentence apart at its slots.
fn sentence(text: &str) -> Sentence {
    let mut pieces = Vec::new();
    let mut fixed = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        let Some(kind) = Kind::of(core) else {
            fixed.push_str(word);
            continue;
        };
        let start = word.find(core).unwrap();
        let (before, rest) = word.split_at(start);
        let (core, after) = rest.split_at(core.len());
        fixed.push_str(before);
        pieces.push(Piece::Text(std::mem::take(&mut fixed)));
        pieces.push(Piece::Slot(kind, core.to_owned()));
        fixed.push_str(after);
    }
    pieces.push(Piece::Text(fixed));
    Sentence {
        pieces,
        terms: document_terms(text).len(),
    }
}
