//! Reading documents: what the pipeline compares with, and the contents of revisions.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row};

use super::encoding::{effective_from_text, instant, stated_from_text, strings_from_text};
use super::table::{DocumentFacts, LiveDocument, Ord};
use super::{Catalog, CatalogError};
use crate::acl::StatedPolicy;
use crate::document::{Chunk, Content, ContentHash, DocumentId, Kind};
use crate::guarded::PolicyClass;

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

    /// Every live document with its policy, for the access table.
    pub(crate) fn live_documents(&self) -> Result<Vec<LiveDocument>, CatalogError> {
        let salt = self.meta("acl_salt")?.unwrap_or_default();
        let query = "SELECT d.name, d.ord, d.acl, r.kind, r.service, r.tags,
                coalesce(r.updated, r.written)
            FROM document d JOIN revision r ON r.ord = d.ord WHERE d.ord IS NOT NULL";
        self.read(|connection| {
            // Both queries on one state, or a writer in another process could come in between.
            let transaction = connection.unchecked_transaction()?;
            let policies = self.policies(&transaction, &salt)?;
            let mut classes: HashMap<(i64, String), Arc<PolicyClass>> = HashMap::new();
            let mut statement = transaction.prepare(query)?;
            let mut rows = statement.query([])?;
            let mut live = Vec::new();
            while let Some(row) = rows.next()? {
                let name: String = row.get(0)?;
                let id = document_id(&name)?;
                let acl: i64 = row.get(2)?;
                let key = (acl, id.collection().to_owned());
                let policy = match classes.get(&key) {
                    Some(class) => Arc::clone(class),
                    None => {
                        let (acl, version) = policies.get(&acl).cloned().ok_or_else(missing_acl)?;
                        let collection = id.collection().to_owned();
                        let class = Arc::new(PolicyClass {
                            acl,
                            version,
                            collection,
                        });
                        classes.insert(key, Arc::clone(&class));
                        class
                    }
                };
                live.push(LiveDocument {
                    ord: row.get(1)?,
                    policy,
                    facts: facts(id, row)?,
                });
            }
            Ok(live)
        })
    }

    /// Every stored policy with its version, by row.
    fn policies(
        &self,
        connection: &rusqlite::Connection,
        salt: &str,
    ) -> Result<HashMap<i64, (crate::acl::EffectiveAcl, String)>, CatalogError> {
        let mut statement = connection.prepare("SELECT id, policy FROM acl")?;
        let mut rows = statement.query([])?;
        let mut policies = HashMap::new();
        while let Some(row) = rows.next()? {
            let text: String = row.get(1)?;
            let version = ContentHash::of_parts([salt.as_bytes(), text.as_bytes()]);
            let acl = effective_from_text(&text, &self.labels)?;
            policies.insert(row.get(0)?, (acl, version.to_string()));
        }
        Ok(policies)
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

fn document_id(name: &str) -> Result<DocumentId, CatalogError> {
    name.parse()
        .map_err(|_| CatalogError::Damaged("a stored document id cannot be read".to_owned()))
}

fn missing_acl() -> CatalogError {
    CatalogError::Damaged("a document names an ACL that is not stored".to_owned())
}

fn kind(name: &str) -> Result<Kind, CatalogError> {
    Kind::from_name(name)
        .ok_or_else(|| CatalogError::Damaged("a stored kind is not known".to_owned()))
}

fn facts(id: DocumentId, row: &Row<'_>) -> Result<DocumentFacts, CatalogError> {
    let kind_name: String = row.get(3)?;
    let tags: String = row.get(5)?;
    Ok(DocumentFacts {
        id,
        kind: kind(&kind_name)?,
        service: row.get(4)?,
        tags: strings_from_text(&tags)?,
        updated: instant(row.get(6)?)?,
    })
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
