//! The subject: the validated caller of one request, with its groups and roles.
//!
//! Upholds FAIL-CLOSED: a subject is made only when all its groups are known. Says which
//! principals a call has: delegated, the user, its groups and `everyone` (`app:` entries do not
//! count); app-only, the application, its groups and `everyone`. Roles open surfaces and never
//! documents, so they are no principals.

use std::collections::BTreeSet;
use std::fmt;

use ambit_indexer::principal::{ObjectId, Principal, PrincipalKind, PrincipalSet, TenantId};
use thiserror::Error;
use uuid::Uuid;

use super::claims::Claims;
use super::overage::GroupsUnresolved;

/// Whether a person stands behind the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A user, through an agent that it signed in to (a delegated token).
    User,
    /// An application or an autonomous agent on its own (an app-only token).
    Application,
}

impl SubjectKind {
    /// The kind of principal that the subject itself matches.
    pub const fn principal_kind(self) -> PrincipalKind {
        match self {
            Self::User => PrincipalKind::User,
            Self::Application => PrincipalKind::Application,
        }
    }
}

/// An application role, from the `roles` claim. None gives reading rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Writes documents of the agent's `ingest` collections.
    Ingest,
    /// Simulates, runs leak tests, describes agents.
    Security,
    /// Reads the audit log, replays answers, sees usage.
    Audit,
    /// Approves, reloads the configuration.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Security, Self::Audit, Self::Admin];

    /// The value in the `roles` claim.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "Ambit.Ingest",
            Self::Security => "Ambit.Security",
            Self::Audit => "Ambit.Audit",
            Self::Admin => "Ambit.Admin",
        }
    }

    /// The role with exactly this claim value.
    pub fn from_claim(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == value)
    }
}

/// The validated caller of one request.
#[derive(Clone)]
pub struct Subject {
    tenant: TenantId,
    object: ObjectId,
    kind: SubjectKind,
    agent_account: bool,
    groups: Vec<ObjectId>,
    roles: BTreeSet<Role>,
}

/// Why principals cannot be asserted as one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LocalCallerError {
    /// The list is empty. Whoever means `everyone` has to write it.
    #[error("name at least one principal, or everyone")]
    Nobody,
    /// More than one user or application is named; no token stands for two.
    #[error("name at most one user or application")]
    TwoSubjects,
    /// A principal belongs to another tenant.
    #[error("all principals have to be of one tenant")]
    OtherTenant,
}

impl Subject {
    /// The subject of validated claims.
    pub(super) fn from_claims(claims: Claims) -> Result<Self, GroupsUnresolved> {
        Ok(Self {
            tenant: claims.tenant,
            object: claims.object,
            kind: claims.kind,
            agent_account: claims.agent_account,
            // INVARIANT (FAIL-CLOSED): all groups or no subject.
            groups: claims.groups?,
            roles: claims.roles,
        })
    }

    /// The subject that an operator names. Where only groups or `everyone` are named, its object
    /// is the nil GUID, which no token can carry. It has no roles.
    pub(super) fn asserted(
        tenant: TenantId,
        principals: &[Principal],
    ) -> Result<Self, LocalCallerError> {
        if principals.is_empty() {
            return Err(LocalCallerError::Nobody);
        }
        let mut named: Option<(SubjectKind, ObjectId)> = None;
        let mut groups = Vec::new();
        for principal in principals {
            let Principal::Object {
                kind,
                tenant: home,
                object,
            } = *principal
            else {
                continue;
            };
            if home != tenant {
                return Err(LocalCallerError::OtherTenant);
            }
            let subject = match kind {
                PrincipalKind::Group => {
                    groups.push(object);
                    continue;
                }
                PrincipalKind::User => (SubjectKind::User, object),
                PrincipalKind::Application => (SubjectKind::Application, object),
            };
            if named.replace(subject).is_some_and(|other| other != subject) {
                return Err(LocalCallerError::TwoSubjects);
            }
        }
        groups.sort_unstable();
        groups.dedup();
        let nobody = (SubjectKind::User, ObjectId::new(Uuid::nil()));
        let (kind, object) = named.unwrap_or(nobody);
        Ok(Self {
            tenant,
            object,
            kind,
            agent_account: false,
            groups,
            roles: BTreeSet::new(),
        })
    }

    /// Every principal that the subject stands for. The client of a delegated token is not among
    /// them: a grant to an application is for the application on its own.
    pub(super) fn principals(&self) -> PrincipalSet {
        let object = |kind, object| Principal::Object {
            kind,
            tenant: self.tenant,
            object,
        };
        let groups = self.groups.iter();
        let groups = groups.map(|group| object(PrincipalKind::Group, *group));
        PrincipalSet::complete(groups.chain([self.principal()]))
    }

    /// The subject itself as a principal.
    pub const fn principal(&self) -> Principal {
        Principal::Object {
            kind: self.kind.principal_kind(),
            tenant: self.tenant,
            object: self.object,
        }
    }

    /// The tenant (`tid`).
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The user or the service principal (`oid`).
    pub const fn object(&self) -> ObjectId {
        self.object
    }

    /// Whether a person stands behind the request.
    pub const fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// Whether the user is the account of an AI agent (facet 13 of Entra Agent ID). Rules for
    /// people admit it, but it is nobody who could approve a change.
    pub const fn is_agent_account(&self) -> bool {
        self.agent_account
    }

    /// All groups, nested ones included, ascending and without repetition.
    pub fn groups(&self) -> &[ObjectId] {
        &self.groups
    }

    /// The known application roles.
    pub const fn roles(&self) -> &BTreeSet<Role> {
        &self.roles
    }

    /// Whether the subject has this role.
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

impl fmt::Debug for Subject {
    /// Prints no groups: a log must not tell who is in which (leak L1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("tenant", &self.tenant)
            .field("object", &self.object)
            .field("kind", &self.kind)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}
