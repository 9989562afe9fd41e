//! Validation: from the Authorization header to the claims of a token that may be believed.
//!
//! Upholds FAIL-CLOSED: every step names what it accepts, and all else is refused (leaks A1, A2,
//! A3). The library `jsonwebtoken` verifies the signature and nothing more: its own checks pass
//! over `crit`, accept an array that contains our audience, round fractions, and read the
//! machine's clock. What is read before the signature is verified is called `unverified_` and
//! decides only which key to try.

use ambit_indexer::clock::Timestamp;
use ambit_indexer::principal::TenantId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use super::IdentityError;
use super::claims::{Claims, StrictObject};
use super::keys::{Trust, TrustedTenant};

/// Longest Authorization header that is looked at. A token with 200 groups needs about 12 kB; more
/// than this is no token of Entra's and only work for the parser.
pub const MAX_AUTHORIZATION_BYTES: usize = 32 * 1024;

/// Longest `kid`. It becomes the key of a lookup, later of a cache; Entra's have 27 bytes.
const MAX_KID_BYTES: usize = 128;

/// How far the clocks of issuer and service may differ. Every second of it is one more in which a
/// token that has expired still opens doors.
const LEEWAY_SECONDS: i64 = 60;

/// Header parameters that change what the signature covers or bring a key along. None is in an
/// access token for this service. `nonce` marks tokens for Microsoft Graph, which are signed over
/// something other than what they show.
const FORBIDDEN_PARAMETERS: [&str; 7] = ["crit", "b64", "jku", "x5u", "jwk", "x5c", "nonce"];

/// Header parameters that must not appear in another case.
const WATCHED_PARAMETERS: [&str; 10] = [
    "alg", "typ", "kid", "crit", "b64", "jku", "x5u", "jwk", "x5c", "nonce",
];

/// Why a token is not accepted. For logs and tests: a response says `invalid_token` and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidToken {
    /// The header is longer than [`MAX_AUTHORIZATION_BYTES`].
    #[error("it is longer than {MAX_AUTHORIZATION_BYTES} bytes")]
    TooLong,
    /// Not three segments between dots.
    #[error("it does not have three segments")]
    Segments,
    /// A segment is not base64url without padding.
    #[error("a segment is not base64url")]
    Encoding,
    /// Header or payload are not a JSON object, or a name in them is repeated.
    #[error("header or payload is not a json object with unique names")]
    NotStrictJson,
    /// A name that decides something is spelt in another case.
    #[error("a claim or header parameter is spelt in another case")]
    CaseVariant,
    /// The algorithm is not RS256.
    #[error("the algorithm is not rs256")]
    Algorithm,
    /// The type is neither `JWT` nor `at+jwt`.
    #[error("the type is neither jwt nor at+jwt")]
    Type,
    /// A header parameter is present that must not be.
    #[error("the header has the parameter `{0}`")]
    ForbiddenParameter(&'static str),
    /// The key id is empty or too long.
    #[error("the key id is empty or longer than {MAX_KID_BYTES} bytes")]
    KeyId,
    /// The tenant is not trusted.
    #[error("the tenant is not trusted")]
    UntrustedTenant,
    /// The tenant has no such key.
    #[error("the tenant has no key with this id")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the signature is wrong")]
    Signature,
    /// A claim or header parameter is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A claim or header parameter has the wrong type or form.
    #[error("`{0}` has the wrong type or form")]
    WrongType(&'static str),
    /// The version is not 2.0.
    #[error("the token version is not 2.0; set requestedAccessTokenVersion to 2")]
    Version,
    /// The issuer is not the tenant's.
    #[error("the issuer is not the one of the tenant")]
    Issuer,
    /// The token is for another service.
    #[error("the audience is not this service")]
    Audience,
    /// The lifetime is over.
    #[error("it has expired")]
    Expired,
    /// The lifetime has not begun.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It says to have been issued in the future.
    #[error("it was issued in the future")]
    IssuedInFuture,
    /// Neither a delegated scope nor an app-only token: an ID token, for one.
    #[error("it is not an access token: no scope and not app-only")]
    NotAnAccessToken,
    /// It cannot be told whether the subject is a user or an application.
    #[error("it contradicts itself on whether its subject is a user or an application")]
    SubjectKind,
}

/// Validates the token of a request whose Authorization header values are all given.
pub(super) async fn validate(
    trust: &Trust,
    authorization: &[&[u8]],
    now: Timestamp,
) -> Result<Claims, IdentityError> {
    let token = Unverified::read(bearer(authorization)?)?;
    let trusted = trust
        .tenant(token.unverified_tenant)
        .ok_or(InvalidToken::UntrustedTenant)?;
    // The key is looked up within the tenant: another trusted tenant's key does not count.
    let key = trusted.keys.find(&token.unverified_kid).await?;
    let key = key.ok_or(InvalidToken::UnknownKey)?;
    if !key.verifies(token.message, token.signature) {
        return Err(InvalidToken::Signature.into());
    }
    let claims = Claims::read(&token.unverified_payload)?;
    check_origin(&claims, trusted)?;
    check_lifetime(&claims, now)?;
    Ok(claims)
}

/// The token in the one Authorization header.
fn bearer<'a>(authorization: &[&'a [u8]]) -> Result<&'a str, IdentityError> {
    let value = match authorization {
        [] => return Err(IdentityError::MissingToken),
        [value] => *value,
        // Which of two counts would depend on who reads them.
        _ => return Err(IdentityError::MalformedRequest),
    };
    if value.len() > MAX_AUTHORIZATION_BYTES {
        return Err(InvalidToken::TooLong.into());
    }
    let text = str::from_utf8(value).map_err(|_| IdentityError::MalformedRequest)?;
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        // RFC 6750, 3.1: another scheme is a request without a token.
        return Err(IdentityError::MissingToken);
    }
    let token = rest.trim_start_matches(' ');
    // The alphabet of RFC 6750, 2.1. Without it a proxy that folds two headers into one, with a
    // comma, would bring two tokens.
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_allowed) {
        return Err(IdentityError::MalformedRequest);
    }
    Ok(token)
}

