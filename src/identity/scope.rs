//! The access scope: what one caller may read through one agent at one instant.
//!
//! Upholds ONE-DOOR: every read of content or metadata takes an [`AccessScope`], whose fields are
//! private and whose one constructor is closed to the rest of the crate; it has no default, is
//! never deserialized, and there is none that sees everything. Upholds FAIL-CLOSED: whatever is
//! not stated, not known or not granted is refused.

use std::fmt;

use ambit_indexer::acl::{Decision, EffectiveAcl, decide};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::label::Label;
use ambit_indexer::principal::PrincipalSet;

use super::agents::{Collections, Registration};

/// Proof of what may be read: the complete principals of a caller, within the limits of an agent.
///
/// The scope is an intersection. What the subject may read beyond the agent's registration stays
/// closed, and so does what the registration permits beyond the subject (leak A6).
///
/// INVARIANT (REVOCATION): the scope carries the request's one reading of the clock, so an entry
/// with an end is live or not for the whole request alike.
#[derive(Clone)]
pub struct AccessScope {
    principals: PrincipalSet,
    collections: Collections,
    highest_label: Label,
    now: Timestamp,
}

/// What a scope says about one document, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeVerdict {
    /// May be read.
    Permitted {
        /// Index of the grant that permits it in the entries of the effective ACL.
        entry: usize,
    },
    /// May not be read. The reason is for the owner's `explain`, never for the caller.
    Refused(Refusal),
}

/// Why a document may not be read.
///
/// Where several reasons hold, the first in this order is named: the subject's before the
/// agent's, because another agent would not help against the former.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Neither the document nor any folder above it states an ACL.
    NotStated,
    /// This entry of the effective ACL denies.
    DenyEntry(usize),
    /// No live entry grants.
    NoGrant,
    /// The label is above the agent's ceiling, or is no longer configured.
    AboveCeiling,
    /// The collection is not among those of the agent.
    OutsideCollections,
}

impl AccessScope {
    /// The one constructor. `principals` has to be complete, which only the modules of `identity`
    /// can vouch for.
    pub(in crate::identity) fn new(
        principals: PrincipalSet,
        agent: &Registration,
        now: Timestamp,
    ) -> Self {
        Self {
            principals,
            collections: agent.collections.clone(),
            highest_label: agent.highest_label,
            now,
        }
    }

    /// Decides about a document of `collection` with this effective ACL.
    pub fn verdict(&self, acl: &EffectiveAcl, collection: &str) -> ScopeVerdict {
        if !acl.stated {
            return ScopeVerdict::Refused(Refusal::NotStated);
        }
        let verdict = decide(&acl.entries, &self.principals, self.now);
        let entry = match (verdict.decision, verdict.entry) {
            (Decision::Allow, Some(entry)) => entry,
            (Decision::Deny, Some(entry)) => {
                return ScopeVerdict::Refused(Refusal::DenyEntry(entry));
            }
            (_, None) => return ScopeVerdict::Refused(Refusal::NoGrant),
        };
        // An unknown label is the highest value there is. Comparing alone would let it through
        // under a ceiling that is unknown as well.
        if acl.label == Label::UNKNOWN || acl.label > self.highest_label {
            return ScopeVerdict::Refused(Refusal::AboveCeiling);
        }
        if !self.collections.contains(collection) {
            return ScopeVerdict::Refused(Refusal::OutsideCollections);
        }
        ScopeVerdict::Permitted { entry }
    }

    /// Whether a document of `collection` with this effective ACL may be read.
    pub fn permits(&self, acl: &EffectiveAcl, collection: &str) -> bool {
        matches!(
            self.verdict(acl, collection),
            ScopeVerdict::Permitted { .. }
        )
    }

    /// The instant at which the request began.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Every principal that the caller stands for.
    pub const fn principals(&self) -> &PrincipalSet {
        &self.principals
    }

    /// The collections of the agent.
    pub const fn collections(&self) -> &Collections {
        &self.collections
    }

    /// The agent's ceiling.
    pub const fn highest_label(&self) -> Label {
        self.highest_label
    }
}

impl fmt::Debug for AccessScope {
    /// Prints no principals: a log must not tell who is in which group (leak L1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessScope")
            .field("collections", &self.collections)
            .field("highest_label", &self.highest_label)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
