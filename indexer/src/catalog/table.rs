//! The in-memory table `ord → policy`: what is in force now.
//!
//! Upholds REVOCATION: a write swaps the table in the step that acknowledges it, and every
//! decision of a later request is made from the new one. An ord that is deleted, superseded,
//! staged or quarantined is not in it, so nobody reads it.
//!
//! A table is immutable. A write makes a new one that shares with the old one all that it did not
//! touch, and says in its log of changes what it did touch, so that what was computed from the
//! old one can be brought up to date instead of being thrown away.

mod classes;
mod names;
mod rows;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Timestamp;
use crate::document::{DocumentId, Kind};
use crate::guarded::PolicyClass;
use crate::principal::Principal;

use classes::Classes;
use names::Names;
use rows::Rows;

/// Number of a revision; never reused.
pub type Ord = u32;

/// How many writes back the log reaches at most.
const LOGGED_WRITES: usize = 256;
/// With more changes than this, and than one in so many documents, making anew what depends on
/// them costs less than following them.
const LOGGED_ORDS: usize = 4096;
const LOGGED_ONE_IN: usize = 16;

/// What the table knows of a document besides its policy: enough to filter and to order hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFacts {
    /// The document.
    pub id: DocumentId,
    /// Sort of document.
    pub kind: Kind,
    /// Service, if it has one.
    pub service: Option<Arc<str>>,
    /// Tags.
    pub tags: Box<[Arc<str>]>,
    /// The source's time of change, else the time of the write.
    pub updated: Timestamp,
}

/// One live document on its way into the table.
#[derive(Clone, Debug)]
pub struct LiveDocument {
    /// Number of its live revision.
    pub ord: Ord,
    /// The policy in force for it.
    pub policy: Arc<PolicyClass>,
    /// What else is known of it.
    pub facts: DocumentFacts,
}

/// What became of one document in a write.
#[derive(Clone, Debug)]
pub struct Change {
    /// The document.
    pub id: DocumentId,
    /// What it is now; `None` if it is gone.
    pub live: Option<LiveDocument>,
}

/// What a later table has otherwise than an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Ords that came, went, or have another policy or other facts.
    pub ords: Vec<Ord>,
    /// Class numbers that stand for another policy.
    classes: Vec<u32>,
}

/// The table. Immutable; a write makes a new one.
#[derive(Clone, Debug)]
pub struct AccessTable {
    /// Tells tables of one process apart.
    version: u64,
    rows: Rows,
    names: Names,
    classes: Classes,
    documents: usize,
    /// Each entry leads from the version it names to the next one, or to this table.
    log: VecDeque<(u64, Arc<Touched>)>,
}

impl AccessTable {
    /// Builds the table from every live document.
    pub fn new(documents: impl IntoIterator<Item = LiveDocument>) -> Self {
        let mut table = Self {
            version: next_version(),
            rows: Rows::default(),
            names: Names::default(),
            classes: Classes::default(),
            documents: 0,
            log: VecDeque::new(),
        };
        let mut touched = Touched::default();
        for document in documents {
            table.put(document, &mut touched);
        }
        table
    }

    /// The table after a write. What grows with the corpus is a list of pages, a number for each
    /// policy, and the copy of what is known of policies when one comes or goes; texts and facts
    /// of other documents are not touched.
    #[must_use]
    pub fn with(&self, changes: impl IntoIterator<Item = Change>) -> Self {
        let mut table = self.clone();
        let mut touched = Touched::default();
        for change in changes {
            let before = table.current(&change.id);
            let after = change.live.as_ref().map(|live| live.ord);
            if let Some(ord) = before.filter(|_| before != after) {
                table.take(&change.id, ord, &mut touched);
            }
            if let Some(live) = change.live {
                table.put(live, &mut touched);
            }
        }
        table.version = next_version();
        table.log.push_back((self.version, Arc::new(touched)));
        table.shorten_log();
        if table.classes.forget_gone() {
            table.log.clear();
        }
        table
    }

    fn shorten_log(&mut self) {
        let most = LOGGED_ORDS.max(self.documents / LOGGED_ONE_IN);
        let ords = self.log.iter().map(|(_, touched)| touched.ords.len());
        let mut ords: usize = ords.sum();
        while ords > most || self.log.len() > LOGGED_WRITES {
            let Some((_, oldest)) = self.log.pop_front() else {
                break;
            };
            ords -= oldest.ords.len();
        }
    }

    fn put(&mut self, document: LiveDocument, touched: &mut Touched) {
        let LiveDocument { ord, policy, facts } = document;
        let (class, renewed) = self.classes.add(policy);
        if renewed {
            touched.classes.push(class);
        }
        touched.ords.push(ord);
        self.names.insert(&facts.id, ord);
        match self.rows.put(ord, class, facts) {
            Some(before) => self.leave(before, touched),
            None => self.documents += 1,
        }
    }

    fn take(&mut self, id: &DocumentId, ord: Ord, touched: &mut Touched) {
        self.names.remove(id, ord);
        if let Some(class) = self.rows.take(ord) {
            self.documents -= 1;
            self.leave(class, touched);
            touched.ords.push(ord);
        }
    }

    fn leave(&mut self, class: u32, touched: &mut Touched) {
        if self.classes.remove(class) {
            touched.classes.push(class);
        }
    }

