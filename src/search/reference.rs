//! Ranking, written to be read: what the [engine](super::Engine) has to equal bit for bit.
//!
//! It looks at every permitted chunk. Tests and benches ask both; nothing else asks this one.
//!
//! Upholds NON-INTERFERENCE: number of chunks, terms and document frequencies are counted over
//! permitted chunks of one snapshot (leaks N1-N3); scores are sums in query order in `f64`
//! (N5); equal scores are ordered by document id and chunk number (N4).

use std::collections::HashMap;

use ambit_indexer::catalog::{Ord, Selection};
use ambit_indexer::store::Snapshot;
use tantivy::columnar::Column;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::Postings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED, Term};

use super::bm25::Statistics;
use super::query::WeightedQuery;
use super::{Filters, Limits, Ranking, Scored, SearchError};
use crate::door;
use crate::identity::AccessScope;

/// One segment, with which of its chunks the caller may read.
struct Segment<'a> {
    reader: &'a SegmentReader,
    ord: Column<u64>,
    number: Column<u64>,
    norms: FieldNormReader,
    permitted: Vec<bool>,
}

/// Permitted chunks of one segment that hold a term, with how often.
type TermChunks = Vec<(DocId, u32)>;

/// Ranks the permitted chunks that pass the filters.
pub fn rank(
    scope: &AccessScope,
    snapshot: &Snapshot,
    query: &WeightedQuery,
    filters: &Filters,
    limits: Limits,
) -> Result<Ranking, SearchError> {
    let selection = &door::select(scope, &snapshot.table);
    let admits = &|ord| filters.admit(selection, ord);
    let mut statistics = Statistics::default();
    let mut segments = Vec::new();
    for reader in snapshot.index.searcher().segment_readers() {
        segments.push(open_segment(reader, snapshot, selection, &mut statistics)?);
    }
    if statistics.chunks == 0 {
        return Ok(Ranking::default());
    }
    let mut scores: Vec<HashMap<DocId, f64>> = vec![HashMap::new(); segments.len()];
    let mut term_values = Vec::with_capacity(query.terms.len());
    for term in &query.terms {
        let found = segments
            .iter()
            .map(|segment| term_chunks(segment, snapshot, &term.text))
            .collect::<Result<Vec<TermChunks>, _>>()?;
        let frequency: usize = found.iter().map(Vec::len).sum();
        let value = term.weight * statistics.inverse_document_frequency(frequency as u64);
        term_values.push(value);
        for ((segment, chunks), scores) in segments.iter().zip(&found).zip(&mut scores) {
            for &(document, count) in chunks {
                let saturation = statistics.saturation(count, segment.norms.fieldnorm(document));
                *scores.entry(document).or_insert(0.0) += value * saturation;
            }
        }
    }
    let mut candidates = Vec::new();
    for (segment, scores) in segments.iter().zip(scores) {
        candidates.extend(candidates_of(segment, snapshot, query, scores, admits)?);
    }
    let chunks = best(candidates, selection, limits);
    Ok(Ranking::new(chunks, selection, term_values))
}

fn open_segment<'a>(
    reader: &'a SegmentReader,
    snapshot: &Snapshot,
    selection: &Selection,
    statistics: &mut Statistics,
) -> Result<Segment<'a>, SearchError> {
    let ord = reader.fast_fields().u64("ord")?;
    let length = reader.fast_fields().u64("length")?;
    let mut permitted = vec![false; reader.max_doc() as usize];
    for document in reader.doc_ids_alive() {
        let may_read = ord_of(&ord, document).is_some_and(|ord| selection.get(ord).is_some());
        if !may_read {
            continue;
        }
        statistics.chunks += 1;
        statistics.terms += length.first(document).unwrap_or(0);
        if let Some(slot) = permitted.get_mut(document as usize) {
            *slot = true;
        }
    }
    Ok(Segment {
        ord,
        number: reader.fast_fields().u64("number")?,
        norms: reader.get_fieldnorms_reader(snapshot.index.fields().text)?,
        reader,
        permitted,
    })
}

impl Segment<'_> {
    fn permits(&self, document: DocId) -> bool {
        let slot = self.permitted.get(document as usize);
        slot.copied().unwrap_or(false)
    }
}

