//! Phrases: which chunks hold words one after the other.

use ambit_indexer::index::Fields;
use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, SegmentReader, TERMINATED};

use super::SearchError;
use super::bitmap::Bitmap;

/// The candidates that hold every phrase.
pub(super) fn holders(
    reader: &SegmentReader,
    fields: Fields,
    phrases: &[Vec<String>],
    candidates: &Bitmap,
) -> Result<Bitmap, SearchError> {
    let mut left = candidates.clone();
    for phrase in phrases {
        let mut holders = Bitmap::new(reader.max_doc());
        if let Some(words) = open(reader, fields, phrase)? {
            find(words, &left, |document| {
                holders.insert_range(document, document + 1);
            });
        }
        left = holders;
    }
    Ok(left)
}

/// A word of a phrase, with how far from its beginning it stands.
struct Word {
    postings: SegmentPostings,
    offset: u32,
}

/// The words of a phrase, rarest first; `None` if the segment lacks one.
fn open(
    reader: &SegmentReader,
    fields: Fields,
    phrase: &[String],
) -> Result<Option<Vec<Word>>, SearchError> {
    let inverted = reader.inverted_index(fields.text)?;
    let mut words = Vec::with_capacity(phrase.len());
    for (text, offset) in phrase.iter().zip(0u32..) {
        let info = inverted.terms().get(text.as_bytes());
        let Some(info) = info.map_err(tantivy::TantivyError::from)? else {
            return Ok(None);
        };
        let postings = inverted
            .read_postings_from_terminfo(&info, IndexRecordOption::WithFreqsAndPositions)
            .map_err(tantivy::TantivyError::from)?;
        words.push((info.doc_freq, Word { postings, offset }));
    }
    words.sort_by_key(|(frequency, word)| (*frequency, word.offset));
    Ok(Some(words.into_iter().map(|(_, word)| word).collect()))
}

fn find(mut words: Vec<Word>, candidates: &Bitmap, mut found: impl FnMut(u32)) {
    let mut positions = Vec::new();
    let mut next = candidates.next_from(0);
    'candidates: while let Some(document) = next {
        for word in &mut words {
            let at = word.postings.doc();
            let at = if at < document {
                word.postings.seek(document)
            } else {
                at
            };
            if at == TERMINATED {
                return;
            }
            if at != document {
                next = candidates.next_from(at);
                continue 'candidates;
            }
        }
        if in_a_row(&mut words, &mut positions) {
            found(document);
        }
        next = candidates.next_from(document + 1);
    }
}

/// Whether the words, all at the same chunk, stand there one after the other somewhere.
fn in_a_row(words: &mut [Word], positions: &mut Vec<u32>) -> bool {
    let mut starts: Option<Vec<u32>> = None;
    for word in words {
        word.postings.positions(positions);
        let here = positions
            .iter()
            .filter_map(|at| at.checked_sub(word.offset));
        let kept: Vec<u32> = match &starts {
            None => here.collect(),
            Some(before) => here.filter(|at| before.binary_search(at).is_ok()).collect(),
        };
        if kept.is_empty() {
            return false;
        }
        starts = Some(kept);
    }
    // A phrase of no words is nowhere.
    starts.is_some()
}