    /// Tells this table from every other one of the process.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What was touched since the table of a version; `None` if the log does not reach back.
    pub fn touched_since(&self, version: u64) -> Option<Touched> {
        let mut all = Touched::default();
        if version == self.version {
            return Some(all);
        }
        let first = self.log.iter().position(|(from, _)| *from == version)?;
        for (_, touched) in self.log.iter().skip(first) {
            all.ords.extend_from_slice(&touched.ords);
            all.classes.extend_from_slice(&touched.classes);
        }
        Some(all)
    }

    /// The last instant up to `now` at which some entry of an ACL ended. As long as it stays the
    /// same, no decision changes by the passing of time.
    pub fn period(&self, now: Timestamp) -> Option<Timestamp> {
        self.classes.period(now)
    }

    /// Whether any ACL names the principal. Callers who differ only in principals that none names
    /// may read the same.
    pub fn names(&self, principal: &Principal) -> bool {
        self.classes.names(principal)
    }

    /// The policy in force for an ord; `None` means nobody reads it.
    pub(crate) fn policy(&self, ord: Ord) -> Option<&Arc<PolicyClass>> {
        self.classes.policy(self.rows.class(ord)?)
    }

    /// The live revision of a document.
    pub(crate) fn current(&self, document: &DocumentId) -> Option<Ord> {
        let mut candidates = self.names.candidates(document);
        candidates.find(|ord| {
            let facts = self.rows.facts(*ord);
            facts.is_some_and(|facts| facts.id == *document)
        })
    }

    /// Whether the revision is live.
    pub(crate) fn is_live(&self, ord: Ord) -> bool {
        self.rows.class(ord).is_some()
    }

    /// All live ords, ascending.
    pub(crate) fn live(&self) -> impl Iterator<Item = Ord> {
        self.rows.live()
    }

    /// How many documents are live. For the operator, never for a caller.
    pub const fn len(&self) -> usize {
        self.documents
    }

    /// Whether no document is live.
    pub const fn is_empty(&self) -> bool {
        self.documents == 0
    }

    /// Bytes that the table takes, roughly.
    pub fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes() + self.names.memory_bytes() + self.classes.memory_bytes()
    }

    /// Opens the table for one caller: `permits` is asked once for each distinct policy, and the
    /// selection shows only documents whose policy it permitted.
    pub fn select(self: &Arc<Self>, permits: impl Fn(&PolicyClass) -> bool) -> Selection {
        let all = self.classes.all();
        let permitted = all.map(|class| class.is_some_and(&permits)).collect();
        Selection {
            permitted,
            table: Arc::clone(self),
        }
    }

    /// Brings a caller's selection from an earlier table to this one: `permits` is asked only
    /// about policies that are new. Right as long as the [period](Self::period) is the same.
    /// `None` if the log does not reach back.
    pub fn reselect(
        self: &Arc<Self>,
        earlier: &Permitted,
        permits: impl Fn(&PolicyClass) -> bool,
    ) -> Option<(Selection, Touched)> {
        let touched = self.touched_since(earlier.version)?;
        let mut permitted = earlier.classes.to_vec();
        permitted.resize(self.classes.all().len(), false);
        for &class in &touched.classes {
            if let Some(slot) = permitted.get_mut(class as usize) {
                *slot = self
                    .classes
                    .policy(class)
                    .is_some_and(|class| permits(class));
            }
        }
        let permitted = if permitted[..] == earlier.classes[..] {
            Arc::clone(&earlier.classes)
        } else {
            permitted.into()
        };
        let selection = Selection {
            permitted,
            table: Arc::clone(self),
        };
        Some((selection, touched))
    }
}

fn next_version() -> u64 {
    static VERSIONS: AtomicU64 = AtomicU64::new(0);
    VERSIONS.fetch_add(1, Ordering::Relaxed)
}

/// The documents that one caller may read, as of one table.
#[derive(Clone, Debug)]
pub struct Selection {
    table: Arc<AccessTable>,
    permitted: Arc<[bool]>,
}

impl Selection {
    /// Whether the caller may read the document of a revision.
    pub fn permits(&self, ord: Ord) -> bool {
        let class = self.table.rows.class(ord);
        let permitted = class.and_then(|class| self.permitted.get(class as usize));
        permitted.copied().unwrap_or(false)
    }

    /// What is known of the document of a revision, if the caller may read it.
    pub fn get(&self, ord: Ord) -> Option<&DocumentFacts> {
        if !self.permits(ord) {
            return None;
        }
        self.table.rows.facts(ord)
    }

    /// The policy of a revision's document, if the caller may read it.
    pub fn policy(&self, ord: Ord) -> Option<&PolicyClass> {
        if !self.permits(ord) {
            return None;
        }
        self.table.policy(ord).map(Arc::as_ref)
    }

    /// The permitted documents with their ords, ascending by ord.
    pub fn iter(&self) -> impl Iterator<Item = (Ord, &DocumentFacts)> {
        let live = self.table.live();
        live.filter_map(|ord| self.get(ord).map(|facts| (ord, facts)))
    }

    /// What is permitted, to be remembered without the table itself.
    pub fn permitted(&self) -> Permitted {
        Permitted {
            version: self.table.version,
            classes: Arc::clone(&self.permitted),
        }
    }
}

/// What a selection permits, apart from its table.
#[derive(Clone, Debug)]
pub struct Permitted {
    version: u64,
    classes: Arc<[bool]>,
}

impl Permitted {
    /// The version of the table that it is of.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        self.classes.len()
    }
}
