//! The attack list of `reference/entra.md`, section 7, as far as it concerns headers, segments,
//! algorithms and keys. Numbers are those of the leak catalogue. Claims are in `claims_table`,
//! overage in `overage_table`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _, LineEnding};

use super::super::IdentityError::{InvalidToken as Invalid, MalformedRequest, MissingToken};
use super::super::InvalidToken::{
    Algorithm as WrongAlgorithm, Audience, CaseVariant, Encoding, ForbiddenParameter,
    Issuer as WrongIssuer, KeyId, Missing, NotStrictJson, Segments, Signature, TooLong, Type,
    UnknownKey, WrongType,
};
use super::*;

#[tokio::test]
async fn the_claims_that_all_rows_spoil_are_good() {
    let caller = authenticate(&sign(good_header(), good_claims())).await;
    assert_eq!(caller.unwrap().subject().object(), user("alice"));
}

#[tokio::test]
async fn authorization_headers() {
    let good = sign(good_header(), good_claims());
    let bearer = format!("Bearer {good}");
    let (bearer, good) = (bearer.as_bytes(), good.as_str());
    refused("no header", &[], MissingToken).await;
    refused("two headers", &[bearer, bearer], MalformedRequest).await;
    refused("two, one Basic", &[b"Basic YTpi", bearer], MalformedRequest).await;
    refused("another scheme", &[b"Basic YTpi"], MissingToken).await;
    refused("bare token", &[good.as_bytes()], MissingToken).await;
    refused("empty", &[b""], MissingToken).await;
    let malformed = [
        "Bearer",
        "Bearer ",
        "Bearer    ",
        "bearer a b",
        "Bearer a,b",
        "Bearer \u{e9}",
    ];
    for value in malformed {
        refused(value, &[value.as_bytes()], MalformedRequest).await;
    }
    let folded = format!("Bearer {good}, Bearer {good}");
    refused("folded", &[folded.as_bytes()], MalformedRequest).await;
    refused("not utf-8", &[b"Bearer \xff"], MalformedRequest).await;
    let long = format!("Bearer {}", "a".repeat(MAX_AUTHORIZATION_BYTES));
    refused("huge", &[long.as_bytes()], Invalid(TooLong)).await;
    for scheme in ["bearer", "BEARER", "Bearer  "] {
        let value = format!("{scheme} {good}");
        let result = service().authenticate(&[value.as_bytes()], now()).await;
        assert!(result.is_ok(), "{scheme}");
    }
}