/// A token that is read but not believed.
struct Unverified<'a> {
    /// What the signature is over.
    message: &'a str,
    signature: &'a str,
    unverified_kid: String,
    unverified_tenant: TenantId,
    unverified_payload: StrictObject,
}

impl<'a> Unverified<'a> {
    fn read(token: &'a str) -> Result<Self, InvalidToken> {
        let (message, signature) = token.rsplit_once('.').ok_or(InvalidToken::Segments)?;
        let (header, payload) = message.split_once('.').ok_or(InvalidToken::Segments)?;
        if payload.contains('.') {
            return Err(InvalidToken::Segments);
        }
        let header = StrictObject::parse(&decoded(header)?, &WATCHED_PARAMETERS)?;
        let unverified_kid = checked_kid(&header)?.to_owned();
        let unverified_payload = StrictObject::payload(&decoded(payload)?)?;
        let unverified_tenant = TenantId::new(unverified_payload.required_guid("tid")?);
        Ok(Self {
            message,
            signature,
            unverified_kid,
            unverified_tenant,
            unverified_payload,
        })
    }
}

/// Decodes a segment; padding and stray bits at the end are refused, so that a token has one
/// spelling only.
fn decoded(segment: &str) -> Result<Vec<u8>, InvalidToken> {
    let decoded = URL_SAFE_NO_PAD.decode(segment);
    decoded.map_err(|_| InvalidToken::Encoding)
}

/// Checks the header of a token and returns its key id.
fn checked_kid(header: &StrictObject) -> Result<&str, InvalidToken> {
    if header.required_text("alg")? != "RS256" {
        return Err(InvalidToken::Algorithm);
    }
    if !matches!(header.required_text("typ")?, "JWT" | "at+jwt") {
        return Err(InvalidToken::Type);
    }
    let is_present = |name: &&&str| header.get(name).is_some();
    if let Some(name) = FORBIDDEN_PARAMETERS.iter().find(is_present) {
        return Err(InvalidToken::ForbiddenParameter(name));
    }
    let kid = header.required_text("kid")?;
    if kid.is_empty() || kid.len() > MAX_KID_BYTES {
        return Err(InvalidToken::KeyId);
    }
    Ok(kid)
}

/// Ties the token to the tenant whose key verified it, and to this service.
fn check_origin(claims: &Claims, trusted: &TrustedTenant) -> Result<(), InvalidToken> {
    // The same claim chose the key. Compared again, so that no later change of that choice can
    // let one tenant speak for another.
    if claims.tenant != trusted.tenant {
        return Err(InvalidToken::UntrustedTenant);
    }
    if claims.issuer != trusted.issuer {
        return Err(InvalidToken::Issuer);
    }
    if claims.audience != trusted.audience {
        return Err(InvalidToken::Audience);
    }
    Ok(())
}

/// Checks the lifetime against the request's one reading of the clock.
fn check_lifetime(claims: &Claims, now: Timestamp) -> Result<(), InvalidToken> {
    let earliest = now.as_second().saturating_sub(LEEWAY_SECONDS);
    let latest = now.as_second().saturating_add(LEEWAY_SECONDS);
    if claims.expires <= earliest {
        return Err(InvalidToken::Expired);
    }
    if claims.not_before > latest {
        return Err(InvalidToken::NotYetValid);
    }
    if claims.issued > latest {
        return Err(InvalidToken::IssuedInFuture);
    }
    Ok(())
}
