//! The index that every design searches: Ambit's fields, and the access list as a term.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use ambit_indexer::index::analyzer::document_terms;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tantivy::directory::MmapDirectory;
use tantivy::index::SegmentId;
use tantivy::merge_policy::NoMergePolicy;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{Index, IndexSettings, IndexWriter, ReloadPolicy, Searcher, TantivyDocument};

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
    pub(crate) documents: usize,
    /// Terms of all chunks together.
    pub(crate) terms: u64,
    /// Chunks of each access list.
    pub(crate) sizes: Vec<u64>,
    pub(crate) took: Duration,
    pub(crate) bytes: u64,
    _folder: tempfile::TempDir,
}

/// The fields that are searched or filtered.
#[derive(Clone, Copy)]
pub(crate) struct Fields {
    ord: Field,
    number: Field,
    length: Field,
    pub(crate) text: Field,
    pub(crate) acl: Field,
}

impl Corpus {
    /// Generates and indexes, one document at a time.
    pub(crate) fn build(model: &Model, options: &Options) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("scoped-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap();
        let start = Instant::now();
        let mut filling = Filling::new(folder.path(), options);
        let classes = Classes::new();
        // Not from the text's seed, so that who may read has nothing to do with what is written.
        let mut random = StdRng::seed_from_u64(!options.seed);
        while filling.chunks < options.chunks {
            let document = Writer::new(model, options.seed, filling.ord).document();
            filling.add(&document, classes.draw(&mut random));
        }
        filling.commit();
        let reader = filling.writer.index().reader_builder();
        let reader = reader
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .unwrap();
        let searcher = reader.searcher();
        let segments = searcher.segment_readers().len();
        assert_eq!(segments as u32, options.segments);
        assert_eq!(searcher.num_docs(), u64::from(options.chunks));
        let took = start.elapsed();
        filling.writer.wait_merging_threads().unwrap();
        Self {
            searcher,
            fields: filling.fields,
            documents: filling.ord as usize,
            terms: filling.terms,
            sizes: filling.sizes,
            took,
            bytes: bytes_in(folder.path()),
            _folder: folder,
        }
    }
}

/// An index on its way.
struct Filling {
    writer: IndexWriter,
    fields: Fields,
    /// Segments that are as they should be.
    finished: HashSet<SegmentId>,
    limit: u32,
    per_segment: u32,
    ord: u64,
    chunks: u32,
    terms: u64,
    sizes: Vec<u64>,
}

impl Filling {
    fn new(folder: &Path, options: &Options) -> Self {
        let (schema, fields) = schema();
        let directory = MmapDirectory::open(folder).unwrap();
        let index = Index::create(directory, schema, IndexSettings::default()).unwrap();
        let writer: IndexWriter = index.writer_with_num_threads(1, HEAP_BYTES).unwrap();
        writer.set_merge_policy(Box::new(NoMergePolicy));
        Self {
            writer,
            fields,
            finished: HashSet::new(),
            limit: options.chunks,
            per_segment: options.chunks.div_ceil(options.segments),
            ord: 0,
            chunks: 0,
            terms: 0,
            sizes: vec![0; CLASSES],
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
            let terms = pre_tokenized(text);
            let length = terms.tokens.len() as u64;
            let mut chunk = TantivyDocument::new();
            chunk.add_u64(self.fields.ord, self.ord);
            chunk.add_u64(self.fields.number, number as u64);
            chunk.add_u64(self.fields.length, length);
            chunk.add_u64(self.fields.acl, acl);
            chunk.add_pre_tokenized_text(self.fields.text, terms);
            self.writer.add_document(chunk).unwrap();
            self.chunks += 1;
            self.terms += length;
            self.sizes[acl as usize] += 1;
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

fn schema() -> (tantivy::schema::Schema, Fields) {
    let mut builder = SchemaBuilder::new();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_fieldnorms(true)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let fields = Fields {
        ord: builder.add_u64_field("ord", FAST | INDEXED),
        number: builder.add_u64_field("number", FAST),
        length: builder.add_u64_field("length", FAST),
        text: builder.add_text_field(
            "text",
            TextOptions::default().set_indexing_options(indexing),
        ),
        acl: builder.add_u64_field("acl", INDEXED),
    };
    (builder.build(), fields)
}

fn pre_tokenized(text: &str) -> PreTokenizedString {
    let tokens = document_terms(text).into_iter().map(|term| Token {
        offset_from: 0,
        offset_to: 0,
        position: term.position as usize,
        text: term.text,
        position_length: 1,
    });
    PreTokenizedString {
        text: String::new(),
        tokens: tokens.collect(),
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum()
}
