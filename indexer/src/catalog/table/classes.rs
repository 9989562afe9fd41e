//! The distinct policies of the live documents, by number.
//!
//! A number whose last document is gone is given to the next new policy; the table's log of
//! changes says so to whoever remembers what a number stood for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::clock::Timestamp;
use crate::guarded::PolicyClass;
use crate::principal::Principal;

/// So many instants and principals are no reason to look which are gone.
const KEPT_ANYWAY: usize = 4096;

/// Policies by number, with how many documents each has.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    known: Arc<Known>,
    documents: Vec<u32>,
}

/// What changes only when a policy comes or goes.
#[derive(Clone, Debug, Default)]
struct Known {
    policies: Vec<Option<Arc<PolicyClass>>>,
    numbers: HashMap<Arc<PolicyClass>, u32>,
    free: Vec<u32>,
    /// Every instant at which some entry ends, or ended.
    ends: BTreeSet<Timestamp>,
    /// Every principal that some entry names, or named.
    named: HashSet<Principal, RandomState>,
    /// How many instants and principals there were when only those of policies in use were kept.
    kept: usize,
}

impl Classes {
    /// The policy of a number in use.
    pub(super) fn policy(&self, number: u32) -> Option<&Arc<PolicyClass>> {
        self.known.policies.get(number as usize)?.as_ref()
    }

    /// All numbers given out, ascending; `None` for one that no document has now.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = Option<&PolicyClass>> {
        self.known.policies.iter().map(|policy| policy.as_deref())
    }

    /// Counts one more document under a policy. Returns its number, and whether the number has a
    /// new meaning.
    pub(super) fn add(&mut self, policy: Arc<PolicyClass>) -> (u32, bool) {
        if let Some(&number) = self.known.numbers.get(&policy) {
            if let Some(count) = self.documents.get_mut(number as usize) {
                *count += 1;
            }
            return (number, false);
        }
        let known = Arc::make_mut(&mut self.known);
        for written in &policy.acl.entries {
            known.ends.extend(written.entry.until);
            known.named.insert(written.entry.principal);
        }
        let number = known.free.pop().unwrap_or_else(|| {
            known.policies.push(None);
            self.documents.push(0);
            // As many as there are documents, so below the largest ord.
            u32::try_from(known.policies.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(slot) = known.policies.get_mut(number as usize) {
            *slot = Some(Arc::clone(&policy));
        }
        known.numbers.insert(policy, number);
        if let Some(count) = self.documents.get_mut(number as usize) {
            *count = 1;
        }
        (number, true)
    }

    /// Counts one document less; whether that was the last one.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let Some(count) = self.documents.get_mut(number as usize) else {
            return false;
        };
        *count = count.saturating_sub(1);
        if *count > 0 {
            return false;
        }
        let known = Arc::make_mut(&mut self.known);
        let policy = known.policies.get_mut(number as usize);
        if let Some(policy) = policy.and_then(Option::take) {
            known.numbers.remove(&policy);
            known.free.push(number);
        }
        true
    }

    /// Forgets instants and principals of policies that are gone, once they may be the most of
    /// all. What was found by them before must not be compared with what is found after.
    pub(super) fn forget_gone(&mut self) -> bool {
        let held = self.known.ends.len() + self.known.named.len();
        if held <= self.known.kept * 2 + KEPT_ANYWAY {
            return false;
        }
        let known = Arc::make_mut(&mut self.known);
        known.ends.clear();
        known.named.clear();
        for policy in known.policies.iter().flatten() {
            for written in &policy.acl.entries {
                known.ends.extend(written.entry.until);
                known.named.insert(written.entry.principal);
            }
        }
        known.kept = known.ends.len() + known.named.len();
        true
    }

    /// The last instant up to `now` at which some entry ended. Between two such instants no
    /// decision changes by itself.
    pub(super) fn period(&self, now: Timestamp) -> Option<Timestamp> {
        let past = (Bound::Unbounded, Bound::Included(now));
        self.known.ends.range(past).next_back().copied()
    }

    /// Whether some entry names the principal. One that none names makes no difference.
    pub(super) fn names(&self, principal: &Principal) -> bool {
        self.known.named.contains(principal)
    }

    /// Bytes held, roughly.
    pub(super) fn memory_bytes(&self) -> usize {
        let entries: usize = self
            .all()
            .flatten()
            .map(|policy| policy.acl.entries.len() * 96 + 256)
            .sum();
        entries + self.documents.len() * 64 + self.known.named.len() * 48
    }
}
