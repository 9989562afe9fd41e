//! The tantivy index: derived from the catalog, rebuildable, never consulted for permission.
//!
//! It holds terms and three numbers a chunk, no text. What it holds for an ord that the access
//! table does not know is invisible, so it may run ahead of the catalog, or behind it.

pub mod analyzer;
mod schema;
mod segment;
mod sidecar;
mod view;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tantivy::directory::MmapDirectory;
use tantivy::index::SegmentComponent;
use tantivy::{
    IndexMeta, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyError, Term,
};
use thiserror::Error;

use crate::catalog::Ord;
use crate::chunk::DraftChunk;
use crate::document::Content;

pub use schema::{Fields, schema_builder};
pub use segment::{Run, Runs};
pub use sidecar::{
    FrequentTerm, PEAKS_FROM, Peak, Sidecar, SidecarTerm, UNBOUNDED_COUNT, WINDOW_CHUNKS,
    WINDOW_WORDS, WindowPeaks,
};
pub use view::{IndexView, Segment, SidecarFolder};

/// Version of everything between a document's text and its terms: hidden-text and secret rules,
/// chunks, analyzer. An index or a stored source hash of another version is made again.
pub const PIPELINE_VERSION: u32 = 1;

/// The files that every segment has.
const SEGMENT_FILES: [SegmentComponent; 6] = [
    SegmentComponent::Terms,
    SegmentComponent::Postings,
    SegmentComponent::Positions,
    SegmentComponent::FastFields,
    SegmentComponent::FieldNorms,
    SegmentComponent::Store,
];

const WRITER_MEMORY_BYTES: usize = 96 * 1024 * 1024;

/// Why the index could not do something.
#[derive(Debug, Error)]
pub enum IndexError {
    /// Its folder cannot be used.
    #[error("the index folder cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    /// The engine refused.
    #[error("the index failed: {0}")]
    Engine(#[from] TantivyError),
    /// Opened for reading only.
    #[error("an index opened for reading cannot be written")]
    ReadOnly,
}

/// The index of one data directory.
pub(crate) struct Index {
    fields: Fields,
    reader: IndexReader,
    writer: Option<Mutex<IndexWriter>>,
    sidecars: PathBuf,
    view: RwLock<Arc<IndexView>>,
}

/// Whether an index on disk belongs to the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was there and carries the catalog's generation and this pipeline's version.
    Kept,
    /// It is new and empty.
    New,
}

impl Index {
    /// Opens the index for writing. One that is damaged, or of another generation, is replaced by
    /// an empty one.
    pub(crate) fn open(folder: &Path, generation: &str) -> Result<(Self, Origin), IndexError> {
        if let Some(index) = existing(folder, &identity(generation)) {
            return Ok((Self::with(index, folder, true)?, Origin::Kept));
        }
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        let (schema, _) = schema::schema();
        let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
        let index = tantivy::Index::create(directory, schema, IndexSettings::default())?;
        let opened = Self::with(index, folder, true)?;
        opened.commit(generation)?;
        Ok((opened, Origin::New))
    }

    /// Opens the index for reading, beside whoever writes.
    pub(crate) fn open_beside(folder: &Path, generation: &str) -> Result<Self, IndexError> {
        let index = existing(folder, &identity(generation));
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        Self::with(index.ok_or_else(missing)?, folder, false)
    }

    fn with(index: tantivy::Index, folder: &Path, write: bool) -> Result<Self, IndexError> {
        let (_, fields) = schema::schema();
        let writer = if write {
            Some(Mutex::new(
                index.writer_with_num_threads(1, WRITER_MEMORY_BYTES)?,
            ))
        } else {
            None
        };
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let sidecars = folder.join("sidecars");
        let kept = if write {
            SidecarFolder::Write(&sidecars)
        } else {
            SidecarFolder::Read(&sidecars)
        };
        let view = IndexView::load(reader.searcher(), fields, kept, None)?;
        Ok(Self {
            fields,
            reader,
            writer,
            view: RwLock::new(Arc::new(view)),
            sidecars,
        })
    }

