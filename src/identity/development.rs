//! The development issuer: a signing key of one's own, and tokens shaped exactly like Entra's.
//!
//! For `serve --dev`, `token`, `demo` and tests. Its tokens pass through the same validator as
//! any other; there is no second way in. Upholds FAIL-CLOSED: whoever can read the key can be
//! anybody, so a key file that others can read is refused, not merely warned about. Its tenant is
//! trusted only where [`DevelopmentIssuer::trust`] is put into the configuration.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ambit_indexer::clock::Timestamp;
use ambit_indexer::principal::{ObjectId, TenantId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use rsa::traits::PublicKeyParts as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use uuid::Uuid;

use super::keys::{Keys, TrustedTenant, VerificationKey};

/// The tenant of the development issuer.
pub const DEVELOPMENT_TENANT: TenantId =
    TenantId::new(Uuid::from_u128(0x5d0c_81f4_93b6_4e2a_b7d9_1f60_e8a4_2c37));

/// The application id under which the service knows itself in development.
pub const DEVELOPMENT_AUDIENCE: &str = "c41f7a02-6b8e-4d95-a3f1-0e72d9b5c684";

/// Bits of a new key.
const KEY_BITS: usize = 2048;
/// A key file is larger than this only by mistake.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;
/// Beyond this Entra leaves the groups out of a token. A token that lists more would test what no
/// issuer sends.
const MAX_GROUPS: usize = 200;
/// A development token that somebody forgets somewhere should not be good for ever.
const MAX_LIFETIME_SECONDS: u32 = 7 * 24 * 60 * 60;

/// Signs tokens for [`DEVELOPMENT_TENANT`].
pub struct DevelopmentIssuer {
    kid: String,
    signing: EncodingKey,
    verification: VerificationKey,
}

/// What a token is to say; see [`DevelopmentIssuer::mint`].
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// The user of a delegated token; `None` for an app-only one.
    pub user: Option<ObjectId>,
    /// All groups of the user or the application.
    pub groups: Vec<ObjectId>,
    /// Values of the `roles` claim.
    pub roles: Vec<String>,
    /// The client.
    pub app: ObjectId,
    /// Seconds from `now` until the token expires.
    pub lifetime: u32,
    /// Whether the application asks on its own.
    pub app_only: bool,
    /// The instant of issue.
    pub now: Timestamp,
}

/// Why the development issuer cannot be used, or cannot sign something.
#[derive(Debug, Error)]
pub enum DevelopmentError {
    /// The key file cannot be read or written.
    #[error("cannot use the signing key {}", path.display())]
    File {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file can be read by others than its owner.
    #[error("the signing key {} can be read by others: chmod 600 it, or delete it", .0.display())]
    Exposed(PathBuf),
    /// The key file holds no usable key.
    #[error("the signing key {} is not an rsa key of 2048 to 4096 bits in pkcs#8 pem", .0.display())]
    NoKey(PathBuf),
    /// A key could not be made.
    #[error("cannot make a signing key")]
    Generation,
    /// A token has to have either a user or be app-only.
    #[error("a token is for a user or app-only, not both and not neither")]
    Subject,
    /// More groups than a token of Entra's lists.
    #[error("a token lists at most {MAX_GROUPS} groups")]
    Groups,
    /// The lifetime is zero or too long.
    #[error("a token lives from 1 second to {MAX_LIFETIME_SECONDS} seconds")]
    Lifetime,
    /// The signature could not be made.
    #[error("cannot sign the token")]
    Signing,
}

impl DevelopmentIssuer {
    /// Opens the key file, or makes one that only its owner can read.
    ///
    /// # Errors
    ///
    /// A file that others can read, or that holds no RSA key, is refused and left as it is.
    pub fn open_or_create(key_path: &Path) -> Result<Self, DevelopmentError> {
        let failed = |source| DevelopmentError::File {
            path: key_path.to_owned(),
            source,
        };
        // Symbolic links are not followed: the check of the mode is to be about this file.
        match fs::symlink_metadata(key_path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut random = rand::rngs::OsRng;
                let key = RsaPrivateKey::new(&mut random, KEY_BITS);
                let key = key.map_err(|_| DevelopmentError::Generation)?;
                let pem = key.to_pkcs8_pem(LineEnding::LF);
                let pem = pem.map_err(|_| DevelopmentError::Generation)?;
                create_key_file(key_path, pem.as_bytes()).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        // A new file is read back too: if another process was faster, its key is the one.
        Self::open(key_path)
    }

    fn open(key_path: &Path) -> Result<Self, DevelopmentError> {
        let pem = read_key_file(key_path)?;
        let unusable = || DevelopmentError::NoKey(key_path.to_owned());
        let key = RsaPrivateKey::from_pkcs8_pem(&pem).map_err(|_| unusable())?;
        key.validate().map_err(|_| unusable())?;
        let public = key.to_public_key();
        let (modulus, exponent) = (public.n().to_bytes_be(), public.e().to_bytes_be());
        Ok(Self {
            kid: thumbprint(&public),
            signing: EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| unusable())?,
            verification: VerificationKey::rsa(&modulus, &exponent).map_err(|_| unusable())?,
        })
    }

    /// The key id: the thumbprint of the key (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The issuer (`iss`). Names under `.invalid` resolve nowhere, so that no token of this issuer
    /// can lead anybody to a real one.
    pub fn issuer() -> String {
        format!("https://login.ambit.invalid/{DEVELOPMENT_TENANT}/v2.0")
    }

    /// What makes a service accept this issuer's tokens.
    pub fn trust(&self) -> TrustedTenant {
        TrustedTenant {
            tenant: DEVELOPMENT_TENANT,
            issuer: Self::issuer(),
            audience: DEVELOPMENT_AUDIENCE.to_owned(),
            keys: Keys::one(self.kid.clone(), self.verification.clone()),
        }
    }

