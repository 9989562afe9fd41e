//! What the catalog tells the operator and the owners: counts, quarantine, ACLs with history.
//!
//! One of the two named exceptions to ONE-DOOR: an owner's ACL administration reads metadata
//! (policies and their history), never content.

use rusqlite::OptionalExtension;

use super::encoding::{effective_from_text, instant};
use super::{Catalog, CatalogError};
use crate::acl::EffectiveAcl;
use crate::clock::Timestamp;
use crate::document::DocumentId;

/// A file that could not become a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedFile {
    /// Path relative to the collection.
    pub path: String,
    /// Line of the file, from 1, where known.
    pub line: Option<u32>,
    /// What is wrong, in words.
    pub reason: String,
}

/// How much the catalog holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents that somebody may be able to read.
    pub documents: u64,
    /// Of these, documents on whose path no ACL is stated: nobody reads them.
    pub without_acl: u64,
    /// Chunks of live documents.
    pub chunks: u64,
    /// Files in quarantine.
    pub quarantined: u64,
    /// Revisions kept, superseded ones included.
    pub revisions: u64,
    /// Distinct effective ACLs.
    pub acls: u64,
}

/// One period of a document's ACL history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// The policy in force.
    pub acl: EffectiveAcl,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when; `None` is now.
    pub valid_to: Option<Timestamp>,
    /// Who changed it.
    pub who: String,
    /// Why.
    pub why: String,
}

/// What an owner or the operator may see of a document: its policy, not its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerView {
    /// The document.
    pub id: DocumentId,
    /// The policy in force.
    pub acl: EffectiveAcl,
}

impl Catalog {
    /// Counts for the operator.
    pub(crate) fn counts(&self) -> Result<Counts, CatalogError> {
        let query = "SELECT
            (SELECT count(*) FROM document WHERE ord IS NOT NULL),
            (SELECT count(*) FROM document d JOIN acl a ON a.id = d.acl
               WHERE NOT json_extract(a.policy, '$.stated')),
            (SELECT count(*) FROM chunk c JOIN document d ON d.ord = c.ord),
            (SELECT count(*) FROM quarantine),
            (SELECT count(*) FROM revision WHERE published = 1),
            (SELECT count(DISTINCT acl) FROM document WHERE ord IS NOT NULL)";
        self.read(|connection| {
            Ok(connection.query_row(query, [], |row| {
                Ok(Counts {
                    documents: row.get(0)?,
                    without_acl: row.get(1)?,
                    chunks: row.get(2)?,
                    quarantined: row.get(3)?,
                    revisions: row.get(4)?,
                    acls: row.get(5)?,
                })
            })?)
        })
    }

    /// Every file in quarantine, with its collection.
    pub(crate) fn quarantined(&self) -> Result<Vec<(String, QuarantinedFile)>, CatalogError> {
        let query =
            "SELECT collection, path, line, reason FROM quarantine ORDER BY collection, path";
        self.read(|connection| {
            let mut statement = connection.prepare(query)?;
            let rows = statement.query_map([], |row| {
                let file = QuarantinedFile {
                    path: row.get(1)?,
                    line: row.get(2)?,
                    reason: row.get(3)?,
                };
                Ok((row.get(0)?, file))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The policy of a live document.
    pub(crate) fn owner_view(&self, id: &DocumentId) -> Result<Option<OwnerView>, CatalogError> {
        let query = "SELECT a.policy FROM document d JOIN acl a ON a.id = d.acl WHERE d.name = ?1";
        self.read(|connection| {
            let found: Option<String> = connection
                .prepare_cached(query)?
                .query_row([id.as_str()], |row| row.get(0))
                .optional()?;
            let view = found.map(|text| {
                Ok(OwnerView {
                    id: id.clone(),
                    acl: effective_from_text(&text, &self.labels)?,
                })
            });
            view.transpose()
        })
    }

    /// The history of a document's policy, oldest first.
    pub(crate) fn acl_history(&self, id: &DocumentId) -> Result<Vec<HistoryRow>, CatalogError> {
        let query = "SELECT a.policy, h.valid_from, h.valid_to, h.who, h.why
            FROM acl_history h JOIN acl a ON a.id = h.acl JOIN document d ON d.id = h.document
            WHERE d.name = ?1 ORDER BY h.valid_from, h.rowid";
        self.read(|connection| {
            let mut statement = connection.prepare_cached(query)?;
            let mut rows = statement.query([id.as_str()])?;
            let mut history = Vec::new();
            while let Some(row) = rows.next()? {
                let text: String = row.get(0)?;
                let valid_to: Option<i64> = row.get(2)?;
                history.push(HistoryRow {
                    acl: effective_from_text(&text, &self.labels)?,
                    valid_from: instant(row.get(1)?)?,
                    valid_to: valid_to.map(instant).transpose()?,
                    who: row.get(3)?,
                    why: row.get(4)?,
                });
            }
            Ok(history)
        })
    }

    /// The spelling that an alias was resolved from, to show people names instead of GUIDs.
    pub(crate) fn spellings(&self) -> Result<Vec<(String, String)>, CatalogError> {
        self.read(|connection| {
            let query = "SELECT principal, spelling FROM alias ORDER BY spelling";
            let mut statement = connection.prepare(query)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
