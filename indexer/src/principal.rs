//! Principals: who can be named in an ACL, and the complete set that a caller stands for.
//!
//! Upholds FAIL-CLOSED: identities match on tenant and object GUIDs, byte for byte; names are
//! only spellings that have to be resolved before they mean anything.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

/// Namespace of the UUIDv5 names used where no directory is configured.
const NAME_NAMESPACE: Uuid = Uuid::from_u128(0x9b2f_4c1e_6a57_4d0b_8f36_52f1_0c7e_a941);

/// An Entra tenant (`tid`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Uuid);

impl TenantId {
    /// Wraps a tenant GUID.
    pub const fn new(guid: Uuid) -> Self {
        Self(guid)
    }

    /// The GUID itself.
    pub const fn guid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An object of a tenant (`oid`): a user, a group or a service principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(Uuid);

impl ObjectId {
    /// Wraps an object GUID.
    pub const fn new(guid: Uuid) -> Self {
        Self(guid)
    }

    /// The object that a name stands for where no directory is configured: UUIDv5 of
    /// `kind:name`, case-sensitive, so `user:a` and `group:a` differ.
    pub fn from_name(kind: PrincipalKind, name: &str) -> Self {
        Self(Uuid::new_v5(
            &NAME_NAMESPACE,
            format!("{}:{name}", kind.as_str()).as_bytes(),
        ))
    }

    /// The GUID itself.
    pub const fn guid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What sort of object a principal is. Part of its identity: `user:G` is not `group:G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// A person, or an agent's own user account.
    User,
    /// A security group.
    Group,
    /// A service principal.
    Application,
}

impl PrincipalKind {
    /// The prefix used in ACL text: `user`, `group` or `app`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Application => "app",
        }
    }
}

/// A resolved principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// Every accepted caller of a trusted tenant.
    Everyone,
    /// One object of one tenant.
    Object {
        /// User, group or application.
        kind: PrincipalKind,
        /// The tenant that the object lives in.
        tenant: TenantId,
        /// The object's GUID.
        object: ObjectId,
    },
}

impl fmt::Display for Principal {
    /// Prints `everyone` or `kind:GUID`, a spelling that [`PrincipalSpelling`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Object { kind, object, .. } => write!(f, "{}:{object}", kind.as_str()),
        }
    }
}

/// A principal as people write it: `everyone`, `group:sre-oncall`, `user:GUID`, `app:name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalSpelling {
    /// `everyone`.
    Everyone,
    /// A kind with a hyphenated GUID.
    Guid(PrincipalKind, ObjectId),
    /// A kind with a name that a directory has to resolve.
    Alias(PrincipalKind, String),
}

/// Why a spelling could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpellingError {
    /// The text has no known prefix.
    #[error("`{0}` is not a principal: write user:NAME, group:NAME, app:NAME or everyone")]
    Unknown(String),
    /// The name after the prefix is empty, too long, or holds control or space characters.
    #[error("`{0}` has no usable name: 1 to 128 characters without spaces or control characters")]
    BadName(String),
}

impl FromStr for PrincipalSpelling {
    type Err = SpellingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "everyone" {
            return Ok(Self::Everyone);
        }
        let shown = || text.chars().take(80).collect::<String>();
        let (prefix, name) = text
            .split_once(':')
            .ok_or_else(|| SpellingError::Unknown(shown()))?;
        let kind = match prefix {
            "user" => PrincipalKind::User,
            "group" => PrincipalKind::Group,
            "app" => PrincipalKind::Application,
            _ => return Err(SpellingError::Unknown(shown())),
        };
        let unusable = |c: char| c.is_whitespace() || c.is_control() || c == ',';
        if name.is_empty() || name.chars().count() > 128 || name.contains(unusable) {
            return Err(SpellingError::BadName(shown()));
        }
        Ok(match hyphenated_guid(name) {
            Some(guid) => Self::Guid(kind, ObjectId::new(guid)),
            None => Self::Alias(kind, name.to_owned()),
        })
    }
}

impl fmt::Display for PrincipalSpelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Guid(kind, object) => write!(f, "{}:{object}", kind.as_str()),
            Self::Alias(kind, name) => write!(f, "{}:{name}", kind.as_str()),
        }
    }
}

/// Reads a GUID in the one accepted form, 36 characters with hyphens.
pub fn hyphenated_guid(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok()
}

/// Every principal that a caller stands for: itself, all its groups, and `everyone`.
///
/// INVARIANT (FAIL-CLOSED): a set is complete or it does not exist. Whoever builds one vouches
/// that no group is missing; a partial list has to end as an error before this point, because
/// with denies a missing group is unsafe in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalSet {
    sorted: Box<[Principal]>,
}

impl PrincipalSet {
    /// Builds a set from a complete list; `everyone` is added.
    pub fn complete(principals: impl IntoIterator<Item = Principal>) -> Self {
        let mut sorted: Vec<Principal> = principals.into_iter().collect();
        sorted.push(Principal::Everyone);
        sorted.sort_unstable();
        sorted.dedup();
        Self {
            sorted: sorted.into_boxed_slice(),
        }
    }

    /// Whether the caller stands for `principal`.
    pub fn contains(&self, principal: &Principal) -> bool {
        self.sorted.binary_search(principal).is_ok()
    }

    /// The principals in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = &Principal> {
        self.sorted.iter()
    }
}
