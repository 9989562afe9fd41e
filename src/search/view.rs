//! What one caller may find: a bit for every permitted chunk of every segment, and what BM25
//! counts over them.
//!
//! Upholds NON-INTERFERENCE (a view holds nothing that depends on chunks outside it) and
//! REVOCATION (a view is of exactly one snapshot; bringing it to the next one looks at what was
//! touched, and gives what making it anew would give).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ambit_indexer::catalog::{Ord, Permitted, Selection, Touched};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::index::{Run, Segment};
use ambit_indexer::store::Snapshot;
use tantivy::index::SegmentId;

use super::bitmap::Bitmap;
use super::bm25::Statistics;

/// If more than one in so many runs was touched, a segment's bits are made anew.
const PATCH_ONE_IN: usize = 16;
/// A remembered frequency takes about as much as so many words of bits.
const FREQUENCY_WORDS: usize = 4;
/// Remembered frequencies take at most one in so many of what the bits take.
const FREQUENCY_ONE_IN: usize = 2;
/// So many frequencies are remembered in any case.
const FREQUENCIES: usize = 16;
/// What a segment takes besides.
const SEGMENT_BYTES: usize = 768;

/// The permitted chunks of one snapshot.
#[derive(Debug)]
pub(super) struct View {
    /// Which policies are permitted. Not the table itself, nor the index: a view that is kept for
    /// long must not keep what they were.
    pub(super) permitted: Permitted,
    /// When the permissions were looked at.
    pub(super) now: Timestamp,
    /// Version of the snapshot's index.
    pub(super) index: u64,
    parts: Vec<Part>,
    /// Counted over all segments.
    pub(super) statistics: Statistics,
}

#[derive(Clone, Debug)]
struct Part {
    chunks: Arc<SegmentChunks>,
    /// How many of the segment's runs were deleted, and have been taken out.
    dead: usize,
}

/// The permitted chunks of one segment.
#[derive(Debug)]
pub(super) struct SegmentChunks {
    segment: SegmentId,
    /// A bit for each.
    pub(super) bits: Bitmap,
    /// How many they are.
    pub(super) count: u32,
    /// Terms of all of them.
    terms: u64,
    /// In how many of them a term occurs, by where its postings begin.
    frequencies: RwLock<HashMap<u64, u32>>,
}

impl View {
    /// Makes the view of a snapshot. `earlier` is one of the same caller and the same conditions,
    /// with what was touched since; it is brought up to date where it can be.
    pub(super) fn new(
        selection: &Selection,
        now: Timestamp,
        snapshot: &Snapshot,
        earlier: Option<(&Self, &Touched)>,
        admits: impl Fn(Ord) -> bool,
    ) -> Self {
        let mut parts = Vec::with_capacity(snapshot.index.segments().len());
        let mut statistics = Statistics::default();
        for (segment, _) in snapshot.index.segments() {
            let known = earlier.and_then(|(view, touched)| {
                let mut parts = view.parts.iter();
                let part = parts.find(|part| part.chunks.segment == segment.id)?;
                let few = touched.ords.len() * PATCH_ONE_IN <= segment.runs.len();
                // Runs come back to life in one case only: in a view of an earlier commit.
                let later = part.dead <= segment.dead.len();
                Some((part, (few && later).then_some(touched)))
            });
            let chunks = match known {
                Some((part, Some(touched))) => patched(part, segment, touched, &admits),
                Some((part, None)) => {
                    let fresh = SegmentChunks::new(segment, &admits);
                    // What is remembered of equal bits stays right.
                    if fresh.bits == part.chunks.bits {
                        Arc::clone(&part.chunks)
                    } else {
                        Arc::new(fresh)
                    }
                }
                None => Arc::new(SegmentChunks::new(segment, &admits)),
            };
            statistics.chunks += u64::from(chunks.count);
            statistics.terms += chunks.terms;
            parts.push(Part {
                chunks,
                dead: segment.dead.len(),
            });
        }
        Self {
            permitted: selection.permitted(),
            now,
            index: snapshot.index.version(),
            parts,
            statistics,
        }
    }

