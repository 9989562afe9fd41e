//! The access decision: the reference semantics that every faster path is compared with.

use super::Access;
use super::inherit::EffectiveEntry;
use crate::clock::Timestamp;
use crate::principal::PrincipalSet;

/// May the caller read?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No. Also the answer when nothing matches.
    Deny,
}

/// A decision with the entry that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub decision: Decision,
    /// Index of the deciding entry; `None` if no live entry matched.
    pub entry: Option<usize>,
}

/// Decides over the entries of an effective ACL: any matching live deny is a Deny; otherwise any
/// matching live grant is an Allow; otherwise Deny. The order of entries does not matter to the
/// decision; the first matching entry of the deciding sort is named.
///
/// ```
/// use ambit_indexer::acl::{Decision, decide};
/// use ambit_indexer::clock::Timestamp;
/// use ambit_indexer::principal::PrincipalSet;
///
/// let nobody = PrincipalSet::complete([]);
/// let verdict = decide(&[], &nobody, Timestamp::UNIX_EPOCH);
/// assert_eq!(verdict.decision, Decision::Deny);
/// ```
pub fn decide(entries: &[EffectiveEntry], caller: &PrincipalSet, now: Timestamp) -> Verdict {
    let first = |access: Access| {
        entries.iter().position(|effective| {
            let entry = &effective.entry;
            entry.access == access && entry.is_live(now) && caller.contains(&entry.principal)
        })
    };
    if let Some(entry) = first(Access::Deny) {
        return Verdict {
            decision: Decision::Deny,
            entry: Some(entry),
        };
    }
    match first(Access::Grant) {
        Some(entry) => Verdict {
            decision: Decision::Allow,
            entry: Some(entry),
        },
        None => Verdict {
            decision: Decision::Deny,
            entry: None,
        },
    }
}
