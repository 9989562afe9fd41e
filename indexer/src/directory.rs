//! Names to principals: the directory that resolves what people write in ACLs.
//!
//! Upholds FAIL-CLOSED: a configured directory knows its names and no others; an unknown name is
//! an error that quarantines the document.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::acl::{Entry, WrittenEntry};
use crate::document::ContentHash;
use crate::principal::{ObjectId, Principal, PrincipalKind, PrincipalSpelling, TenantId};

/// A name that the configured directory does not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown principal `{0}`: the configured directory does not list it")]
pub struct UnknownAlias(pub String);

/// Resolves names within one tenant.
#[derive(Clone, Debug)]
pub struct Directory {
    tenant: TenantId,
    names: Option<BTreeMap<(PrincipalKind, String), ObjectId>>,
}

impl Directory {
    /// The default where nothing is configured: every name becomes a GUID by UUIDv5.
    pub const fn embedded(tenant: TenantId) -> Self {
        Self {
            tenant,
            names: None,
        }
    }

    /// A directory that knows exactly these names.
    pub fn listed(
        tenant: TenantId,
        names: impl IntoIterator<Item = (PrincipalKind, String, ObjectId)>,
    ) -> Self {
        let names = names
            .into_iter()
            .map(|(kind, name, object)| ((kind, name), object));
        Self {
            tenant,
            names: Some(names.collect()),
        }
    }

    /// The tenant that resolved principals belong to.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The object a name stands for.
    pub fn object(&self, kind: PrincipalKind, name: &str) -> Result<ObjectId, UnknownAlias> {
        let Some(names) = &self.names else {
            return Ok(ObjectId::from_name(kind, name));
        };
        let key = (kind, name.to_owned());
        let unknown = || UnknownAlias(format!("{}:{name}", kind.as_str()));
        names.get(&key).copied().ok_or_else(unknown)
    }

    /// Names the directory's content: two directories that resolve differently have different
    /// fingerprints.
    pub fn fingerprint(&self) -> ContentHash {
        let tenant = self.tenant.to_string();
        let mut lines = vec![tenant];
        match &self.names {
            None => lines.push("embedded".to_owned()),
            Some(names) => lines.extend(
                names
                    .iter()
                    .map(|((kind, name), object)| format!("{}:{name}={object}", kind.as_str())),
            ),
        }
        ContentHash::of_parts(lines.iter().map(String::as_bytes))
    }

    /// Resolves a spelling.
    pub fn resolve(&self, spelling: &PrincipalSpelling) -> Result<Principal, UnknownAlias> {
        let (kind, object) = match spelling {
            PrincipalSpelling::Everyone => return Ok(Principal::Everyone),
            PrincipalSpelling::Guid(kind, object) => (*kind, *object),
            PrincipalSpelling::Alias(kind, name) => (*kind, self.object(*kind, name)?),
        };
        Ok(Principal::Object {
            kind,
            tenant: self.tenant,
            object,
        })
    }

    /// Resolves a written ACL.
    pub fn resolve_acl(&self, written: &[WrittenEntry]) -> Result<Vec<Entry>, UnknownAlias> {
        let resolve = |entry: &WrittenEntry| {
            Ok(Entry {
                access: entry.access,
                principal: self.resolve(&entry.principal)?,
                until: entry.until,
            })
        };
        written.iter().map(resolve).collect()
    }
}