    /// Whether the view is of this very snapshot.
    pub(super) fn is_of(&self, snapshot: &Snapshot) -> bool {
        self.permitted.version() == snapshot.table.version()
            && self.index == snapshot.index.version()
    }

    /// The permitted chunks of each segment, in the snapshot's order.
    pub(super) fn segments(&self) -> impl Iterator<Item = &Arc<SegmentChunks>> {
        self.parts.iter().map(|part| &part.chunks)
    }

    /// Most bytes that the view may come to hold.
    pub(super) fn memory_bytes(&self) -> usize {
        let parts = self.parts.iter();
        let bits: usize = parts.map(|part| part.chunks.bits.memory_bytes()).sum();
        let frequencies = bits / FREQUENCY_ONE_IN + self.parts.len() * SEGMENT_BYTES;
        bits + frequencies + self.permitted.memory_bytes() + size_of::<Self>()
    }
}

impl SegmentChunks {
    fn new(segment: &Segment, admits: impl Fn(Ord) -> bool) -> Self {
        let mut chunks = Self {
            segment: segment.id,
            bits: Bitmap::new(segment.chunks),
            count: 0,
            terms: 0,
            frequencies: RwLock::default(),
        };
        for run in segment.runs.iter() {
            if admits(run.ord) {
                chunks.add(run);
            }
        }
        for position in segment.dead.iter() {
            let run = segment.runs.get(*position as usize);
            if let Some(run) = run.filter(|run| admits(run.ord)) {
                chunks.remove(run);
            }
        }
        chunks
    }

    fn add(&mut self, run: Run) {
        self.bits.insert_range(run.start, run.end);
        self.count += run.end - run.start;
        self.terms += u64::from(run.terms);
    }

    fn remove(&mut self, run: Run) {
        self.bits.remove_range(run.start, run.end);
        self.count -= run.end - run.start;
        self.terms -= u64::from(run.terms);
    }

    /// The same chunks, without what is remembered of them.
    fn copy(&self) -> Self {
        Self {
            segment: self.segment,
            bits: self.bits.clone(),
            count: self.count,
            terms: self.terms,
            frequencies: RwLock::default(),
        }
    }

    /// In how many of the chunks a term occurs, if that is remembered.
    pub(super) fn known_frequency(&self, postings_start: u64) -> Option<u32> {
        let known = self.frequencies.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.get(&postings_start).copied()
    }

    /// Remembers in how many of the chunks a term occurs.
    pub(super) fn remember_frequency(&self, postings_start: u64, frequency: u32) {
        let known = self.frequencies.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        let words = self.bits.words().len() / FREQUENCY_ONE_IN;
        let room = (words / FREQUENCY_WORDS).max(FREQUENCIES);
        if known.len() >= room {
            known.clear();
        }
        known.insert(postings_start, frequency);
    }
}

/// Brings the chunks of a segment up to date; shares them if nothing permitted changed.
fn patched(
    part: &Part,
    segment: &Segment,
    touched: &Touched,
    admits: impl Fn(Ord) -> bool,
) -> Arc<SegmentChunks> {
    let mut fresh: Option<SegmentChunks> = None;
    let mut set = |run: Run, is: bool| {
        let bits = fresh
            .as_ref()
            .map_or(&part.chunks.bits, |fresh| &fresh.bits);
        if bits.contains(run.start) == is {
            return;
        }
        let fresh = fresh.get_or_insert_with(|| part.chunks.copy());
        if is {
            fresh.add(run);
        } else {
            fresh.remove(run);
        }
    };
    for &ord in &touched.ords {
        for position in segment.runs.of(ord) {
            let dead =
                u32::try_from(position).is_ok_and(|p| segment.dead.binary_search(&p).is_ok());
            if let Some(run) = segment.runs.get(position) {
                set(run, !dead && admits(ord));
            }
        }
    }
    // Deleted chunks stay deleted, so as many are the same ones.
    if part.dead != segment.dead.len() {
        for &position in segment.dead.iter() {
            if let Some(run) = segment.runs.get(position as usize) {
                set(run, false);
            }
        }
    }
    match fresh {
        Some(fresh) => Arc::new(fresh),
        None => Arc::clone(&part.chunks),
    }
}
