//! The index that every design searches: Ambit's fields, and the access list as a term.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ambit_indexer::index::{Fields, schema_builder};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tantivy::directory::MmapDirectory;
use tantivy::index::SegmentId;
use tantivy::merge_policy::NoMergePolicy;
use tantivy::schema::{Field, INDEXED};
use tantivy::{Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher};

use crate::Options;
use crate::acls::{CLASSES, Classes};
use crate::learn::Model;
use crate::text::Writer;

/// Enough that a million chunks are rarely flushed early.
const HEAP_BYTES: usize = 2_000_000_000;

/// What was indexed.
pub(crate) struct Corpus {
    pub(crate) searcher: Searcher,
    pub(crate) fields: Fields,
    pub(crate) acl: Field,
    pub(crate) documents: usize,
    /// Terms of all chunks together.
    pub(crate) terms: u64,
    /// The access list of each document.
    pub(crate) classes: Vec<u64>,
    /// Chunks of each access list.
    pub(crate) sizes: Vec<u64>,
    pub(crate) took: Duration,
    pub(crate) bytes: u64,
    pub(crate) folder: PathBuf,
    _scratch: Option<tempfile::TempDir>,
}

impl Corpus {
    /// Generates and indexes, one document at a time; or opens what an earlier run left.
    pub(crate) fn build(model: &Model, options: &Options) -> Self {
        let scratch = options.index.is_none().then(|| {
            let mut builder = tempfile::Builder::new();
            let builder = builder.prefix("scoped-");
            builder.tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
        });
        let folder = scratch.as_ref().map(tempfile::TempDir::path);
        let folder = folder.or(options.index.as_deref()).unwrap().to_owned();
        let start = Instant::now();
        if !folder.join("meta.json").exists() {
            std::fs::create_dir_all(&folder).unwrap();
            fill(&folder, model, options);
        }
        let took = start.elapsed();
        let index = Index::open_in_dir(&folder).unwrap();
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader: IndexReader = reader.try_into().unwrap();
        let searcher = reader.searcher();
        let segments = searcher.segment_readers().len();
        assert_eq!(segments as u32, options.segments);
        assert_eq!(searcher.num_docs(), u64::from(options.chunks));
        let (fields, acl) = fields();
        let bytes = bytes_in(&folder);
        let mut corpus = Self {
            searcher,
            fields,
            acl,
            documents: 0,
            terms: 0,
            classes: Vec::new(),
            sizes: vec![0; CLASSES],
            took,
            bytes,
            folder,
            _scratch: scratch,
        };
        corpus.count(options);
        corpus
    }

    /// Counts, from what is indexed.
    fn count(&mut self, options: &Options) {
        let classes = Classes::new();
        let mut random = StdRng::seed_from_u64(!options.seed);
        for reader in self.searcher.segment_readers() {
            let columns = reader.fast_fields();
            let (ords, lengths) = (columns.u64("ord").unwrap(), columns.u64("length").unwrap());
            for chunk in 0..reader.max_doc() {
                let ord = ords.first(chunk).unwrap() as usize;
                while self.classes.len() <= ord {
                    self.classes.push(classes.draw(&mut random));
                }
                self.sizes[self.classes[ord] as usize] += 1;
                self.terms += lengths.first(chunk).unwrap();
            }
        }
        self.documents = self.classes.len();
    }
}

fn fill(folder: &Path, model: &Model, options: &Options) {
    let mut filling = Filling::new(folder, options);
    let classes = Classes::new();
    // Not from the text's seed, so that who may read has nothing to do with what is written.
    let mut random = StdRng::seed_from_u64(!options.seed);
    while filling.chunks < options.chunks {
        let document = Writer::new(model, options.seed, u64::from(filling.ord)).document();
        filling.add(&document, classes.draw(&mut random));
    }
    filling.commit();
    filling.writer.wait_merging_threads().unwrap();
}

/// An index on its way.
struct Filling {
    writer: IndexWriter,
    fields: Fields,
    acl: Field,
    /// Segments that are as they should be.
    finished: HashSet<SegmentId>,
    limit: u32,
    per_segment: u32,
    ord: u32,
    chunks: u32,
}

impl Filling {
    fn new(folder: &Path, options: &Options) -> Self {
        let (mut builder, fields) = schema_builder();
        let acl = builder.add_u64_field("acl", INDEXED);
        let directory = MmapDirectory::open(folder).unwrap();
        let index = Index::create(directory, builder.build(), IndexSettings::default()).unwrap();
        let writer: IndexWriter = index.writer_with_num_threads(1, HEAP_BYTES).unwrap();
        writer.set_merge_policy(Box::new(NoMergePolicy));
        Self {
            writer,
            fields,
            acl,
            finished: HashSet::new(),
            limit: options.chunks,
            per_segment: options.chunks.div_ceil(options.segments),
            ord: 0,
            chunks: 0,
        }
    }

    /// Adds as many chunks of a document as there is room for.
    fn add(&mut self, document: &[String], acl: u64) {
        for (number, text) in document.iter().enumerate() {
            if self.chunks == self.limit {
                break;
            }
            if self.chunks > 0 && self.chunks.is_multiple_of(self.per_segment) {
                self.commit();
            }
            let mut chunk = self.fields.chunk(self.ord, number as u32, text);
            chunk.add_u64(self.acl, acl);
            self.writer.add_document(chunk).unwrap();
            self.chunks += 1;
        }
        self.ord += 1;
    }

    /// Ends a segment: what the writer flushed early becomes one with the rest.
    fn commit(&mut self) {
        self.writer.commit().unwrap();
        let ids = self.writer.index().searchable_segment_ids().unwrap();
        let new = ids.into_iter().filter(|id| !self.finished.contains(id));
        let new: Vec<SegmentId> = new.collect();
        if new.len() > 1 {
            self.writer.merge(&new).wait().unwrap();
            self.writer.garbage_collect_files().wait().unwrap();
        }
        let ids = self.writer.index().searchable_segment_ids().unwrap();
        self.finished = ids.into_iter().collect();
    }
}

fn fields() -> (Fields, Field) {
    let (mut builder, fields) = schema_builder();
    (fields, builder.add_u64_field("acl", INDEXED))
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum()
}
