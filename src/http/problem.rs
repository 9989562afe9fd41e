//! Errors as RFC 9457 problem documents: the one place where an error becomes a status.
//!
//! Upholds ABSENT = FORBIDDEN. Texts are fixed, except that a 400 names the field; what exactly
//! went wrong inside goes to the log.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::IdentityError;
use crate::release::ReleaseError;
use crate::search::SearchError;

/// A problem document (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Problem {
    /// Stable name of the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The fields of the request that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    #[serde(skip)]
    challenge: Option<&'static str>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// The field, as a path into the JSON.
    field: String,
    /// What is wrong with it.
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, name: &str, title: &'static str) -> Self {
        Self {
            kind: format!("urn:ambit:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: None,
            errors: Vec::new(),
            challenge: None,
            retry_after: None,
        }
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The problem as one line, for the command line.
    pub(crate) fn in_words(&self) -> String {
        match self.errors.first() {
            Some(first) => format!("{}: {}", first.field, first.detail),
            None => self.title.to_owned(),
        }
    }

    /// A problem with nothing to say beyond its status.
    pub(crate) fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                "method-not-allowed",
                "This route has no such method",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, "too-large", "The request body is too large")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                status,
                "unsupported-media-type",
                "The request body must be application/json",
            ),
            _ => Self::internal(),
        }
    }

    /// 400 about one field.
    pub(crate) fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let bad = StatusCode::BAD_REQUEST;
        let mut problem = Self::new(bad, "invalid-request", "The request is not valid");
        problem.errors.push(FieldProblem {
            field: field.into(),
            detail: detail.into(),
        });
        problem
    }

    /// 404 for a document: absent or forbidden, told apart by nothing.
    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is no such document, or it is not for you",
        )
    }

    /// 404 for a path that no route has.
    pub(crate) fn no_such_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-route",
            "There is no such route",
        )
    }

    /// 500 with fixed text.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong; the operator's log says what",
        )
    }

    /// 503 because too many requests are under way.
    pub(crate) fn overloaded() -> Self {
        Self {
            retry_after: Some(1),
            ..Self::unavailable("overloaded", "Too many requests are under way")
        }
    }

    /// 503 because the answer was not ready in time. A part of it is never given.
    pub(crate) fn deadline_exceeded() -> Self {
        Self {
            retry_after: Some(1),
            ..Self::unavailable("deadline-exceeded", "The answer was not ready in time")
        }
    }

    /// 503 because nothing can be recorded.
    pub(crate) fn audit_unavailable() -> Self {
        Self::unavailable(
            "audit-unavailable",
            "The audit log cannot be written, so nothing is answered",
        )
    }

    fn unavailable(name: &str, title: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, name, title)
    }

    fn unauthorized(name: &str, title: &'static str, challenge: &'static str) -> Self {
        Self {
            challenge: Some(challenge),
            ..Self::new(StatusCode::UNAUTHORIZED, name, title)
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            // RFC 6750 section 3.1: no error code where no token was sent.
            IdentityError::MissingToken => Self::unauthorized(
                "missing-token",
                "An access token is needed",
                "Bearer realm=\"ambit\"",
            ),
            IdentityError::InvalidToken(_) => Self::unauthorized(
                "invalid-token",
                "The access token is not accepted",
                "Bearer realm=\"ambit\", error=\"invalid_token\"",
            ),
            IdentityError::MalformedRequest => Self {
                challenge: Some("Bearer realm=\"ambit\", error=\"invalid_request\""),
                ..Self::field("Authorization", "send exactly one, with the scheme Bearer")
            },
            IdentityError::UnregisteredAgent => Self::new(
                StatusCode::FORBIDDEN,
                "unregistered-agent",
                "The client of this token is not a registered agent",
            ),
            IdentityError::GroupResolutionUnavailable(_) => Self::unavailable(
                "group-resolution-unavailable",
                "The caller's groups cannot be told in full at present",
            ),
            IdentityError::KeysUnavailable => Self::unavailable(
                "keys-unavailable",
                "Access tokens cannot be checked at present",
            ),
        }
    }
}

impl From<ReleaseError> for Problem {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::NotFound => Self::not_found(),
            ReleaseError::Search(SearchError::Query(reason)) => {
                Self::field("query", reason.to_string())
            }
            ReleaseError::Audit(error) => {
                tracing::error!(%error, "the audit log failed");
                Self::audit_unavailable()
            }
            ReleaseError::Overtaken => Self {
                retry_after: Some(1),
                ..Self::unavailable("overtaken", "Permissions changed while this was answered")
            },
            ReleaseError::Search(_)
            | ReleaseError::Store(_)
            | ReleaseError::Receipt(_)
            | ReleaseError::Write(_)
            | ReleaseError::CutOff => {
                tracing::error!(%error, "a request failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (challenge, retry_after) = (self.challenge, self.retry_after);
        let detailed = match self.errors.first() {
            Some(first) if self.detail.is_none() => {
                let detail = format!("{}: {}", first.field, first.detail);
                self.detail(detail)
            }
            _ => self,
        };
        let mut response = (status, Json(detailed)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
