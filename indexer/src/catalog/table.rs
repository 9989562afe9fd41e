//! The in-memory table `ord → policy`: what is in force now.
//!
//! Upholds REVOCATION: a write swaps the table in the step that acknowledges it, and every
//! decision of a later request is made from the new one. An ord that is deleted, superseded,
//! staged or quarantined is not in it, so nobody reads it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::document::{DocumentId, Kind};
use crate::guarded::PolicyClass;

/// Number of a revision; never reused.
pub type Ord = u32;

/// What the table knows of a document besides its policy: enough to filter and to order hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFacts {
    /// The document.
    pub id: DocumentId,
    /// Sort of document.
    pub kind: Kind,
    /// Service, if it has one.
    pub service: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// The source's time of change, else the time of the write.
    pub updated: Timestamp,
}

#[derive(Debug)]
struct TableRow {
    class: u32,
    facts: DocumentFacts,
}

/// The table. Immutable; a write makes a new one.
#[derive(Debug, Default)]
pub struct AccessTable {
    rows: Vec<Option<TableRow>>,
    classes: Vec<Arc<PolicyClass>>,
    by_document: HashMap<DocumentId, Ord>,
}

/// One live document on its way into the table.
#[derive(Debug)]
pub(crate) struct LiveDocument {
    pub(crate) ord: Ord,
    pub(crate) policy: Arc<PolicyClass>,
    pub(crate) facts: DocumentFacts,
}

impl AccessTable {
    /// Builds the table from every live document.
    pub(crate) fn new(documents: impl IntoIterator<Item = LiveDocument>) -> Self {
        let mut table = Self::default();
        let mut class_numbers: HashMap<Arc<PolicyClass>, u32> = HashMap::new();
        for document in documents {
            let class = *class_numbers
                .entry(Arc::clone(&document.policy))
                .or_insert_with(|| {
                    table.classes.push(document.policy);
                    u32::try_from(table.classes.len() - 1).unwrap_or(u32::MAX)
                });
            let position = document.ord as usize;
            if table.rows.len() <= position {
                table.rows.resize_with(position + 1, || None);
            }
            table
                .by_document
                .insert(document.facts.id.clone(), document.ord);
            if let Some(slot) = table.rows.get_mut(position) {
                *slot = Some(TableRow {
                    class,
                    facts: document.facts,
                });
            }
        }
        table
    }

    /// The policy in force for an ord; `None` means nobody reads it.
    pub(crate) fn policy(&self, ord: Ord) -> Option<&Arc<PolicyClass>> {
        let row = self.row(ord)?;
        self.classes.get(row.class as usize)
    }

    /// The live revision of a document.
    pub(crate) fn current(&self, document: &DocumentId) -> Option<Ord> {
        self.by_document.get(document).copied()
    }

    /// Whether the revision is live.
    pub(crate) fn is_live(&self, ord: Ord) -> bool {
        self.row(ord).is_some()
    }

    /// All live ords, ascending.
    pub(crate) fn live(&self) -> impl Iterator<Item = Ord> {
        let numbered = self.rows.iter().enumerate();
        numbered.filter_map(|(ord, row)| row.as_ref().and(u32::try_from(ord).ok()))
    }

    /// How many documents are live. For the operator, never for a caller.
    pub fn len(&self) -> usize {
        self.by_document.len()
    }

    /// Whether no document is live.
    pub fn is_empty(&self) -> bool {
        self.by_document.is_empty()
    }

    fn row(&self, ord: Ord) -> Option<&TableRow> {
        self.rows.get(ord as usize)?.as_ref()
    }

    /// Opens the table for one caller: `permits` is asked once for each distinct policy, and the
    /// selection shows only documents whose policy it permitted.
    pub fn select(self: &Arc<Self>, permits: impl Fn(&PolicyClass) -> bool) -> Selection {
        Selection {
            permitted: self.classes.iter().map(|class| permits(class)).collect(),
            table: Arc::clone(self),
        }
    }
}

/// The documents that one caller may read, as of one table.
#[derive(Clone, Debug)]
pub struct Selection {
    table: Arc<AccessTable>,
    permitted: Vec<bool>,
}

impl Selection {
    /// What is known of the document of a revision, if the caller may read it.
    pub fn get(&self, ord: Ord) -> Option<&DocumentFacts> {
        let row = self.table.row(ord)?;
        let permitted = self.permitted.get(row.class as usize).copied();
        permitted.unwrap_or(false).then_some(&row.facts)
    }

    /// The policy of a revision's document, if the caller may read it.
    pub fn policy(&self, ord: Ord) -> Option<&PolicyClass> {
        self.get(ord)?;
        self.table.policy(ord).map(Arc::as_ref)
    }

    /// The permitted documents with their ords, ascending by ord.
    pub fn iter(&self) -> impl Iterator<Item = (Ord, &DocumentFacts)> {
        let live = self.table.live();
        live.filter_map(|ord| self.get(ord).map(|facts| (ord, facts)))
    }
}
