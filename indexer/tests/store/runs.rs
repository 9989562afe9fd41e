//! Runs of neighbouring chunks, against a plain list of what the columns say.

use std::collections::BTreeSet;

use ambit_indexer::index::{Fields, IndexView, Run, Runs, SidecarFolder, schema_builder};
use proptest::prelude::*;
use tantivy::indexer::NoMergePolicy;
use tantivy::{IndexReader, IndexWriter, ReloadPolicy, SegmentReader, Term};

/// An index in memory.
pub(crate) struct Chunks {
    pub(crate) writer: IndexWriter,
    reader: IndexReader,
    pub(crate) fields: Fields,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        let (builder, fields) = schema_builder();
        let index = tantivy::Index::create_in_ram(builder.build());
        let writer: IndexWriter = index.writer_with_num_threads(1, 50_000_000).unwrap();
        writer.set_merge_policy(Box::new(NoMergePolicy));
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into();
        Self {
            writer,
            reader: reader.unwrap(),
            fields,
        }
    }

    pub(crate) fn add(&self, ord: u32, number: u32, text: &str) {
        let chunk = self.fields.chunk(ord, number, text);
        self.writer.add_document(chunk).unwrap();
    }

    pub(crate) fn delete(&self, ord: u32) {
        let term = Term::from_field_u64(self.fields.ord, u64::from(ord));
        self.writer.delete_term(term);
    }

    /// Ends a segment.
    pub(crate) fn commit(&mut self) {
        self.writer.commit().unwrap();
        self.reader.reload().unwrap();
    }

    pub(crate) fn view(&self, folder: SidecarFolder<'_>, earlier: Option<&IndexView>) -> IndexView {
        IndexView::load(self.reader.searcher(), self.fields, folder, earlier).unwrap()
    }

    /// Makes one segment of all.
    pub(crate) fn merge(&mut self) {
        let searcher = self.reader.searcher();
        let readers = searcher.segment_readers();
        let ids: Vec<_> = readers.iter().map(SegmentReader::segment_id).collect();
        if ids.len() > 1 {
            self.writer.merge(&ids).wait().unwrap();
            self.commit();
        }
    }
}

/// One revision in one segment: its number, how many chunks, and where they are cut in two by
/// chunks of others.
type Revision = (u32, u32, Option<u32>);

fn revisions() -> impl Strategy<Value = Vec<Revision>> {
    let numbers = prop::collection::btree_set(0_u32..400, 1..60);
    let numbers = numbers.prop_map(Vec::from_iter);
    let shuffled = prop_oneof![numbers.clone(), numbers.prop_shuffle()];
    let chunks = prop_oneof![4 => 1_u32..6, 1 => Just(300_u32)];
    let rest = prop::collection::vec((chunks, prop::option::weighted(0.1, 1_u32..3)), 60);
    (shuffled, rest).prop_map(|(numbers, rest)| {
        let revisions = numbers.into_iter().zip(rest);
        revisions
            .map(|(ord, (chunks, cut))| (ord, chunks, cut))
            .collect()
    })
}

/// Writes a segment of revisions whose numbers begin at `first`.
fn write(chunks: &mut Chunks, first: u32, revisions: &[Revision]) {
    let text = |ord: u32, number: u32| "word ".repeat((ord + number) as usize % 4);
    let mut later = Vec::new();
    for &(ord, count, cut) in revisions {
        let cut = cut.filter(|cut| *cut < count).unwrap_or(count);
        for number in 0..cut {
            chunks.add(first + ord, number, &text(ord, number));
        }
        later.extend((cut..count).map(|number| (ord, number)));
    }
    for (ord, number) in later {
        chunks.add(first + ord, number, &text(ord, number));
    }
    chunks.commit();
}

/// What the columns say: neighbours of one revision with numbers that follow each other.
fn plain(reader: &SegmentReader) -> Vec<Run> {
    let column = |name: &str| reader.fast_fields().u64(name).unwrap();
    let (ords, numbers, lengths) = (column("ord"), column("number"), column("length"));
    let value = |column: &tantivy::columnar::Column<u64>, chunk| {
        u32::try_from(column.first(chunk).unwrap()).unwrap()
    };
    let mut runs: Vec<Run> = Vec::new();
    for chunk in 0..reader.max_doc() {
        let (ord, number) = (value(&ords, chunk), value(&numbers, chunk));
        match runs.last_mut() {
            Some(run) if run.ord == ord && run.first_number + (run.end - run.start) == number => {
                run.end += 1;
                run.terms += value(&lengths, chunk);
            }
            _ => runs.push(Run {
                ord,
                start: chunk,
                end: chunk + 1,
                first_number: number,
                terms: value(&lengths, chunk),
            }),
        }
    }
    runs
}

fn check(runs: &Runs, plain: &[Run]) {
    assert_eq!(runs.iter().collect::<Vec<_>>(), plain);
    assert_eq!(
        (runs.len(), runs.is_empty()),
        (plain.len(), plain.is_empty())
    );
    for (position, run) in plain.iter().enumerate() {
        assert_eq!(runs.get(position).as_ref(), Some(run));
        for chunk in run.start..run.end {
            assert_eq!(runs.holding(chunk).as_ref(), Some(run), "{chunk}");
        }
    }
    assert!(runs.get(plain.len()).is_none());
    let known: BTreeSet<u32> = plain.iter().map(|run| run.ord).collect();
    for ord in (0..2100).chain([u32::MAX]) {
        let mut found: Vec<usize> = runs.of(ord).collect();
        found.sort_unstable();
        let expected = plain.iter().enumerate().filter(|(_, run)| run.ord == ord);
        let expected: Vec<usize> = expected.map(|(position, _)| position).collect();
        assert_eq!(found, expected, "{ord}");
        assert_eq!(known.contains(&ord), !found.is_empty());
    }
}

fn check_all(view: &IndexView) {
    for (segment, reader) in view.segments() {
        let plain = plain(reader);
        assert_eq!(
            (segment.id, segment.chunks),
            (reader.segment_id(), reader.max_doc())
        );
        check(&segment.runs, &plain);
        let dead = plain.iter().zip(0..).filter(|(run, _)| {
            let alive = reader.alive_bitset();
            alive.is_some_and(|alive| alive.is_deleted(run.start))
        });
        let dead: Vec<u32> = dead.map(|(_, position)| position).collect();
        assert_eq!(*segment.dead, *dead);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_are_what_the_columns_say(
        segments in prop::collection::vec(revisions(), 1..5),
        gone in prop::collection::btree_set(0_u32..2000, 0..300),
    ) {
        let mut chunks = Chunks::new();
        // Later segments have lower numbers: merged, they are out of order.
        for (revisions, segment) in segments.iter().rev().zip(0_u32..) {
            write(&mut chunks, (4 - segment) * 400, revisions);
        }
        let view = chunks.view(SidecarFolder::None, None);
        check_all(&view);
        for ord in gone {
            chunks.delete(ord);
        }
        chunks.commit();
        let deleted = chunks.view(SidecarFolder::None, Some(&view));
        check_all(&deleted);
        chunks.merge();
        let merged = chunks.view(SidecarFolder::None, Some(&deleted));
        check_all(&merged);
    }
}
