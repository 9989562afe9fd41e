//! Access control lists: entries as written and as resolved, and the effective ACL of a document.
//!
//! [`decide()`] is the reference semantics of the whole product; [`inherit`] says which entries
//! reach a document. Both are pure. Upholds FAIL-CLOSED: no entry, no access.

pub mod decide;
pub mod inherit;

use crate::clock::Timestamp;
use crate::label::Label;
use crate::principal::{Principal, PrincipalSpelling};

pub use decide::{Decision, Verdict, decide};
pub use inherit::{EffectiveAcl, EffectiveEntry, effective};

/// Whether an entry gives or takes (`accessType` in Microsoft Graph's `externalItem.acl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// The principal may read.
    Grant,
    /// The principal may not read, whatever else grants.
    Deny,
}

impl Access {
    /// `grant` or `deny`, as in ACL text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Deny => "deny",
        }
    }
}

/// One line of an ACL with its principal resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Grant or deny.
    pub access: Access,
    /// Whom it is about.
    pub principal: Principal,
    /// The instant from which the entry no longer counts.
    pub until: Option<Timestamp>,
}

impl Entry {
    /// Whether the entry counts at `now`: it has no end, or now is before it.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// One line of an ACL as somebody wrote it, before its alias is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenEntry {
    /// Grant or deny.
    pub access: Access,
    /// Whom it is about, as spelt.
    pub principal: PrincipalSpelling,
    /// The instant from which the entry no longer counts.
    pub until: Option<Timestamp>,
}

/// What one node (a folder or a document) states about itself.
///
/// `acl: None` inherits; `acl: Some(vec![])` permits nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatedPolicy {
    /// The node's own ACL, if it states one.
    pub acl: Option<Vec<Entry>>,
    /// Accountable principals; they add up along the path.
    pub owners: Vec<Principal>,
    /// Sensitivity; can be raised below, never lowered.
    pub label: Option<Label>,
}