#[tokio::test]
async fn shapes() {
    let good = sign(good_header(), good_claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let rows = [
        ("one segment", "aaaa".to_owned(), Segments),
        ("two segments", message.to_owned(), Segments),
        ("four segments", format!("{good}.aaaa"), Segments),
        (
            "JWE, five segments",
            format!("{header}.a.b.c.{signature}"),
            Segments,
        ),
        ("empty segments", "..".to_owned(), NotStrictJson),
        ("no signature", format!("{message}."), Signature),
        (
            "padded header",
            format!("{header}=.{payload}.{signature}"),
            Encoding,
        ),
        ("padded signature", format!("{good}="), Signature),
        (
            "signature of zeros",
            format!("{message}.{}", "A".repeat(342)),
            Signature,
        ),
        (
            "swapped payload",
            format!(
                "{header}.{}.{signature}",
                encoded(&claims_text_with(r#""x":1"#))
            ),
            Signature,
        ),
        (
            "payload is no object",
            sign_claims_text("[1]"),
            NotStrictJson,
        ),
        ("payload is no JSON", sign_claims_text("{"), NotStrictJson),
        (
            "trailing data",
            sign_claims_text(&format!("{} {{}}", Value::from(good_claims()))),
            NotStrictJson,
        ),
        (
            "nested too deep",
            sign_claims_text(&claims_text_with(&format!(r#""x":{}"#, "[".repeat(4000)))),
            NotStrictJson,
        ),
    ];
    for (number, token, expected) in rows {
        refused_token(number, &token, Invalid(expected)).await;
    }
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Row, header parameter, value as JSON text.
#[rustfmt::skip]
const HEADERS: [(&str, &str, &str, InvalidToken); 27] = [
    ("A3 none",          "alg",   r#""none""#,                 WrongAlgorithm),
    ("A3 None",          "alg",   r#""None""#,                 WrongAlgorithm),
    ("A3 HS256",         "alg",   r#""HS256""#,                WrongAlgorithm),
    ("A3 PS256",         "alg",   r#""PS256""#,                WrongAlgorithm),
    ("A3 RS512",         "alg",   r#""RS512""#,                WrongAlgorithm),
    ("A3 lower case",    "alg",   r#""rs256""#,                WrongAlgorithm),
    ("A3 unknown alg",   "alg",   r#""XX""#,                   WrongAlgorithm),
    ("A3 array",         "alg",   r#"["RS256"]"#,              WrongType("alg")),
    ("A3 missing",       "alg",   ABSENT,                      Missing("alg")),
    ("missing",          "typ",   ABSENT,                      Missing("typ")),
    ("null",             "typ",   "null",                      WrongType("typ")),
    ("DPoP proof",       "typ",   r#""dpop+jwt""#,             Type),
    ("ID token",         "typ",   r#""id+jwt""#,               Type),
    ("A3 missing",       "kid",   ABSENT,                      Missing("kid")),
    ("A3 number",        "kid",   "1",                         WrongType("kid")),
    ("A3 empty",         "kid",   r#""""#,                     KeyId),
    ("A3 unknown",       "kid",   r#""junk""#,                 UnknownKey),
    ("A3 path",          "kid",   r#""../../dev/null""#,       UnknownKey),
    ("A3 crit",          "crit",  r#"["exp"]"#,                ForbiddenParameter("crit")),
    ("A3 crit null",     "crit",  "null",                      ForbiddenParameter("crit")),
    ("A3 unencoded",     "b64",   "false",                     ForbiddenParameter("b64")),
    ("A3 key by URL",    "jku",   r#""https://evil.invalid""#, ForbiddenParameter("jku")),
    ("A3 chain by URL",  "x5u",   r#""https://evil.invalid""#, ForbiddenParameter("x5u")),
    ("A3 embedded key",  "jwk",   r#"{"kty":"RSA"}"#,          ForbiddenParameter("jwk")),
    ("A3 own chain",     "x5c",   r#"["MIIB"]"#,               ForbiddenParameter("x5c")),
    ("A2 Graph token",   "nonce", r#""x""#,                    ForbiddenParameter("nonce")),
    ("A2 Graph, null",   "nonce", "null",                      ForbiddenParameter("nonce")),
];

#[tokio::test]
async fn a3_headers() {
    for (row, name, value, expected) in HEADERS {
        let mut header = good_header();
        spoil(&mut header, name, value);
        let token = sign(header, good_claims());
        refused_token(&format!("{row}: {name}"), &token, Invalid(expected)).await;
    }
    for (length, expected) in [(128, UnknownKey), (129, KeyId)] {
        let mut header = good_header();
        header.insert("kid".to_owned(), json!("k".repeat(length)));
        refused_token(
            "A3 long kid",
            &sign(header, good_claims()),
            Invalid(expected),
        )
        .await;
    }
    let mut header = good_header();
    header.insert("typ".to_owned(), json!("at+jwt"));
    header.insert("x5t".to_owned(), json!("thumbprint"));
    assert!(authenticate(&sign(header, good_claims())).await.is_ok());
}

#[tokio::test]
async fn a3_header_text() {
    let good = Value::from(good_header()).to_string();
    let rows = [
        ("A3 repeated alg", r#"{"alg":"none","#, NotStrictJson),
        ("A3 repeated kid", r#"{"kid":"junk","#, NotStrictJson),
        ("A3 KID beside kid", r#"{"KID":"junk","#, CaseVariant),
        ("A3 Kelvin sign", r#"{"\u212aid":"junk","#, CaseVariant),
        ("A3 CRIT", r#"{"CRIT":["exp"],"#, CaseVariant),
    ];
    for (row, addition, expected) in rows {
        let header = good.replacen('{', addition, 1);
        let claims = Value::from(good_claims()).to_string();
        let token = issuer().development.sign_text(&header, &claims).unwrap();
        refused_token(row, &token, Invalid(expected)).await;
    }
}

/// Tokens that are really signed with other algorithms and the trusted key, or its public half.
#[tokio::test]
async fn a3_other_algorithms_with_our_key() {
    let pem = std::fs::read_to_string(&issuer().key_path).unwrap();
    let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let public = rsa::RsaPrivateKey::from_pkcs8_pem(&pem).unwrap();
    let public = public.to_public_key().to_public_key_pem(LineEnding::LF);
    let confused = EncodingKey::from_secret(public.unwrap().as_bytes());
    let rows = [
        (
            "A3 HS256, public key as secret",
            "HS256",
            Algorithm::HS256,
            &confused,
        ),
        ("A3 PS256", "PS256", Algorithm::PS256, &private),
        ("A3 RS384", "RS384", Algorithm::RS384, &private),
        ("A3 RS512", "RS512", Algorithm::RS512, &private),
    ];
    for (number, name, algorithm, key) in rows {
        for (header_says, expected) in [(name, WrongAlgorithm), ("RS256", Signature)] {
            let mut header = good_header();
            header.insert("alg".to_owned(), json!(header_says));
            let header = encoded(&Value::from(header).to_string());
            let message = format!(
                "{header}.{}",
                encoded(&Value::from(good_claims()).to_string())
            );
            let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm);
            let token = format!("{message}.{}", signature.unwrap());
            refused_token(number, &token, Invalid(expected)).await;
        }
    }
}

/// Another key, and the key of another trusted tenant.
#[tokio::test]
async fn a3_other_keys() {
    let other = &other_issuer().development;
    let claims = Value::from(good_claims());
    let ours = Value::from(good_header());
    let theirs = json!({"typ": "JWT", "alg": "RS256", "kid": other.kid()});
    let token = other.sign_claims(&ours, &claims).unwrap();
    refused_token("A3 our kid, their key", &token, Invalid(Signature)).await;
    let token = other.sign_claims(&theirs, &claims).unwrap();
    refused_token("A3 key of another tenant", &token, Invalid(UnknownKey)).await;

    let mut second = good_claims();
    second.insert("tid".to_owned(), json!(SECOND_TENANT));
    let spoilt = second.clone().into();
    let token = other.sign_claims(&theirs, &spoilt).unwrap();
    refused_token("second tenant, first issuer", &token, Invalid(WrongIssuer)).await;
    second.insert("iss".to_owned(), json!(second_tenant().issuer));
    let spoilt = second.clone().into();
    let token = other.sign_claims(&theirs, &spoilt).unwrap();
    refused_token("second tenant, first audience", &token, Invalid(Audience)).await;
    second.insert("aud".to_owned(), json!(SECOND_AUDIENCE));
    let good = second.into();
    let token = other.sign_claims(&theirs, &good).unwrap();
    let caller = authenticate(&token).await.unwrap();
    assert_eq!(caller.subject().tenant().to_string(), SECOND_TENANT);
}
