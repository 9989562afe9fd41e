//! Which chunks of a segment belong to which revision: runs of neighbouring chunks.
//!
//! The chunks of a revision are added together and stay neighbours, so a scope's bits are set run
//! by run, and a revision whose permission changed is found without looking at the others.

use tantivy::{DocId, SegmentReader};

use super::IndexError;
use crate::catalog::Ord;

/// The runs of one segment, ascending by document. Immutable for the life of the segment.
#[derive(Debug, Default)]
pub struct Runs {
    starts: Vec<DocId>,
    ords: Vec<Ord>,
    /// Number of the first chunk of the run within its revision.
    first_numbers: Vec<u32>,
    /// Exact count of terms of all chunks of the run.
    terms: Vec<u32>,
    /// The runs in ascending order of ords, where that is not the order of documents.
    by_ord: Option<Vec<u32>>,
    /// For every stretch of [`RUN_STRIDE`] documents, the run that its first document is in.
    strides: Vec<u32>,
    max_doc: DocId,
}

/// How many documents one entry point into the runs stands for.
const RUN_STRIDE: u32 = 256;

/// Neighbouring chunks of one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The revision.
    pub ord: Ord,
    /// First chunk, as a document of the segment.
    pub start: DocId,
    /// One behind the last chunk.
    pub end: DocId,
    /// Number of the first chunk within the revision.
    pub first_number: u32,
    /// Exact count of terms of all chunks.
    pub terms: u32,
}

impl Runs {
    /// Reads the runs of a segment from its columns.
    pub(super) fn read(reader: &SegmentReader) -> Result<Self, IndexError> {
        let columns = reader.fast_fields();
        let (ords, numbers) = (columns.u64("ord")?, columns.u64("number")?);
        let lengths = columns.u64("length")?;
        let value = |column: &tantivy::columnar::Column<u64>, document| {
            let value = column.first(document).unwrap_or(u64::MAX);
            u32::try_from(value).unwrap_or(u32::MAX)
        };
        let mut runs = Self {
            max_doc: reader.max_doc(),
            ..Self::default()
        };
        // Of another ord or not the next number: another run.
        let mut awaited = (u32::MAX, u32::MAX);
        for document in 0..reader.max_doc() {
            let here = (value(&ords, document), value(&numbers, document));
            let length = value(&lengths, document);
            if here == awaited {
                if let Some(terms) = runs.terms.last_mut() {
                    *terms = terms.saturating_add(length);
                }
            } else {
                runs.starts.push(document);
                runs.ords.push(here.0);
                runs.first_numbers.push(here.1);
                runs.terms.push(length);
            }
            if document % RUN_STRIDE == 0 {
                runs.strides.push(last_position(&runs.starts));
            }
            awaited = (here.0, here.1.wrapping_add(1));
        }
        runs.starts.shrink_to_fit();
        runs.ords.shrink_to_fit();
        runs.first_numbers.shrink_to_fit();
        runs.terms.shrink_to_fit();
        runs.by_ord = sorted_by(&runs.ords);
        Ok(runs)
    }

    /// How many runs there are.
    pub const fn len(&self) -> usize {
        self.ords.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ords.is_empty()
    }

    /// The run at a position.
    pub fn get(&self, position: usize) -> Option<Run> {
        let next = self.starts.get(position + 1);
        Some(Run {
            ord: *self.ords.get(position)?,
            start: *self.starts.get(position)?,
            end: next.copied().unwrap_or(self.max_doc),
            first_number: *self.first_numbers.get(position)?,
            terms: *self.terms.get(position)?,
        })
    }

    /// All runs, ascending by document.
    pub fn iter(&self) -> impl Iterator<Item = Run> {
        let ends = self.starts.iter().skip(1).copied();
        let ends = ends.chain(std::iter::once(self.max_doc));
        let spans = self.starts.iter().copied().zip(ends);
        let facts = self.ords.iter().zip(&self.first_numbers).zip(&self.terms);
        spans
            .zip(facts)
            .map(|((start, end), ((&ord, &first_number), &terms))| Run {
                ord,
                start,
                end,
                first_number,
                terms,
            })
    }

    /// The run that a document of the segment is in.
    pub fn holding(&self, document: DocId) -> Option<Run> {
        let stride = (document / RUN_STRIDE) as usize;
        let from = *self.strides.get(stride)? as usize;
        let to = self.strides.get(stride + 1);
        let to = to.map_or(self.starts.len(), |to| *to as usize + 1);
        let near = self.starts.get(from..to)?;
        let position = near.partition_point(|start| *start <= document);
        self.get((from + position).checked_sub(1)?)
    }

    /// Positions of the runs of a revision.
    pub fn of(&self, ord: Ord) -> impl Iterator<Item = usize> {
        let at = move |position: usize| match &self.by_ord {
            Some(order) => order.get(position).map(|run| *run as usize),
            None => (position < self.ords.len()).then_some(position),
        };
        let ord_at = move |position: usize| at(position).and_then(|run| self.ords.get(run));
        let (mut low, mut high) = (0, self.ords.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if ord_at(middle).is_some_and(|found| *found < ord) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let same = move |position: &usize| ord_at(*position) == Some(&ord);
        (low..).take_while(same).filter_map(at)
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        let order = self.by_ord.as_ref().map_or(0, Vec::len);
        (self.ords.len() * 4 + order + self.strides.len()) * 4
    }
}

fn last_position(starts: &[DocId]) -> u32 {
    // Not more runs than documents, so it fits.
    u32::try_from(starts.len().saturating_sub(1)).unwrap_or(u32::MAX)
}

fn sorted_by(ords: &[Ord]) -> Option<Vec<u32>> {
    if ords.is_sorted() {
        return None;
    }
    let mut order: Vec<u32> = (0..).take(ords.len()).collect();
    order.sort_by_key(|run| ords.get(*run as usize).copied());
    Some(order)
}
