//! Receipts: round trip, tampering, and what they may not hold.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::super::tests::{Home, instant};
use super::*;

fn receipt() -> Receipt {
    Receipt {
        answer: Uuid::from_u128(9),
        time: instant(),
        subject: "user:11111111-1111-1111-1111-111111111111/22222222-2222-2222-2222-222222222222"
            .to_owned(),
        agent: "triage".to_owned(),
        document: "runbooks/db/failover.md".to_owned(),
        revision: HexHash::of(b"revision"),
        chunk: HexHash::of(b"chunk"),
        acl: HexHash::of(b"acl").to_string(),
        principal: "group:33333333-3333-3333-3333-333333333333".to_owned(),
    }
}

fn key() -> AuditKey {
    let home = Home::new();
    AuditKey::create(&home.paths.key).unwrap()
}

#[test]
fn a_receipt_is_read_back() {
    let key = key();
    let text = receipt().sign(&key).unwrap();
    assert_eq!(verify_receipt(&key.public(), &text), Ok(receipt()));
    let other = self::key().public();
    assert_eq!(verify_receipt(&other, &text), Err(ReceiptError::Forged));
}

#[test]
fn a_receipt_names_one_grant_and_nothing_else_of_the_acl() {
    let text = receipt().sign(&key()).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(text.split_once('.').unwrap().0);
    let payload: serde_json::Value = serde_json::from_slice(&payload.unwrap()).unwrap();
    let mut fields: Vec<&str> = payload
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    let expected = [
        "access",
        "acl",
        "agent",
        "answer",
        "chunk",
        "document",
        "principal",
        "revision",
        "subject",
        "time",
        "v",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (&payload["v"], &payload["access"]),
        (&1.into(), &"grant".into())
    );
}

#[test]
fn a_signed_head_is_no_receipt_and_other_versions_are_unknown() {
    let key = key();
    let signed = |domain: &[u8], payload: &str| {
        let signature = key.sign(domain, payload.as_bytes()).to_bytes();
        let parts = [payload.as_bytes(), &signature].map(|part| URL_SAFE_NO_PAD.encode(part));
        verify_receipt(&key.public(), &parts.join("."))
    };
    let mut payload = serde_json::to_value(receipt()).unwrap();
    payload["v"] = 1.into();
    payload["access"] = "grant".into();
    assert_eq!(signed(RECEIPT_DOMAIN, &payload.to_string()), Ok(receipt()));
    let head = signed(b"ambit audit head v1\0", &payload.to_string());
    assert_eq!(head, Err(ReceiptError::Forged));
    payload["v"] = 2.into();
    let newer = signed(RECEIPT_DOMAIN, &payload.to_string());
    assert_eq!(newer, Err(ReceiptError::Unknown));
    payload["v"] = 1.into();
    payload["access"] = "deny".into();
    let deny = signed(RECEIPT_DOMAIN, &payload.to_string());
    assert_eq!(deny, Err(ReceiptError::Unknown));
}

proptest! {
    #[test]
    fn a_changed_receipt_is_refused(position: prop::sample::Index, byte: u8) {
        let key = key();
        let text = receipt().sign(&key).unwrap();
        let mut bytes = text.clone().into_bytes();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(changed) = String::from_utf8(bytes) && changed != text {
            prop_assert!(verify_receipt(&key.public(), &changed).is_err());
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
        prop_assert!(verify_receipt(&key().public(), &text).is_err());
    }
}
