//! Content that cannot be looked at without a decision about it.
//!
//! Upholds ONE-DOOR: the catalog hands out [`Guarded`] values only. `ambit` opens them in one
//! file, with an access scope; a test over the sources watches that no other file does.

use std::sync::Arc;

use crate::acl::EffectiveAcl;

/// The policy that documents share: one effective ACL in one collection.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PolicyClass {
    /// The resolved ACL.
    pub acl: EffectiveAcl,
    /// Version of that ACL: a keyed hash of its content, so that it tells nothing of who is in it.
    pub version: String,
    /// The collection that the documents are in.
    pub collection: String,
}

/// A value together with the policy in force for it when it was handed out.
#[derive(Debug)]
pub struct Guarded<T> {
    content: T,
    policy: Arc<PolicyClass>,
}

impl<T> Guarded<T> {
    /// Seals a value under its policy.
    pub(crate) const fn new(content: T, policy: Arc<PolicyClass>) -> Self {
        Self { content, policy }
    }

    /// Hands the value out if `permits` says so of its policy, with what it answered.
    pub fn open<D>(self, permits: impl FnOnce(&PolicyClass) -> Option<D>) -> Option<(T, D)> {
        permits(&self.policy).map(|decision| (self.content, decision))
    }
}
