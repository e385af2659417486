//! Errors of the API: problem details (RFC 9457) with a kind that a program can act on.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// What went wrong, for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProblemKind {
    /// The request is not one of this API.
    Malformed,
    /// There is no such call.
    NoSuchCall,
    /// No ticket, or one that is not valid, or not any more: join.
    Ticket,
    /// The asker may not do this.
    Refused,
    /// The tracker does not know the peer: register again.
    Lapsed,
    /// Nobody registered that.
    NotFound,
    /// The body is too large.
    TooLarge,
    /// It took too long.
    TooSlow,
    /// The tracker has no room now.
    Busy,
    /// One that a newer tracker knows.
    #[serde(other)]
    Other,
}

impl ProblemKind {
    fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::NoSuchCall | Self::NotFound => StatusCode::NOT_FOUND,
            Self::Ticket => StatusCode::UNAUTHORIZED,
            Self::Refused => StatusCode::FORBIDDEN,
            Self::Lapsed => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Other => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The body of an answer that is an error.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProblemDto {
    #[serde(rename = "type", default)]
    type_uri: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    pub(crate) detail: String,
    pub(crate) kind: ProblemKind,
}

/// An error to answer with.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: ProblemKind,
    detail: String,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl ToString) -> Self {
        Self { kind, detail: detail.to_string() }
    }

    pub(crate) fn malformed(detail: impl ToString) -> Self {
        Self::new(ProblemKind::Malformed, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let body = ProblemDto {
            type_uri: "about:blank".into(),
            title: status.canonical_reason().unwrap_or_default().into(),
            status: status.as_u16(),
            detail: self.detail,
            kind: self.kind,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.kind {
            ProblemKind::Ticket => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            ProblemKind::Busy => headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1")),
            _ => None,
        };
        response
    }
}
