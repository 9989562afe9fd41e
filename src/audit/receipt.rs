//! Receipts: a signed statement that a caller was shown a chunk, and why it might be.
//!
//! Upholds REPLAY beyond this service: whoever holds a receipt and the public key can check it
//! without asking. It names the caller's own matching principal and nothing else of the ACL, since
//! receipts travel with the answer to agents and models.

use ambit_indexer::clock::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::chain::HexHash;
use super::entry::rfc3339;
use super::head::{AuditKey, PublicKey};

/// Keeps a signed receipt from being taken for a signed head.
const RECEIPT_DOMAIN: &[u8] = b"ambit receipt v1\0";
/// Version of the payload's layout.
const VERSION: u8 = 1;
/// Longest receipt that is looked at: ids and names are bounded, so a longer one is none.
const MAX_RECEIPT_BYTES: usize = 8 << 10;

/// What a receipt states: this caller was shown this chunk under this version of its ACL.
///
/// There is no field for denies, other principals or other entries, so none can slip in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The answer that the citation was part of.
    pub answer: Uuid,
    /// The instant that the decision was made for.
    #[serde(with = "rfc3339")]
    pub time: Timestamp,
    /// The caller: `kind:tenant/oid`.
    pub subject: String,
    /// The agent that asked.
    pub agent: String,
    /// Document id.
    pub document: String,
    /// Revision shown.
    pub revision: HexHash,
    /// Hash of the chunk's text.
    pub chunk: HexHash,
    /// Hash of the ACL that permitted it.
    pub acl: String,
    /// The caller's own principal that a grant of that ACL matched.
    pub principal: String,
}

/// The signed bytes: a receipt, the version of its layout, and what the ACL entry did.
#[derive(Serialize, Deserialize)]
struct Payload<R> {
    v: u8,
    #[serde(flatten)]
    receipt: R,
    access: Granted,
}

/// Always a grant: nothing else is ever shown.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Granted {
    Grant,
}

/// Why a text is no receipt of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// Not two parts of base64url, or longer than any receipt.
    #[error("not a receipt: expected two parts of base64url joined by a dot")]
    Malformed,
    /// The signature was not made by this key over this payload.
    #[error("the signature of the receipt does not fit")]
    Forged,
    /// Genuine, but of a layout that this version does not know.
    #[error("the receipt is of a kind that this version does not know")]
    Unknown,
    /// The receipt has no JSON form.
    #[error("the receipt cannot be written")]
    Unserializable,
}

impl Receipt {
    /// Signs the receipt: `base64url(payload).base64url(signature)`.
    pub fn sign(&self, key: &AuditKey) -> Result<String, ReceiptError> {
        let payload = Payload {
            v: VERSION,
            receipt: self,
            access: Granted::Grant,
        };
        let payload = serde_json::to_vec(&payload).map_err(|_| ReceiptError::Unserializable)?;
        let signature = key.sign(RECEIPT_DOMAIN, &payload);
        let mut text = URL_SAFE_NO_PAD.encode(&payload);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut text);
        Ok(text)
    }
}

/// Reads a receipt that the holder of `key` has signed.
pub fn verify_receipt(key: &PublicKey, text: &str) -> Result<Receipt, ReceiptError> {
    if text.len() > MAX_RECEIPT_BYTES {
        return Err(ReceiptError::Malformed);
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let (payload, signature) = text
        .split_once('.')
        .and_then(|(payload, signature)| decode(payload).zip(decode(signature)))
        .ok_or(ReceiptError::Malformed)?;
    // Nothing of the payload is interpreted before its signature is known to be good.
    if !key.verifies(RECEIPT_DOMAIN, &payload, &signature) {
        return Err(ReceiptError::Forged);
    }
    match serde_json::from_slice::<Payload<Receipt>>(&payload) {
        Ok(payload) if payload.v == VERSION => Ok(payload.receipt),
        _ => Err(ReceiptError::Unknown),
    }
}

#[cfg(test)]
mod tests;