    /// What the last commit holds.
    pub(crate) fn view(&self) -> Arc<IndexView> {
        let view = self.view.read();
        Arc::clone(&view.unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds the chunks of one revision; they show after the next commit.
    pub(crate) fn add(
        &self,
        ord: Ord,
        content: &Content,
        chunks: &[DraftChunk],
    ) -> Result<(), IndexError> {
        self.write(|writer| {
            for draft in chunks {
                let text = searchable_text(content, draft);
                let document = self.fields.chunk(ord, draft.chunk.number, &text);
                writer.add_document(document)?;
            }
            Ok(())
        })
    }

    /// Deletes the chunks of revisions; space comes back as segments merge.
    pub(crate) fn delete(&self, ords: impl IntoIterator<Item = Ord>) -> Result<(), IndexError> {
        self.write(|writer| {
            for ord in ords {
                writer.delete_term(Term::from_field_u64(self.fields.ord, u64::from(ord)));
            }
            Ok(())
        })
    }

    /// Makes additions and deletions durable and visible.
    pub(crate) fn commit(&self, generation: &str) -> Result<(), IndexError> {
        self.write(|writer| {
            let mut prepared = writer.prepare_commit()?;
            prepared.set_payload(&identity(generation));
            prepared.commit()?;
            Ok(())
        })?;
        self.renew_view()
    }

    /// Makes what was committed last visible.
    fn renew_view(&self) -> Result<(), IndexError> {
        self.reader.reload()?;
        let earlier = self.view();
        let kept = SidecarFolder::Write(&self.sidecars);
        let view = IndexView::load(self.reader.searcher(), self.fields, kept, Some(&earlier))?;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        Ok(())
    }

    /// Forgets additions and deletions since the last commit.
    pub(crate) fn rollback(&self) -> Result<(), IndexError> {
        self.write(|writer| {
            writer.rollback()?;
            Ok(())
        })?;
        // A commit whose view could not be made is a commit all the same.
        self.renew_view()
    }

    /// Every ord that has chunks here, ascending.
    pub(crate) fn ords(&self) -> BTreeSet<Ord> {
        let view = self.view();
        let mut ords = BTreeSet::new();
        for (segment, _) in view.segments() {
            let mut dead = segment.dead.iter().peekable();
            for (run, position) in segment.runs.iter().zip(0u32..) {
                if dead.next_if_eq(&&position).is_none() {
                    ords.insert(run.ord);
                }
            }
        }
        ords
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&mut IndexWriter) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let writer = self.writer.as_ref().ok_or(IndexError::ReadOnly)?;
        work(&mut writer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a chunk is found by: the title, the headings above it, and its own text.
fn searchable_text(content: &Content, draft: &DraftChunk) -> String {
    let mut text = content.title.clone();
    for heading in &draft.chunk.heading {
        if *heading != content.title {
            text.push('\n');
            text.push_str(heading);
        }
    }
    text.push('\n');
    text.push_str(&draft.search_text);
    text
}

fn identity(generation: &str) -> String {
    format!("{generation} {PIPELINE_VERSION}")
}

/// The index in a folder, if there is a sound one that carries this identity.
fn existing(folder: &Path, identity: &str) -> Option<tantivy::Index> {
    let directory = MmapDirectory::open(folder).ok()?;
    let index = tantivy::Index::open(directory).ok()?;
    let (schema, _) = schema::schema();
    let metas = index.load_metas().ok()?;
    let carries = index.schema() == schema && metas.payload.as_deref() == Some(identity);
    (carries && is_whole(&index, &metas) && fits(&index, &metas)).then_some(index)
}

/// Whether every file of every segment is there and is what its checksum says. The engine's own
/// check passes over files that are missing, or missing from its list of files; opening a damaged
/// one can panic.
fn is_whole(index: &tantivy::Index, metas: &IndexMeta) -> bool {
    metas.segments.iter().all(|segment| {
        let deletions = segment.has_deletes().then_some(SegmentComponent::Delete);
        let files = SEGMENT_FILES.into_iter().chain(deletions);
        files
            .map(|file| segment.relative_path(file))
            .all(|path| index.directory().validate_checksum(&path).unwrap_or(false))
    })
}

/// Whether the list of segments, which has no checksum, fits the segments.
fn fits(index: &tantivy::Index, metas: &IndexMeta) -> bool {
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
    let Ok(reader) = TryInto::<IndexReader>::try_into(reader) else {
        return false;
    };
    let searcher = reader.searcher();
    searcher.segment_readers().len() == metas.segments.len()
        && searcher.segment_readers().iter().all(|segment| {
            let listed = metas.segments.iter();
            let listed = listed
                .filter(|meta| meta.id() == segment.segment_id())
                .find(|meta| meta.num_docs() == segment.num_docs());
            let ords = segment.fast_fields().u64("ord");
            listed.is_some() && ords.is_ok_and(|ords| ords.num_docs() == segment.max_doc())
        })
}
