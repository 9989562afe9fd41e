//! Staging: revisions that are stored but that nobody can read yet.

use rusqlite::Connection;

use super::documents::SourceKind;
use super::encoding::{stated_to_text, strings_to_text};
use super::table::Ord;
use super::{Catalog, CatalogError};
use crate::acl::StatedPolicy;
use crate::clock::Timestamp;
use crate::document::{Chunk, Content, ContentHash, DocumentId};

/// A new revision on its way in.
#[derive(Debug)]
pub(crate) struct StagedRevision<'a> {
    pub(crate) id: &'a DocumentId,
    pub(crate) source: SourceKind,
    pub(crate) content: &'a Content,
    pub(crate) revision: ContentHash,
    pub(crate) chunks: &'a [Chunk],
}

impl Catalog {
    /// Stores revisions under fresh ords, in one transaction. Nobody can read them until a
    /// publication names them. Returns document row and ord, in the order given.
    pub(crate) fn stage(
        &self,
        revisions: &[StagedRevision<'_>],
        now: Timestamp,
    ) -> Result<Vec<(i64, Ord)>, CatalogError> {
        let nothing_stated = stated_to_text(&StatedPolicy::default(), &self.labels);
        self.write(|connection| {
            let transaction = connection.transaction()?;
            let mut placed = Vec::with_capacity(revisions.len());
            for revision in revisions {
                let row = Self::document_row(
                    &transaction,
                    revision.id,
                    revision.source,
                    &nothing_stated,
                )?;
                let ord = insert_revision(&transaction, row, revision, now)?;
                insert_chunks(&transaction, ord, revision.chunks)?;
                placed.push((row, ord));
            }
            transaction.commit()?;
            Ok(placed)
        })
    }

    /// Drops what was staged by a run that never published.
    pub(crate) fn drop_staged(&self) -> Result<usize, CatalogError> {
        self.write(|connection| {
            let dropped = connection.execute("DELETE FROM revision WHERE published = 0", [])?;
            // A document that never had a published revision was never seen by anybody.
            connection.execute(
                "DELETE FROM document WHERE ord IS NULL AND id NOT IN (SELECT document FROM revision)
                   AND id NOT IN (SELECT document FROM acl_history)",
                [],
            )?;
            Ok(dropped)
        })
    }

    /// Replaces the chunk rows of a revision, after the chunker itself has changed.
    pub(crate) fn replace_chunks(&self, ord: Ord, chunks: &[Chunk]) -> Result<(), CatalogError> {
        self.write(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM chunk WHERE ord = ?1", [ord])?;
            insert_chunks(&transaction, ord, chunks)?;
            transaction.commit()?;
            Ok(())
        })
    }
}

fn insert_revision(
    connection: &Connection,
    document: i64,
    revision: &StagedRevision<'_>,
    now: Timestamp,
) -> Result<Ord, CatalogError> {
    let content = revision.content;
    connection
        .prepare_cached(
            "INSERT INTO revision (document, hash, title, body, kind, uri, service, severity, tags,
                created, updated, first_line, written)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(rusqlite::params![
            document,
            revision.revision.as_bytes(),
            content.title,
            content.body,
            content.kind.as_str(),
            content.uri,
            content.service,
            content.severity,
            strings_to_text(&content.tags),
            content.created.map(Timestamp::as_microsecond),
            content.updated.map(Timestamp::as_microsecond),
            content.first_line,
            now.as_microsecond(),
        ])?;
    Ord::try_from(connection.last_insert_rowid())
        .map_err(|_| CatalogError::Damaged("all revision numbers are used up".to_owned()))
}

fn insert_chunks(connection: &Connection, ord: Ord, chunks: &[Chunk]) -> Result<(), CatalogError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO chunk (ord, number, heading, start_byte, end_byte, first_line, last_line)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for chunk in chunks {
        statement.execute(rusqlite::params![
            ord,
            chunk.number,
            strings_to_text(&chunk.heading),
            chunk.start,
            chunk.end,
            chunk.first_line,
            chunk.last_line,
        ])?;
    }
    Ok(())
}
