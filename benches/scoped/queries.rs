//! What is asked: a few words, or the text of an alert.

use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{Rng, SeedableRng};

use ambit::search::WeightedQuery;

use crate::learn::Model;
use crate::names::Kind;
use crate::text::Writer;

/// Documents of the corpus have smaller numbers, so that no query quotes one's names on purpose.
const FIRST_NUMBER: u64 = 1 << 40;

/// Half word groups, half alert texts, in turn.
pub(crate) fn queries(model: &Model, seed: u64, count: usize) -> Vec<WeightedQuery> {
    let mut random = StdRng::seed_from_u64(seed ^ FIRST_NUMBER);
    let mut queries = Vec::new();
    let mut number = FIRST_NUMBER;
    while queries.len() < count {
        number += 1;
        let mut writer = Writer::new(model, seed, number);
        let text = if queries.len() % 2 == 0 {
            word_group(&mut writer, &mut random)
        } else {
            alert_text(&mut writer)
        };
        queries.extend(text.map(|text| WeightedQuery::parse(&text).unwrap()));
    }
    queries
}

/// Two to six words of one sentence.
fn word_group(writer: &mut Writer<'_>, random: &mut StdRng) -> Option<String> {
    let sentence = writer.passage(1).pop()?;
    let words: Vec<&str> = words(&sentence);
    let wanted = random.gen_range(2..=6);
    if words.len() < wanted {
        return None;
    }
    let mut chosen = sample(random, words.len(), wanted).into_vec();
    chosen.sort_unstable();
    let chosen: Vec<&str> = chosen.into_iter().map(|at| words[at]).collect();
    Some(chosen.join(" "))
}

/// The name of an alert, and what it says in 8 to 40 words.
fn alert_text(writer: &mut Writer<'_>) -> Option<String> {
    let sentences = writer.passage(3);
    let mut words: Vec<&str> = sentences.iter().flat_map(|text| words(text)).collect();
    words.truncate(40);
    let name = writer.name(Kind::Alert);
    (words.len() >= 8).then(|| format!("{name} {}", words.join(" ")))
}

/// What holds a letter or a digit. A quotation mark would make a phrase, which is not measured.
fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || c == '"')
        .filter(|word| word.contains(char::is_alphanumeric))
        .collect()
}
