//! Reading documents: what the pipeline compares with, and the contents of revisions.

use rusqlite::{OptionalExtension, Row};

use super::encoding::{instant, stated_from_text, strings_from_text};
use super::table::Ord;
use super::{Catalog, CatalogError};
use crate::acl::StatedPolicy;
use crate::document::{Chunk, Content, ContentHash, DocumentId, Kind};

/// Where a document came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// A folder of files; a file that is gone takes its document with it.
    Folder,
    /// Written through the API.
    Api,
}

impl SourceKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Api => "api",
        }
    }
}

/// What the catalog holds of a document, for the pipeline.
#[derive(Clone, Debug)]
pub(crate) struct StoredDocument {
    pub(crate) row: i64,
    pub(crate) id: DocumentId,
    pub(crate) source: SourceKind,
    pub(crate) source_hash: Option<ContentHash>,
    pub(crate) stated: StatedPolicy,
    pub(crate) current: Option<(Ord, ContentHash)>,
    pub(crate) acl_row: Option<i64>,
}

/// The content of a revision with when it was written.
#[derive(Clone, Debug)]
pub struct StoredContent {
    /// The number of the revision.
    pub ord: Ord,
    /// Its name.
    pub revision: ContentHash,
    /// What a reader may be shown.
    pub content: Content,
    /// When it was written here.
    pub written: crate::clock::Timestamp,
}

impl Catalog {
    /// Every document of a collection, removed ones included.
    pub(crate) fn documents_of(
        &self,
        collection: &str,
    ) -> Result<Vec<StoredDocument>, CatalogError> {
        let query = "SELECT d.id, d.name, d.source, d.source_hash, d.stated, d.ord, d.acl, r.hash
            FROM document d LEFT JOIN revision r ON r.ord = d.ord WHERE d.collection = ?1";
        self.read(|connection| {
            let mut statement = connection.prepare_cached(query)?;
            let mut rows = statement.query([collection])?;
            let mut documents = Vec::new();
            while let Some(row) = rows.next()? {
                documents.push(self.stored_document(row)?);
            }
            Ok(documents)
        })
    }

    fn stored_document(&self, row: &Row<'_>) -> Result<StoredDocument, CatalogError> {
        let name: String = row.get(1)?;
        let source: String = row.get(2)?;
        let source_hash: Option<[u8; 32]> = row.get(3)?;
        let stated: String = row.get(4)?;
        let ord: Option<Ord> = row.get(5)?;
        let revision: Option<[u8; 32]> = row.get(7)?;
        Ok(StoredDocument {
            row: row.get(0)?,
            id: document_id(&name)?,
            source: match source.as_str() {
                "folder" => SourceKind::Folder,
                _ => SourceKind::Api,
            },
            source_hash: source_hash.map(ContentHash::from_bytes),
            stated: stated_from_text(&stated, &self.labels)?,
            current: ord.zip(revision.map(ContentHash::from_bytes)),
            acl_row: row.get(6)?,
        })
    }

    /// The content of a published revision. Whoever calls this seals the result.
    pub(crate) fn content(&self, ord: Ord) -> Result<Option<StoredContent>, CatalogError> {
        let query = "SELECT title, body, kind, uri, service, severity, tags, created, updated,
                first_line, hash, written FROM revision WHERE ord = ?1 AND published = 1";
        self.read(|connection| {
            let mut statement = connection.prepare_cached(query)?;
            let mut rows = statement.query([ord])?;
            match rows.next()? {
                Some(row) => stored_content(ord, row).map(Some),
                None => Ok(None),
            }
        })
    }

    /// The chunks of a revision, ascending by number.
    pub(crate) fn chunks(&self, ord: Ord) -> Result<Vec<Chunk>, CatalogError> {
        let query = "SELECT number, heading, start_byte, end_byte, first_line, last_line
            FROM chunk WHERE ord = ?1 ORDER BY number";
        self.read(|connection| {
            let mut statement = connection.prepare_cached(query)?;
            let mut rows = statement.query([ord])?;
            let mut chunks = Vec::new();
            while let Some(row) = rows.next()? {
                let heading: String = row.get(1)?;
                chunks.push(Chunk {
                    number: row.get(0)?,
                    heading: strings_from_text(&heading)?,
                    start: row.get(2)?,
                    end: row.get(3)?,
                    first_line: row.get(4)?,
                    last_line: row.get(5)?,
                });
            }
            Ok(chunks)
        })
    }

    /// The row of a document, made if it is new.
    pub(super) fn document_row(
        connection: &rusqlite::Connection,
        id: &DocumentId,
        source: SourceKind,
        stated: &str,
    ) -> Result<i64, CatalogError> {
        let found = connection
            .prepare_cached("SELECT id FROM document WHERE name = ?1")?
            .query_row([id.as_str()], |row| row.get(0))
            .optional()?;
        if let Some(row) = found {
            return Ok(row);
        }
        connection
            .prepare_cached(
                "INSERT INTO document (name, collection, source, stated) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((id.as_str(), id.collection(), source.as_str(), stated))?;
        Ok(connection.last_insert_rowid())
    }
}

pub(super) fn document_id(name: &str) -> Result<DocumentId, CatalogError> {
    name.parse()
        .map_err(|_| CatalogError::Damaged("a stored document id cannot be read".to_owned()))
}

pub(super) fn kind(name: &str) -> Result<Kind, CatalogError> {
    Kind::from_name(name)
        .ok_or_else(|| CatalogError::Damaged("a stored kind is not known".to_owned()))
}

fn stored_content(ord: Ord, row: &Row<'_>) -> Result<StoredContent, CatalogError> {
    let kind_name: String = row.get(2)?;
    let tags: String = row.get(6)?;
    let created: Option<i64> = row.get(7)?;
    let updated: Option<i64> = row.get(8)?;
    let hash: [u8; 32] = row.get(10)?;
    Ok(StoredContent {
        ord,
        revision: ContentHash::from_bytes(hash),
        content: Content {
            title: row.get(0)?,
            body: row.get(1)?,
            kind: kind(&kind_name)?,
            uri: row.get(3)?,
            service: row.get(4)?,
            severity: row.get(5)?,
            tags: strings_from_text(&tags)?,
            created: created.map(instant).transpose()?,
            updated: updated.map(instant).transpose()?,
            first_line: row.get(9)?,
        },
        written: instant(row.get(11)?)?,
    })
}
