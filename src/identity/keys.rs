//! Trust: the tenants whose tokens are accepted, and their signing keys by tenant and `kid`.
//!
//! Upholds FAIL-CLOSED: a tenant without issuer, audience or keys cannot be configured (leak A2),
//! a key belongs to one tenant and never vouches for another, and keys that are not known are an
//! error. Keys come from the configuration only, never from anything that a token carries.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use ambit_indexer::principal::TenantId;
use jsonwebtoken::{Algorithm, DecodingKey};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};
use thiserror::Error;
use uuid::Uuid;

use super::IdentityError;
use super::claims;

/// Shortest RSA modulus. The signature library sets no minimum of its own.
const MIN_MODULUS_BITS: usize = 2048;

/// The tenant of personal Microsoft accounts. Anybody can have one, so `everyone` of this tenant
/// would be the whole world.
const PERSONAL_ACCOUNTS: TenantId =
    TenantId::new(Uuid::from_u128(0x9188_040d_6c67_4c5b_b112_36a3_04b6_6dad));

/// The public half of an RSA key that signs tokens.
#[derive(Clone)]
pub struct VerificationKey {
    decoding: DecodingKey,
}

/// Why a key is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Modulus or exponent are not those of an RSA key.
    #[error("not an rsa public key")]
    NotRsa,
    /// The modulus is too short to trust.
    #[error("the rsa modulus has fewer than {MIN_MODULUS_BITS} bits")]
    TooShort,
}

impl VerificationKey {
    /// A key from its modulus and exponent, big-endian (`n` and `e` of a JWK).
    ///
    /// # Errors
    ///
    /// The numbers have to make an RSA key of 2048 to 4096 bits.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (
            BigUint::from_bytes_be(modulus),
            BigUint::from_bytes_be(exponent),
        );
        let key = RsaPublicKey::new(n, e).map_err(|_| KeyError::NotRsa)?;
        if key.n().bits() < MIN_MODULUS_BITS {
            return Err(KeyError::TooShort);
        }
        Ok(Self {
            decoding: DecodingKey::from_rsa_raw_components(modulus, exponent),
        })
    }

    /// Whether this key made `signature` (base64url) over `message`.
    ///
    /// The algorithm is a constant here and never what the token asks for (leak A3).
    pub(super) fn verifies(&self, message: &str, signature: &str) -> bool {
        let (message, key) = (message.as_bytes(), &self.decoding);
        let verified = jsonwebtoken::crypto::verify(signature, message, key, Algorithm::RS256);
        matches!(verified, Ok(true))
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey").finish_non_exhaustive()
    }
}

/// Where the keys of a tenant come from.
#[derive(Clone, Debug)]
pub enum Keys {
    /// A fixed set by `kid`. Keys fetched from the issuer will be a variant beside this one.
    Fixed(BTreeMap<String, Arc<VerificationKey>>),
}

impl Keys {
    /// A set of one key.
    pub fn one(kid: impl Into<String>, key: VerificationKey) -> Self {
        Self::Fixed(BTreeMap::from([(kid.into(), Arc::new(key))]))
    }

    /// The key with this `kid`; `None` if the issuer has no such key.
    #[expect(
        clippy::unused_async,
        reason = "keys that are fetched will have to be waited for"
    )]
    pub(super) async fn find(
        &self,
        kid: &str,
    ) -> Result<Option<Arc<VerificationKey>>, IdentityError> {
        match self {
            // A set that is empty has not been filled; it cannot say that a key does not exist.
            Self::Fixed(keys) if keys.is_empty() => Err(IdentityError::KeysUnavailable),
            Self::Fixed(keys) => Ok(keys.get(kid).map(Arc::clone)),
        }
    }
}

/// A tenant whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct TrustedTenant {
    /// The tenant (`tid`).
    pub tenant: TenantId,
    /// The issuer (`iss`), `https://AUTHORITY/TENANT/v2.0`.
    pub issuer: String,
    /// This service's own application id (`aud`), a GUID.
    pub audience: String,
    /// The keys with which the issuer signs for this tenant.
    pub keys: Keys,
}

/// Why a list of tenants is not usable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TrustError {
    /// The list is empty.
    #[error("no tenant is trusted")]
    Nobody,
    /// A tenant is listed twice.
    #[error("tenant {0} is listed twice")]
    RepeatedTenant(TenantId),
    /// The tenant is nil, or the one of personal accounts.
    #[error("tenant {0} cannot be trusted: it is not one organisation")]
    NotOneOrganisation(TenantId),
    /// The issuer is not the tenant's own.
    #[error("the issuer of tenant {0} has to be https://AUTHORITY/{0}/v2.0")]
    Issuer(TenantId),
    /// The audience is not an application id.
    #[error("the audience for tenant {0} has to be this service's application id, a guid")]
    Audience(TenantId),
}

/// The tenants whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct Trust {
    tenants: HashMap<TenantId, TrustedTenant>,
}

impl Trust {
    /// Checks a list of tenants.
    ///
    /// # Errors
    ///
    /// Every tenant needs its own issuer and an audience, see [`TrustError`].
    pub fn new(tenants: impl IntoIterator<Item = TrustedTenant>) -> Result<Self, TrustError> {
        let mut trusted = HashMap::new();
        for entry in tenants {
            let tenant = entry.tenant;
            if tenant == PERSONAL_ACCOUNTS || tenant.guid().is_nil() {
                return Err(TrustError::NotOneOrganisation(tenant));
            }
            // The issuer has to name the tenant itself, or the comparison of `iss` would not tie
            // a token to its tenant.
            let path = format!("/{tenant}/v2.0");
            let authority = entry.issuer.strip_prefix("https://");
            let authority = authority.and_then(|rest| rest.strip_suffix(&path));
            if authority.is_none_or(|name| name.is_empty() || name.contains('/')) {
                return Err(TrustError::Issuer(tenant));
            }
            if claims::guid(&entry.audience).is_none() {
                return Err(TrustError::Audience(tenant));
            }
            if trusted.insert(tenant, entry).is_some() {
                return Err(TrustError::RepeatedTenant(tenant));
            }
        }
        if trusted.is_empty() {
            return Err(TrustError::Nobody);
        }
        Ok(Self { tenants: trusted })
    }

    /// What is known about a tenant, if it is trusted.
    pub(super) fn tenant(&self, tenant: TenantId) -> Option<&TrustedTenant> {
        self.tenants.get(&tenant)
    }
}
