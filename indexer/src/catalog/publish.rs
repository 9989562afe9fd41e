//! Publication: the one transaction that puts a run's documents, policies and removals in force.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::encoding::{effective_to_text, principal_to_text, stated_to_text};
use super::reports::QuarantinedFile;
use super::table::Ord;
use super::{Catalog, CatalogError};
use crate::acl::{EffectiveAcl, StatedPolicy};
use crate::clock::Timestamp;
use crate::document::{ContentHash, Kind};
use crate::label::Labels;
use crate::principal::Principal;

/// What becomes of one document.
#[derive(Debug)]
pub(crate) struct DocumentChange {
    pub(crate) row: i64,
    pub(crate) source_hash: Option<ContentHash>,
    pub(crate) stated: StatedPolicy,
    /// The revision and policy in force afterwards; `None` takes the document away.
    pub(crate) live: Option<(Ord, EffectiveAcl)>,
    /// The audit entry of the change, as JSON.
    pub(crate) outbox: String,
}

/// What one folder states.
#[derive(Debug)]
pub(crate) struct FolderChange {
    pub(crate) path: String,
    pub(crate) stated: StatedPolicy,
    pub(crate) kind: Option<Kind>,
    pub(crate) uri: Option<String>,
}

/// Everything that one run changes in one collection.
#[derive(Debug)]
pub(crate) struct Publication<'a> {
    pub(crate) collection: &'a str,
    pub(crate) who: &'a str,
    pub(crate) why: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) documents: Vec<DocumentChange>,
    /// Names that were written, with what they were resolved to.
    pub(crate) aliases: BTreeMap<String, Principal>,
    /// All folders that state something now; others of the collection end.
    pub(crate) folders: Vec<FolderChange>,
    /// All files in quarantine now; others of the collection leave it.
    pub(crate) quarantine: Vec<QuarantinedFile>,
}

/// An audit entry that waits in the catalog until the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Ascending number, never reused.
    pub id: i64,
    /// The entry as JSON.
    pub entry: String,
}

impl Catalog {
    /// Puts a publication in force: all of it, durably, or none of it.
    pub(crate) fn publish(&self, publication: &Publication<'_>) -> Result<(), CatalogError> {
        self.write(|connection| {
            let transaction = connection.transaction()?;
            for change in &publication.documents {
                publish_document(&transaction, &self.labels, publication, change)?;
            }
            publish_folders(&transaction, &self.labels, publication)?;
            publish_quarantine(&transaction, publication)?;
            record_aliases(&transaction, publication)?;
            transaction.commit()?;
            Ok(())
        })
    }

