//! The signed head: how far the log reached, kept apart from it, and the key that signs it.
//!
//! Upholds REPLAY against whoever can write the log but does not hold the key: a cut or re-chained
//! log no longer meets its head.
//!
//! INVARIANT (head behind log): a head is only written after the records up to it are durable. It
//! may lag behind the log, never be ahead of it. So it need not be synced with every batch: what a
//! power failure takes back is about a second of anchoring and no record.
//!
//! The file is made whole and synced when the log is opened, and from then on overwritten in place:
//! 512 bytes that a disk writes as one sector, so that old or new is there after a crash, never
//! half. Renaming a new file over it with every batch would do as well, but file systems that guard
//! against lost renames (ext4) then start to write at once; measured there, a rename cost about
//! twenty times what overwriting does, nearly as much as the log's own sync.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::AuditError;
use super::chain::{HexHash, Tip};
use super::entry::OutboxId;
use super::file::{create_private_directory, replace};

/// How long a head may stay unsynced.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Keeps a signed head from being taken for a signed receipt.
const HEAD_DOMAIN: &[u8] = b"ambit audit head v1\0";
/// Length of the head's file, one sector; the fields take about 430 bytes at most.
const HEAD_BYTES: usize = 512;
/// How often a reader looks again at a head that keeps changing under it.
const MAX_READS: u32 = 50;
/// How long it waits in between; overwriting a head takes a few microseconds.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(2);
/// Far more than a key or a head has: a larger file is neither.
const MAX_FILE_BYTES: u64 = 16 << 10;

/// The Ed25519 key that signs heads and receipts.
pub struct AuditKey {
    signing: SigningKey,
}

/// Its public half: enough to verify heads and receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey {
    verifying: VerifyingKey,
}

impl AuditKey {
    /// Reads the key. Refuses one that others than its owner may read: whoever holds it can make
    /// heads and receipts.
    pub fn load(path: &Path) -> Result<Self, AuditError> {
        match Self::load_if_present(path)? {
            Some(key) => Ok(key),
            None => Err(AuditError::KeyMissing {
                path: path.to_owned(),
            }),
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey {
            verifying: self.signing.verifying_key(),
        }
    }

    /// Signs `message` for one purpose, named by `domain`.
    pub(crate) fn sign(&self, domain: &[u8], message: &[u8]) -> Signature {
        self.signing.sign(&[domain, message].concat())
    }

    /// Makes a key and puts it in place whole. The caller holds the log's lock.
    pub(crate) fn create(path: &Path) -> Result<Self, AuditError> {
        let signing = SigningKey::generate(&mut rand::rngs::OsRng);
        let pem = signing.to_pkcs8_pem(LineEnding::LF);
        let pem = pem.map_err(|_| unreadable(path))?;
        if let Some(parent) = path.parent() {
            create_private_directory(parent).map_err(AuditError::io("create", parent))?;
        }
        replace(path, pem.as_bytes()).map_err(AuditError::io("write", path))?;
        Ok(Self { signing })
    }

    pub(crate) fn load_if_present(path: &Path) -> Result<Option<Self>, AuditError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(AuditError::io("open", path)(error)),
        };
        let metadata = file.metadata().map_err(AuditError::io("read", path))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(AuditError::KeyExposed { path, mode });
        }
        let mut pem = String::new();
        let read = file.take(MAX_FILE_BYTES).read_to_string(&mut pem);
        read.map_err(AuditError::io("read", path))?;
        let signing = SigningKey::from_pkcs8_pem(&pem).map_err(|_| unreadable(path))?;
        Ok(Some(Self { signing }))
    }
}

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the private half, wherever this may be printed.
        f.debug_tuple("AuditKey")
            .field(&self.public().id())
            .finish()
    }
}

impl PublicKey {
    /// Reads a public key in PEM.
    pub fn from_pem(pem: &str) -> Option<Self> {
        let verifying = VerifyingKey::from_public_key_pem(pem).ok()?;
        Some(Self { verifying })
    }

    /// The key in PEM, for auditors.
    pub fn to_pem(&self) -> Option<String> {
        self.verifying.to_public_key_pem(LineEnding::LF).ok()
    }

    /// A short name: the first 16 digits of the key's SHA-256.
    pub fn id(&self) -> String {
        let hash = HexHash::of(self.verifying.as_bytes()).to_string();
        hash.chars().take(16).collect()
    }

    /// Whether `signature` was made by this key over `message` for the purpose of `domain`.
    pub(crate) fn verifies(&self, domain: &[u8], message: &[u8], signature: &[u8]) -> bool {
        // Strict: refuses the malleable signatures that plain verification lets through.
        Signature::from_slice(signature).is_ok_and(|signature| {
            let message = [domain, message].concat();
            self.verifying.verify_strict(&message, &signature).is_ok()
        })
    }
}

/// What a head vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the latest record; 0 for a log without records.
    pub seq: u64,
    /// Its hash.
    pub hash: HexHash,
    /// Bytes of the log up to its end.
    pub length: u64,
    /// The latest row of the catalog's outbox that the log holds, so that opening need not look
    /// for it in the log.
    pub outbox: Option<OutboxId>,
}

#[derive(Serialize, Deserialize)]
struct SignedHead {
    seq: u64,
    hash: HexHash,
    length: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outbox: Option<OutboxId>,
    key: String,
    signature: String,
}

