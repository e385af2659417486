//! The JSON body of a request, read within the limits.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use crate::limits::{BODY_BYTES_MAX, SMALL_BODY_BYTES};
use crate::problem::{Problem, ProblemKind};
use crate::tracker::Tracker;

/// A body of at most `MAX` bytes.
pub(crate) struct Body<T, const MAX: usize = BODY_BYTES_MAX>(pub(crate) T);

impl<T: DeserializeOwned, const MAX: usize> FromRequest<Arc<Tracker>> for Body<T, MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, tracker: &Arc<Tracker>) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::new(ProblemKind::MediaType, "expected a body of the type application/json"));
        }
        let bytes_max = declared(&request).unwrap_or(MAX);
        let too_large =
            || Problem::new(ProblemKind::TooLarge, format!("expected a body of at most {MAX} bytes"));
        if bytes_max > MAX {
            return Err(too_large());
        }
        let _room = if bytes_max > SMALL_BODY_BYTES {
            let room = tracker.large_bodies.try_acquire_many(bytes_max as u32);
            Some(room.map_err(|_| Problem::new(ProblemKind::Busy, "too many large requests at once"))?)
        } else {
            None
        };
        let bytes = to_bytes(request.into_body(), bytes_max).await.map_err(|_| too_large())?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Problem::malformed(format!("the body: {error}")))
    }
}

fn declared(request: &Request) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether the body is said to be JSON, or nothing is said about it.
fn is_json(request: &Request) -> bool {
    request.headers().get(header::CONTENT_TYPE).is_none_or(|media_type| {
        let essence = media_type.to_str().ok().and_then(|text| text.split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    })
}