    /// The audit entries that the log does not have yet, oldest first.
    pub(crate) fn outbox(&self) -> Result<Vec<OutboxRow>, CatalogError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT id, entry FROM outbox ORDER BY id")?;
            let rows = statement.query_map([], |row| {
                Ok(OutboxRow {
                    id: row.get(0)?,
                    entry: row.get(1)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets audit entries up to `last`, once the log has them.
    pub(crate) fn outbox_done(&self, last: i64) -> Result<(), CatalogError> {
        self.write(|connection| {
            connection.execute("DELETE FROM outbox WHERE id <= ?1", [last])?;
            Ok(())
        })
    }

    /// The stored row of a policy, if there is one.
    pub(crate) fn acl_row(&self, acl: &EffectiveAcl) -> Result<Option<i64>, CatalogError> {
        let text = effective_to_text(acl, &self.labels);
        self.read(|connection| find_acl(connection, &text))
    }
}

fn find_acl(connection: &Connection, text: &str) -> Result<Option<i64>, CatalogError> {
    Ok(connection
        .prepare_cached("SELECT id FROM acl WHERE policy = ?1")?
        .query_row([text], |row| row.get(0))
        .optional()?)
}

fn store_acl(connection: &Connection, text: &str) -> Result<i64, CatalogError> {
    if let Some(row) = find_acl(connection, text)? {
        return Ok(row);
    }
    connection
        .prepare_cached("INSERT INTO acl (policy) VALUES (?1)")?
        .execute([text])?;
    Ok(connection.last_insert_rowid())
}

fn publish_document(
    transaction: &Transaction<'_>,
    labels: &Labels,
    publication: &Publication<'_>,
    change: &DocumentChange,
) -> Result<(), CatalogError> {
    let now = publication.now.as_microsecond();
    let (before_ord, before_acl): (Option<Ord>, Option<i64>) = transaction
        .prepare_cached("SELECT ord, acl FROM document WHERE id = ?1")?
        .query_row([change.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let live = match &change.live {
        Some((ord, acl)) => {
            let acl = store_acl(transaction, &effective_to_text(acl, labels))?;
            Some((*ord, acl))
        }
        None => None,
    };
    let ord = live.map(|(ord, _)| ord);
    let acl = live.map(|(_, acl)| acl);
    let hash = change.source_hash.as_ref().map(ContentHash::as_bytes);
    transaction
        .prepare_cached(
            "UPDATE document SET source_hash = ?2, stated = ?3, ord = ?4, acl = ?5 WHERE id = ?1",
        )?
        .execute((
            change.row,
            hash,
            stated_to_text(&change.stated, labels),
            ord,
            acl,
        ))?;
    if before_ord != ord {
        transaction
            .prepare_cached("UPDATE revision SET superseded = ?2 WHERE ord = ?1")?
            .execute((before_ord, now))?;
        transaction
            .prepare_cached("UPDATE revision SET published = 1 WHERE ord = ?1")?
            .execute([ord])?;
    }
    if before_acl != acl {
        write_history(transaction, publication, change.row, acl)?;
    }
    transaction
        .prepare_cached("INSERT INTO outbox (entry) VALUES (?1)")?
        .execute([&change.outbox])?;
    Ok(())
}

fn write_history(
    transaction: &Transaction<'_>,
    publication: &Publication<'_>,
    document: i64,
    acl: Option<i64>,
) -> Result<(), CatalogError> {
    let now = publication.now.as_microsecond();
    transaction
        .prepare_cached(
            "UPDATE acl_history SET valid_to = ?2 WHERE document = ?1 AND valid_to IS NULL",
        )?
        .execute((document, now))?;
    if let Some(acl) = acl {
        transaction
            .prepare_cached(
                "INSERT INTO acl_history (document, acl, valid_from, who, why)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((document, acl, now, publication.who, publication.why))?;
    }
    Ok(())
}

fn publish_folders(
    transaction: &Transaction<'_>,
    labels: &Labels,
    publication: &Publication<'_>,
) -> Result<(), CatalogError> {
    let now = publication.now.as_microsecond();
    let mut statement = transaction.prepare(
        "SELECT path, stated, kind, uri FROM folder_policy
         WHERE collection = ?1 AND valid_to IS NULL",
    )?;
    type FolderRow = (String, String, Option<String>, Option<String>);
    let before: Vec<FolderRow> = statement
        .query_map([publication.collection], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let after: Vec<FolderRow> = publication
        .folders
        .iter()
        .map(|folder| {
            (
                folder.path.clone(),
                stated_to_text(&folder.stated, labels),
                folder.kind.map(|kind| kind.as_str().to_owned()),
                folder.uri.clone(),
            )
        })
        .collect();
    for ended in before.iter().filter(|row| !after.contains(row)) {
        transaction.execute(
            "UPDATE folder_policy SET valid_to = ?3
             WHERE collection = ?1 AND path = ?2 AND valid_to IS NULL",
            (publication.collection, &ended.0, now),
        )?;
    }
    for (path, stated, kind, uri) in after.iter().filter(|row| !before.contains(row)) {
        transaction.execute(
            "INSERT INTO folder_policy (collection, path, stated, kind, uri, valid_from, who)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                publication.collection,
                path,
                stated,
                kind,
                uri,
                now,
                publication.who,
            ),
        )?;
    }
    Ok(())
}

fn publish_quarantine(
    transaction: &Transaction<'_>,
    publication: &Publication<'_>,
) -> Result<(), CatalogError> {
    let now = publication.now.as_microsecond();
    let paths: Vec<&str> = publication
        .quarantine
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    let listed = serde_json::to_string(&paths).unwrap_or_default();
    transaction.execute(
        "DELETE FROM quarantine WHERE collection = ?1
           AND path NOT IN (SELECT value FROM json_each(?2))",
        (publication.collection, listed),
    )?;
    for file in &publication.quarantine {
        transaction
            .prepare_cached(
                "INSERT INTO quarantine (collection, path, line, reason, since)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (collection, path) DO UPDATE
                   SET line = excluded.line, reason = excluded.reason",
            )?
            .execute((
                publication.collection,
                &file.path,
                file.line,
                &file.reason,
                now,
            ))?;
    }
    Ok(())
}

fn record_aliases(
    transaction: &Transaction<'_>,
    publication: &Publication<'_>,
) -> Result<(), CatalogError> {
    for (spelling, principal) in &publication.aliases {
        transaction
            .prepare_cached(
                "INSERT INTO alias (spelling, principal, resolved) VALUES (?1, ?2, ?3)
                 ON CONFLICT (spelling) DO UPDATE SET principal = excluded.principal,
                   resolved = excluded.resolved WHERE principal <> excluded.principal",
            )?
            .execute((
                spelling,
                principal_to_text(principal),
                publication.now.as_microsecond(),
            ))?;
    }
    Ok(())
}
