//! What one commit of the index holds, ready to be searched: tantivy's readers with the runs and
//! the sidecar of each segment.
//!
//! A view is whole before anybody sees it, so no search waits for a sidecar to be made.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tantivy::index::SegmentId;
use tantivy::{DocId, Searcher, SegmentReader};

use super::segment::Runs;
use super::sidecar::{self, Identity, Sidecar};
use super::{Fields, IndexError};

/// One segment of a view.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its id; the same for as long as its chunks are.
    pub id: SegmentId,
    /// Its chunks by revision, deleted ones included.
    pub runs: Arc<Runs>,
    /// Its frequent terms.
    pub sidecar: Arc<Sidecar>,
    /// Chunks, deleted ones included; they are numbered from 0.
    pub chunks: DocId,
    /// Positions of the runs that are deleted, ascending.
    pub dead: Arc<[u32]>,
    /// How many chunks are deleted.
    deleted: u32,
}

/// What one commit holds.
#[derive(Clone)]
pub struct IndexView {
    /// Tells views of one process apart.
    version: u64,
    searcher: Searcher,
    fields: Fields,
    segments: Vec<Segment>,
}

/// Where sidecars are kept.
#[derive(Clone, Copy, Debug)]
pub enum SidecarFolder<'a> {
    /// Nowhere.
    None,
    /// Read there, but another process writes.
    Read(&'a Path),
    /// Read and written there; those of segments that are gone are removed.
    Write(&'a Path),
}

impl IndexView {
    /// Puts a view together. What `earlier` holds of the same segments is shared.
    pub fn load(
        searcher: Searcher,
        fields: Fields,
        folder: SidecarFolder<'_>,
        earlier: Option<&Self>,
    ) -> Result<Self, IndexError> {
        let known = earlier.map_or(&[][..], |view| &view.segments);
        let mut segments = Vec::with_capacity(searcher.segment_readers().len());
        for reader in searcher.segment_readers() {
            let same = known
                .iter()
                .find(|segment| segment.id == reader.segment_id());
            let (runs, sidecar) = match same {
                Some(segment) => (Arc::clone(&segment.runs), Arc::clone(&segment.sidecar)),
                None => (
                    Arc::new(Runs::read(reader)?),
                    Arc::new(sidecar(reader, fields, folder)?),
                ),
            };
            segments.push(Segment {
                id: reader.segment_id(),
                chunks: reader.max_doc(),
                // Chunks do not come back within a segment, so as many are the same ones.
                dead: match same {
                    Some(segment) if segment.deleted == reader.num_deleted_docs() => {
                        Arc::clone(&segment.dead)
                    }
                    _ => dead_runs(reader, &runs),
                },
                deleted: reader.num_deleted_docs(),
                runs,
                sidecar,
            });
        }
        if let SidecarFolder::Write(folder) = folder {
            remove_strays(folder, &segments);
        }
        static VERSIONS: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            version: VERSIONS.fetch_add(1, Ordering::Relaxed),
            searcher,
            fields,
            segments,
        })
    }

    /// Tells this view from every other one of the process.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Tantivy's view of the same commit.
    pub const fn searcher(&self) -> &Searcher {
        &self.searcher
    }

    /// The index's fields.
    pub const fn fields(&self) -> Fields {
        self.fields
    }

    /// The segments with their readers, in one order.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = (&Segment, &SegmentReader)> {
        self.segments.iter().zip(self.searcher.segment_readers())
    }

    /// Bytes held beyond tantivy's own.
    pub fn memory_bytes(&self) -> usize {
        let segment = |segment: &Segment| {
            segment.runs.memory_bytes() + segment.sidecar.memory_bytes() + segment.dead.len() * 4
        };
        self.segments.iter().map(segment).sum()
    }
}

fn dead_runs(reader: &SegmentReader, runs: &Runs) -> Arc<[u32]> {
    let Some(alive) = reader.alive_bitset() else {
        return Arc::default();
    };
    // The chunks of a run were added together, so they were deleted together.
    let positions = runs.iter().zip(0u32..);
    let dead = positions.filter(|(run, _)| alive.is_deleted(run.start));
    dead.map(|(_, position)| position).collect()
}

fn sidecar(
    reader: &SegmentReader,
    fields: Fields,
    folder: SidecarFolder<'_>,
) -> Result<Sidecar, IndexError> {
    let id = reader.segment_id();
    if reader.max_doc() < sidecar::PEAKS_FROM {
        return Ok(Sidecar::default());
    }
    let identity = Identity {
        segment: id.uuid_string(),
        chunks: reader.max_doc(),
    };
    let path = match folder {
        SidecarFolder::None => return sidecar::build(reader, fields.text),
        SidecarFolder::Read(folder) | SidecarFolder::Write(folder) => folder.join(file_name(id)),
    };
    if let Some(sidecar) = sidecar::read(&path, &identity) {
        return Ok(sidecar);
    }
    let made = sidecar::build(reader, fields.text)?;
    if let SidecarFolder::Write(folder) = folder {
        let written =
            std::fs::create_dir_all(folder).and_then(|()| sidecar::write(&path, &identity, &made));
        if let Err(error) = written {
            // It is in memory; the next opening makes it again.
            tracing::warn!(%error, "a sidecar of the index could not be written");
        }
    }
    Ok(made)
}

fn file_name(id: SegmentId) -> String {
    format!("{}.sidecar", id.uuid_string())
}

fn remove_strays(folder: &Path, segments: &[Segment]) {
    let known: HashSet<String> = segments
        .iter()
        .map(|segment| file_name(segment.id))
        .collect();
    let Ok(files) = std::fs::read_dir(folder) else {
        return;
    };
    for file in files.flatten() {
        let name = file.file_name();
        if name.to_str().is_none_or(|name| !known.contains(name))
            && let Err(error) = std::fs::remove_file(file.path())
        {
            tracing::warn!(%error, "a stray sidecar could not be removed");
        }
    }
}
