//! What handlers take: the authenticated caller and a checked JSON body. A handler's signature
//! says whom it answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::HttpState;
use super::layers::Place;
use super::problem::Problem;
use crate::audit::HexHash;
use crate::identity::{Caller, IdentityError};
use crate::release::RequestFacts;

/// Longest `Ambit-Run-Id` and longest recorded trace id, in bytes.
const MAX_ID_BYTES: usize = 128;

/// The caller of a request, authenticated, with what the request says about itself.
pub(super) struct Authenticated {
    pub(super) caller: Arc<Caller>,
    pub(super) facts: RequestFacts,
}

impl FromRequestParts<HttpState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let values = parts.headers.get_all(AUTHORIZATION);
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        let app = &state.app;
        let identity = app.identity.as_ref();
        let identity = identity.ok_or(IdentityError::KeysUnavailable)?;
        let caller = identity.authenticate(&values, app.clock.now()).await?;
        // What follows the scheme: the token itself, so that its hash can be found elsewhere.
        let token = |value: &&[u8]| value.rsplit(|byte| *byte == b' ').next().map(HexHash::of);
        let token_hash = values.first().and_then(token);
        Ok(Self {
            caller: Arc::new(caller),
            facts: RequestFacts {
                run: plain_header(&parts.headers, "ambit-run-id")?,
                trace: plain_header(&parts.headers, "traceparent")?,
                token_hash,
                place: parts.extensions.get::<Place>().map(|place| place.0.clone()),
            },
        })
    }
}

/// A header that names something: visible ASCII, not too long, at most once.
fn plain_header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let plain = value
        .to_str()
        .ok()
        .filter(|text| !text.is_empty() && text.len() <= MAX_ID_BYTES)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    match (plain, values.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        _ => Err(Problem::field(
            name,
            format!("send it once, with 1 to {MAX_ID_BYTES} visible ASCII characters"),
        )),
    }
}

/// A JSON body whose errors name the field.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<HttpState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &HttpState) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE);
        let essence = kind
            .and_then(|kind| kind.to_str().ok())
            .and_then(|kind| kind.split(';').next());
        if !essence.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
            return Err(Problem::of(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Problem::of(StatusCode::PAYLOAD_TOO_LARGE),
                    _ => Problem::field("body", "could not be read"),
                })?;
        parse(&bytes).map(Self)
    }
}

/// Reads JSON, naming the field that is wrong.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would read a list as the fields of an object in order.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| *byte == b'[') {
        return Err(Problem::field("body", "must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let detail = without_position(error.inner());
        Problem::field(field_of(&error.path().to_string(), &detail), detail)
    })?;
    reader
        .end()
        .map_err(|_| Problem::field("body", "holds more than one JSON value"))?;
    Ok(value)
}

/// The field that an error is about: a missing or repeated one is named by the reason alone.
fn field_of(path: &str, reason: &str) -> String {
    let path = match path {
        "." | "?" => "",
        _ => path,
    };
    let by_name = ["missing field `", "duplicate field `", "unknown field `"];
    let rest = by_name.iter().find_map(|start| reason.strip_prefix(start));
    let name = rest.and_then(|rest| rest.split_once('`'));
    match (path, name) {
        ("", None) => "body".to_owned(),
        ("", Some((name, _))) => name.to_owned(),
        (_, Some((name, _))) if path != name && !path.ends_with(&format!(".{name}")) => {
            format!("{path}.{name}")
        }
        _ => path.to_owned(),
    }
}

/// The reason without the line and column that serde appends, which say nothing in a request.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let cut = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..cut).unwrap_or(&text).to_owned()
}
