//! Reading what is live, with its policy, for the access table: all of it, or what a write
//! changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::documents::{document_id, kind};
use super::encoding::{effective_from_text, instant, strings_from_text};
use super::table::{Change, DocumentFacts, LiveDocument};
use super::{Catalog, CatalogError};
use crate::acl::EffectiveAcl;
use crate::document::{ContentHash, DocumentId};
use crate::guarded::PolicyClass;
use crate::label::Labels;

const COLUMNS: &str = "d.name, d.ord, d.acl, r.kind, r.service, r.tags,
    coalesce(r.updated, r.written)
    FROM document d LEFT JOIN revision r ON r.ord = d.ord";

impl Catalog {
    /// Every live document with its policy.
    pub(crate) fn live_documents(&self) -> Result<Vec<LiveDocument>, CatalogError> {
        let query = format!("SELECT {COLUMNS} WHERE d.ord IS NOT NULL");
        let salt = self.meta("acl_salt")?.unwrap_or_default();
        self.read(|connection| {
            // All queries on one state, or a writer in another process could come in between.
            let transaction = connection.unchecked_transaction()?;
            let mut reading = Reading::new(&transaction, &self.labels, &salt);
            let mut statement = transaction.prepare(&query)?;
            let mut rows = statement.query([])?;
            let mut live = Vec::new();
            while let Some(row) = rows.next()? {
                live.push(reading.live_document(row, document_id(&row.get::<_, String>(0)?)?)?);
            }
            Ok(live)
        })
    }

    /// What documents, by row, are now.
    pub(crate) fn changes_of(
        &self,
        documents: impl IntoIterator<Item = i64>,
    ) -> Result<Vec<Change>, CatalogError> {
        let query = format!("SELECT {COLUMNS} WHERE d.id = ?1");
        let salt = self.meta("acl_salt")?.unwrap_or_default();
        self.read(|connection| {
            let transaction = connection.unchecked_transaction()?;
            let mut reading = Reading::new(&transaction, &self.labels, &salt);
            let mut statement = transaction.prepare_cached(&query)?;
            let mut changes = Vec::new();
            for document in documents {
                let mut rows = statement.query([document])?;
                let Some(row) = rows.next()? else { continue };
                let id = document_id(&row.get::<_, String>(0)?)?;
                let live = match row.get::<_, Option<u32>>(1)? {
                    Some(_) => Some(reading.live_document(row, id.clone())?),
                    None => None,
                };
                changes.push(Change { id, live });
            }
            Ok(changes)
        })
    }
}

/// One reading of the catalog: what several documents have in common is kept once.
struct Reading<'a> {
    connection: &'a Connection,
    labels: &'a Labels,
    salt: &'a str,
    policies: HashMap<i64, (EffectiveAcl, String)>,
    classes: HashMap<(i64, String), Arc<PolicyClass>>,
    words: HashSet<Arc<str>>,
}

impl<'a> Reading<'a> {
    fn new(connection: &'a Connection, labels: &'a Labels, salt: &'a str) -> Self {
        Self {
            connection,
            labels,
            salt,
            policies: HashMap::new(),
            classes: HashMap::new(),
            words: HashSet::new(),
        }
    }

    fn live_document(
        &mut self,
        row: &Row<'_>,
        id: DocumentId,
    ) -> Result<LiveDocument, CatalogError> {
        let tags: String = row.get(5)?;
        let tags = strings_from_text(&tags)?;
        let service: Option<String> = row.get(4)?;
        let kind_name: Option<String> = row.get(3)?;
        let kind_name = kind_name
            .ok_or_else(|| CatalogError::Damaged("a live document has no revision".to_owned()))?;
        Ok(LiveDocument {
            ord: row.get(1)?,
            policy: self.class(row.get(2)?, id.collection())?,
            facts: DocumentFacts {
                kind: kind(&kind_name)?,
                service: service.map(|service| self.word(&service)),
                tags: tags.iter().map(|tag| self.word(tag)).collect(),
                updated: instant(row.get(6)?)?,
                id,
            },
        })
    }

    fn class(&mut self, acl: i64, collection: &str) -> Result<Arc<PolicyClass>, CatalogError> {
        let key = (acl, collection.to_owned());
        if let Some(class) = self.classes.get(&key) {
            return Ok(Arc::clone(class));
        }
        let (policy, version) = self.policy(acl)?;
        let class = Arc::new(PolicyClass {
            acl: policy,
            version,
            collection: collection.to_owned(),
        });
        self.classes.insert(key, Arc::clone(&class));
        Ok(class)
    }

    fn policy(&mut self, acl: i64) -> Result<(EffectiveAcl, String), CatalogError> {
        if let Some(known) = self.policies.get(&acl) {
            return Ok(known.clone());
        }
        let text: String = self
            .connection
            .prepare_cached("SELECT policy FROM acl WHERE id = ?1")?
            .query_row([acl], |row| row.get(0))?;
        let version = ContentHash::of_parts([self.salt.as_bytes(), text.as_bytes()]);
        let policy = effective_from_text(&text, self.labels)?;
        let known = (policy, version.to_string());
        self.policies.insert(acl, known.clone());
        Ok(known)
    }

    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(word) = self.words.get(text) {
            return Arc::clone(word);
        }
        let word: Arc<str> = text.into();
        self.words.insert(Arc::clone(&word));
        word
    }
}