    /// Makes a token like those of Entra v2.0. `groups` is always there, also when empty, because
    /// its absence would mean that the groups are not known.
    ///
    /// # Errors
    ///
    /// The request has to describe a token that Entra could issue, see [`DevelopmentError`].
    pub fn mint(&self, request: TokenRequest) -> Result<String, DevelopmentError> {
        let object = match (request.user, request.app_only) {
            (Some(user), false) => user,
            (None, true) => request.app,
            _ => return Err(DevelopmentError::Subject),
        };
        if request.groups.len() > MAX_GROUPS {
            return Err(DevelopmentError::Groups);
        }
        if !(1..=MAX_LIFETIME_SECONDS).contains(&request.lifetime) {
            return Err(DevelopmentError::Lifetime);
        }
        let issued = request.now.as_second();
        let pairwise = format!("{DEVELOPMENT_TENANT}|{}|{object}", request.app);
        let claims = MintedClaims {
            aud: DEVELOPMENT_AUDIENCE,
            iss: Self::issuer(),
            iat: issued,
            nbf: issued,
            exp: issued.saturating_add(i64::from(request.lifetime)),
            azp: request.app.to_string(),
            azpacr: if request.app_only { "1" } else { "0" },
            oid: object.to_string(),
            // Pairwise for users, as in Entra: a reader that takes it for the object id fails.
            sub: if request.app_only {
                object.to_string()
            } else {
                URL_SAFE_NO_PAD.encode(Sha256::digest(pairwise))
            },
            tid: DEVELOPMENT_TENANT.to_string(),
            uti: URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes()),
            ver: "2.0",
            scp: (!request.app_only).then_some("Ambit.Read"),
            idtyp: request.app_only.then_some("app"),
            groups: request.groups.iter().map(ObjectId::to_string).collect(),
            roles: &request.roles,
        };
        let claims = serde_json::to_value(claims).map_err(|_| DevelopmentError::Signing)?;
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.kid});
        self.sign_claims(&header, &claims)
    }

    /// For tests of the validator: signs whatever it is given, with RS256 whatever the header
    /// says. That gives away nothing, since whoever holds the key file can do the same.
    ///
    /// # Errors
    ///
    /// The signature could not be made.
    pub fn sign_claims(&self, header: &Value, claims: &Value) -> Result<String, DevelopmentError> {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// For tests of the validator: as [`DevelopmentIssuer::sign_claims`], from text, which can say
    /// what no JSON value can, such as a name twice.
    ///
    /// # Errors
    ///
    /// The signature could not be made.
    pub fn sign_text(&self, header: &str, claims: &str) -> Result<String, DevelopmentError> {
        let (header, claims) = (
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims),
        );
        let message = format!("{header}.{claims}");
        let (bytes, key) = (message.as_bytes(), &self.signing);
        let signature = jsonwebtoken::crypto::sign(bytes, key, Algorithm::RS256);
        let signature = signature.map_err(|_| DevelopmentError::Signing)?;
        Ok(format!("{message}.{signature}"))
    }
}

impl fmt::Debug for DevelopmentIssuer {
    /// Prints nothing of the key but its public id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevelopmentIssuer")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The claims of a minted token, named as on the wire.
#[derive(Serialize)]
struct MintedClaims<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    azp: String,
    azpacr: &'a str,
    oid: String,
    sub: String,
    tid: String,
    uti: String,
    ver: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idtyp: Option<&'a str>,
    groups: Vec<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
}

/// The RFC 7638 thumbprint of a public key.
fn thumbprint(key: &RsaPublicKey) -> String {
    let modulus = URL_SAFE_NO_PAD.encode(key.n().to_bytes_be());
    let exponent = URL_SAFE_NO_PAD.encode(key.e().to_bytes_be());
    // The RFC fixes members, order and spacing, so this is text and not a JSON value.
    let jwk = format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(jwk))
}

/// Reads a key file after checking that nobody else can.
fn read_key_file(path: &Path) -> Result<String, DevelopmentError> {
    let failed = |source| DevelopmentError::File {
        path: path.to_owned(),
        source,
    };
    let named = fs::symlink_metadata(path).map_err(failed)?;
    if !named.is_file() {
        return Err(DevelopmentError::NoKey(path.to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    // Asked of the open file, not of the path, so that it is about what is read.
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(DevelopmentError::Exposed(path.to_owned()));
    }
    let mut pem = String::new();
    let mut limited = file.take(MAX_KEY_FILE_BYTES);
    limited.read_to_string(&mut pem).map_err(failed)?;
    Ok(pem)
}

/// Puts a key file in place whole or not at all, readable by its owner only from the first byte.
fn create_key_file(path: &Path, pem: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut folders = DirBuilder::new();
    folders.recursive(true).mode(0o700).create(directory)?;
    let temporary = directory.join(format!(".signing-key-{}.tmp", Uuid::new_v4().simple()));
    let placed = write_and_place(&temporary, path, pem);
    // After a rename it is gone already; after a link or a failure it is of no more use.
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a temporary key file could not be removed");
    }
    placed?;
    File::open(directory)?.sync_all()
}

fn write_and_place(temporary: &Path, path: &Path, pem: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)?;
    file.write_all(pem)?;
    file.sync_all()?;
    // A link, because a rename would replace the key that `serve` made a moment ago while `token`
    // was making this one, and with it void every token signed so far.
    match fs::hard_link(temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Some file systems have no links.
        Err(_) => fs::rename(temporary, path),
        Ok(()) => Ok(()),
    }
}
