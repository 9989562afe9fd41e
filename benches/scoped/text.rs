//! Documents made of real sentences, as many as one likes, one at a time.
//!
//! A document has one or two files as its topics and a few names that it comes back to. A chunk is
//! headings and sentences of the topics, with some from elsewhere, until it is as long as a real
//! one. Popular topics are much more frequent than others.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::learn::{Model, Piece, Section, Sentence, Source};
use crate::names::{self, Kind};

/// Mean number of chunks of a document.
const CHUNKS: f64 = 10.0;
const MAX_CHUNKS: usize = 30;
/// How often the next sentence is from a topic.
const ON_TOPIC: f64 = 0.8;
/// How often it is the one that follows in the file.
const FOLLOWING: f64 = 0.6;
/// How often a replaced name is one that the document already uses.
const KNOWN_NAME: f64 = 0.7;
/// How often a sentence also names something, as incident notes and logs do more than runbooks.
const NOTE: f64 = 0.3;
/// Terms of such a name, about: its parts, and it as a whole.
const NOTE_TERMS: usize = 4;
/// Names of a kind that a document uses again and again.
const POOL: usize = 3;

/// Writes the text of one document.
pub(crate) struct Writer<'model> {
    model: &'model Model,
    random: StdRng,
    topics: Vec<&'model Source>,
    names: [Vec<String>; Kind::COUNT],
}

impl<'model> Writer<'model> {
    /// The same for the same seed and number.
    pub(crate) fn new(model: &'model Model, seed: u64, number: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(0x0100_0000_01b3) ^ number);
        let topics = 1 + usize::from(random.gen_bool(0.4));
        let topics = (0..topics).map(|_| popular(model, &mut random)).collect();
        Self {
            model,
            random,
            topics,
            names: Default::default(),
        }
    }

    /// The chunks of a document, each with title and headings as it is indexed.
    pub(crate) fn document(&mut self) -> Vec<String> {
        let uniform = 1.0 - self.random.r#gen::<f64>();
        let chunks = 1 + (-uniform.ln() * CHUNKS) as usize;
        let title = self.title();
        let chunks = 0..chunks.min(MAX_CHUNKS);
        chunks.map(|_| self.chunk(&title)).collect()
    }

    /// Sentences in a row, from a topic.
    pub(crate) fn passage(&mut self, sentences: usize) -> Vec<String> {
        let section = self.section();
        let first = self.random.gen_range(0..section.sentences.len());
        let passage = section.sentences.iter().skip(first).take(sentences);
        passage.map(|sentence| self.filled(sentence)).collect()
    }

    /// A name such as the document uses.
    pub(crate) fn name(&mut self, kind: Kind) -> String {
        let pool = self.names[kind as usize].len();
        let at = self.random.gen_range(0..POOL);
        if self.random.gen_bool(KNOWN_NAME) && at < pool {
            return self.names[kind as usize][at].clone();
        }
        let name = names::draw(kind, &self.model.lexicon, &mut self.random);
        if pool < POOL {
            self.names[kind as usize].push(name.clone());
        }
        name
    }

    fn title(&mut self) -> String {
        let topic = self.topics[0];
        let title = self.filled(&topic.title);
        if self.random.gen_bool(0.5) {
            return title;
        }
        format!("{title} ({})", self.name(Kind::Service))
    }

    fn chunk(&mut self, title: &str) -> String {
        let at = self.random.gen_range(0..self.model.lengths.len());
        let wanted = self.model.lengths[at];
        let mut section = self.section();
        let mut text = title.to_owned();
        for heading in &section.headings {
            text.push('\n');
            text.push_str(&self.filled(heading));
        }
        let mut terms = 0;
        let mut next = self.random.gen_range(0..section.sentences.len());
        while terms < wanted {
            let sentence = &section.sentences[next];
            terms += sentence.terms;
            text.push('\n');
            text.push_str(&self.filled(sentence));
            if self.random.gen_bool(NOTE) {
                let kind = Kind::NOTED[self.random.gen_range(0..Kind::NOTED.len())];
                text.push(' ');
                text.push_str(&self.name(kind));
                terms += NOTE_TERMS;
            }
            next += 1;
            if next >= section.sentences.len() || !self.random.gen_bool(FOLLOWING) {
                section = self.section();
                next = self.random.gen_range(0..section.sentences.len());
            }
        }
        text
    }

    /// A section of a topic, sometimes of another file.
    fn section(&mut self) -> &'model Section {
        let source = if self.random.gen_bool(ON_TOPIC) {
            self.topics[self.random.gen_range(0..self.topics.len())]
        } else {
            popular(self.model, &mut self.random)
        };
        &source.sections[self.random.gen_range(0..source.sections.len())]
    }

    fn filled(&mut self, sentence: &Sentence) -> String {
        let mut text = String::new();
        for piece in &sentence.pieces {
            match piece {
                Piece::Slot(kind, _) if self.random.gen_bool(kind.replaced()) => {
                    text.push_str(&self.name(*kind));
                }
                Piece::Text(fixed) | Piece::Slot(_, fixed) => text.push_str(fixed),
            }
        }
        text
    }
}

/// A file; the first quarter of them are half of what is drawn.
fn popular<'model>(model: &'model Model, random: &mut StdRng) -> &'model Source {
    let count = model.sources.len();
    let at = random.r#gen::<f64>().powf(2.0) * count as f64;
    // Neighbours in the listing are alike; a stride takes them apart.
    &model.sources[(at as usize * 7919) % count]
}
