//! Errors of the API: problem details (RFC 9457) with a kind that a program can act on. Their type is `about:blank`: there is no page
//! to read about a kind but the description of the API.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use drizzle_directory::UnknownPeer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of problem details.
pub(crate) const PROBLEM_TYPE: &str = "application/problem+json";

/// The answer of a call.
pub(crate) type Answer<T> = Result<Json<T>, Problem>;

/// What went wrong, for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProblemKind)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProblemKind {
    /// The request is not one of this API.
    Malformed,
    /// There is no such call.
    NoSuchCall,
    /// The call is made with another method.
    MethodNotAllowed,
    /// No ticket, or one that is not valid, or not any more: join. Over plain HTTP no join secret, or not the right one.
    Ticket,
    /// The asker may not do this.
    Refused,
    /// The tracker does not know the peer: register again.
    Lapsed,
    /// Nobody registered that.
    NotFound,
    /// What changed since then is not known any more: list anew.
    TooOld,
    /// The body is too large.
    TooLarge,
    /// The body is something else than JSON.
    MediaType,
    /// It took too long.
    TooSlow,
    /// The tracker has no room now.
    Busy,
    /// One that a newer tracker knows.
    #[serde(other)]
    Other,
}

impl ProblemKind {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooOld => StatusCode::GONE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
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

    /// For whoever reads the description of the API.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Malformed => "The request is not one of this API",
            Self::NoSuchCall => "There is no such call",
            Self::MethodNotAllowed => "The call is made with another method",
            Self::Ticket => {
                "No ticket, or one that does not hold, or not any more: join; over plain HTTP not the join secret"
            }
            Self::Refused => "The asker may not do this, or not this way",
            Self::Lapsed => "The tracker does not know the peer, or no longer: register again",
            Self::NotFound => "Nobody has registered that",
            Self::TooOld => "What changed since then is not known any more: list anew",
            Self::TooLarge => "The body is too large",
            Self::MediaType => "The body is something else than JSON",
            Self::TooSlow => "The request did not come, or its answer, in time",
            Self::Busy => "The tracker has no room for this now",
            Self::Other => "The tracker's own fault",
        }
    }
}

/// Problem details (RFC 9457).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDto {
    /// Always `about:blank`.
    #[serde(rename = "type", default)]
    type_uri: String,
    /// The name of the status.
    #[serde(default)]
    title: String,
    /// The status.
    #[serde(default)]
    status: u16,
    /// What was wrong, in words.
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

    pub(crate) fn busy(detail: impl ToString) -> Self {
        Self::new(ProblemKind::Busy, detail)
    }

    pub(crate) fn lapsed(unknown: UnknownPeer) -> Self {
        Self::new(ProblemKind::Lapsed, unknown)
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
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
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