fn term_chunks(
    segment: &Segment<'_>,
    snapshot: &Snapshot,
    text: &str,
) -> Result<TermChunks, SearchError> {
    let term = Term::from_field_text(snapshot.index.fields().text, text);
    let inverted = segment
        .reader
        .inverted_index(snapshot.index.fields().text)?;
    let Some(mut postings) = inverted
        .read_postings(&term, IndexRecordOption::WithFreqs)
        .map_err(tantivy::TantivyError::from)?
    else {
        return Ok(Vec::new());
    };
    let mut chunks = Vec::new();
    while postings.doc() != TERMINATED {
        if segment.permits(postings.doc()) {
            chunks.push((postings.doc(), postings.term_freq()));
        }
        postings.advance();
    }
    Ok(chunks)
}

/// The scored chunks of a segment that pass the filters and hold every phrase.
fn candidates_of(
    segment: &Segment<'_>,
    snapshot: &Snapshot,
    query: &WeightedQuery,
    scores: HashMap<DocId, f64>,
    admits: &dyn Fn(Ord) -> bool,
) -> Result<Vec<Scored>, SearchError> {
    let mut scored: Vec<(DocId, f64)> = scores.into_iter().collect();
    scored.retain(|(document, _)| ord_of(&segment.ord, *document).is_some_and(admits));
    scored.sort_unstable_by_key(|(document, _)| *document);
    for phrase in &query.phrases {
        retain_holders(segment, snapshot, phrase, &mut scored)?;
    }
    let located = scored.into_iter().filter_map(|(document, score)| {
        let number = segment.number.first(document)?;
        Some(Scored {
            ord: ord_of(&segment.ord, document)?,
            number: u32::try_from(number).ok()?,
            score,
        })
    });
    Ok(located.collect())
}

/// Keeps the chunks, ascending, that hold the terms of a phrase one after the other.
fn retain_holders(
    segment: &Segment<'_>,
    snapshot: &Snapshot,
    phrase: &[String],
    scored: &mut Vec<(DocId, f64)>,
) -> Result<(), SearchError> {
    let inverted = segment
        .reader
        .inverted_index(snapshot.index.fields().text)?;
    let mut lists = Vec::with_capacity(phrase.len());
    for text in phrase {
        let term = Term::from_field_text(snapshot.index.fields().text, text);
        let postings = inverted
            .read_postings(&term, IndexRecordOption::WithFreqsAndPositions)
            .map_err(tantivy::TantivyError::from)?;
        let Some(postings) = postings else {
            scored.clear();
            return Ok(());
        };
        lists.push(postings);
    }
    let mut positions = Vec::new();
    scored.retain(|(document, _)| {
        let mut starts: Option<Vec<u32>> = None;
        for (postings, offset) in lists.iter_mut().zip(0u32..) {
            let there = postings.doc() <= *document && postings.seek(*document) == *document;
            if !there {
                return false;
            }
            postings.positions(&mut positions);
            let here = positions.iter().filter_map(|at| at.checked_sub(offset));
            let kept = match &starts {
                None => here.collect(),
                Some(before) => here.filter(|at| before.binary_search(at).is_ok()).collect(),
            };
            starts = Some(kept);
        }
        starts.is_some_and(|starts: Vec<u32>| !starts.is_empty())
    });
    Ok(())
}

/// Best first; at most so many of one document.
fn best(mut candidates: Vec<Scored>, selection: &Selection, limits: Limits) -> Vec<Scored> {
    let id = |chunk: &Scored| selection.get(chunk.ord).map(|facts| &facts.id);
    candidates.sort_by(|a, b| {
        let by_score = b.score.total_cmp(&a.score);
        let by_key = || id(a).cmp(&id(b)).then(a.number.cmp(&b.number));
        by_score.then_with(by_key)
    });
    let mut taken: HashMap<Ord, usize> = HashMap::new();
    candidates.retain(|chunk| {
        let count = taken.entry(chunk.ord).or_insert(0);
        *count += 1;
        *count <= limits.per_document
    });
    candidates.truncate(limits.top_k);
    candidates
}

fn ord_of(column: &Column<u64>, document: DocId) -> Option<Ord> {
    column
        .first(document)
        .and_then(|ord| Ord::try_from(ord).ok())
}