impl Head {
    /// Reads a head from a file, for instance a copy that was kept elsewhere. `None` if there is
    /// no such file.
    pub fn load(path: &Path, key: &PublicKey) -> Result<Option<Self>, AuditError> {
        let Some(mut text) = read_small(path)? else {
            return Ok(None);
        };
        let mut parsed = Self::parse(&text, path, key);
        for _ in 0..MAX_READS {
            if parsed.is_ok() {
                break;
            }
            // A reader without the lock may have met a writer half-way through.
            std::thread::sleep(READ_AGAIN_AFTER);
            let again = read_small(path)?.unwrap_or_default();
            if again == text {
                break;
            }
            text = again;
            parsed = Self::parse(&text, path, key);
        }
        parsed.map(Some)
    }

    pub(crate) const fn tip(&self) -> Tip {
        Tip {
            seq: self.seq,
            hash: self.hash,
            length: self.length,
        }
    }

    fn parse(text: &[u8], path: &Path, key: &PublicKey) -> Result<Self, AuditError> {
        let forged = |why| AuditError::HeadForged {
            path: path.to_owned(),
            why,
        };
        let signed: SignedHead =
            serde_json::from_slice(text).map_err(|_| forged("it is not a signed head"))?;
        if signed.key != key.id() {
            return Err(forged("another key signed it"));
        }
        let head = Self {
            seq: signed.seq,
            hash: signed.hash,
            length: signed.length,
            outbox: signed.outbox,
        };
        let signature = hex::decode(&signed.signature).unwrap_or_default();
        if !key.verifies(HEAD_DOMAIN, &head.message(), &signature) {
            return Err(forged("the signature does not fit"));
        }
        Ok(head)
    }

    /// What is signed: every field in a fixed order and width.
    fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(80);
        message.extend_from_slice(&self.seq.to_le_bytes());
        message.extend_from_slice(self.hash.as_bytes());
        message.extend_from_slice(&self.length.to_le_bytes());
        if let Some(outbox) = self.outbox {
            message.extend_from_slice(outbox.generation.as_bytes());
            message.extend_from_slice(&outbox.number.to_le_bytes());
        }
        message
    }

    fn signed_by(&self, key: &AuditKey) -> io::Result<Vec<u8>> {
        let signature = key.sign(HEAD_DOMAIN, &self.message());
        let signed = SignedHead {
            seq: self.seq,
            hash: self.hash,
            length: self.length,
            outbox: self.outbox,
            key: key.public().id(),
            signature: hex::encode(signature.to_bytes()),
        };
        let mut text = serde_json::to_vec(&signed)?;
        // Always of one length, so that a later head covers an earlier one whole.
        text.resize(HEAD_BYTES.saturating_sub(1), b' ');
        text.push(b'\n');
        Ok(text)
    }
}

/// Writes heads: each at once, and syncs no more often than once a second.
pub(crate) struct HeadWriter {
    path: PathBuf,
    unsynced: bool,
    due: Instant,
}

impl HeadWriter {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            unsynced: false,
            due: Instant::now(),
        }
    }

    /// Puts a head in place, durably, whether or not there was one. The caller holds the log's
    /// lock.
    pub(crate) fn create(&mut self, head: &Head, key: &AuditKey) -> Result<(), AuditError> {
        if let Some(parent) = self.path.parent() {
            create_private_directory(parent).map_err(AuditError::io("create", parent))?;
        }
        let created = head.signed_by(key);
        let created = created.and_then(|text| replace(&self.path, &text));
        created.map_err(AuditError::io("write", &self.path))?;
        self.due = Instant::now() + SYNC_INTERVAL;
        Ok(())
    }

    /// Overwrites the head. From here on even a killed process leaves it behind.
    ///
    /// The file is opened anew each time and never created: if somebody took it away, that must
    /// not go unnoticed.
    pub(crate) fn write(&mut self, head: &Head, key: &AuditKey) -> Result<(), AuditError> {
        let written = head.signed_by(key).and_then(|text| {
            let file = OpenOptions::new().write(true).open(&self.path)?;
            file.write_all_at(&text, 0)
        });
        written.map_err(AuditError::io("write", &self.path))?;
        self.unsynced = true;
        Ok(())
    }

    /// Makes the latest head durable.
    pub(crate) fn sync(&mut self) -> Result<(), AuditError> {
        if !self.unsynced {
            return Ok(());
        }
        self.unsynced = false;
        self.due = Instant::now() + SYNC_INTERVAL;
        let file = OpenOptions::new().write(true).open(&self.path);
        let synced = file.and_then(|file| file.sync_data());
        synced.map_err(AuditError::io("sync", &self.path))
    }

    /// How long the latest head may still wait for its sync; `None` if it has been synced.
    pub(crate) fn sync_due_in(&self) -> Option<Duration> {
        self.unsynced
            .then(|| self.due.saturating_duration_since(Instant::now()))
    }
}

fn read_small(path: &Path) -> Result<Option<Vec<u8>>, AuditError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AuditError::io("open", path)(error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE_BYTES).read_to_end(&mut bytes);
    read.map_err(AuditError::io("read", path))?;
    Ok(Some(bytes))
}

fn unreadable(path: &Path) -> AuditError {
    AuditError::KeyUnreadable {
        path: path.to_owned(),
    }
}
