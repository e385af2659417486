//! Which errors each sort of call can have, for the description of the API.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use crate::problem::{PROBLEM_TYPE, ProblemKind};

/// Of calls that anyone may make.
pub(crate) struct OfAnyone;

/// Of questions.
pub(crate) struct OfReaders;

/// Of joining.
pub(crate) struct OfCallers;

/// Of calls that change something, or say something about others.
pub(crate) struct OfMembers;

impl IntoResponses for OfAnyone {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        described(&[ProblemKind::MethodNotAllowed, ProblemKind::TooSlow])
    }
}

impl IntoResponses for OfReaders {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        use ProblemKind::{Malformed, MethodNotAllowed, Other, Refused, Ticket, TooSlow};
        described(&[Malformed, Ticket, Refused, MethodNotAllowed, TooSlow, Other])
    }
}

impl IntoResponses for OfCallers {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        use ProblemKind::{Busy, Malformed, MediaType, MethodNotAllowed, Other, Refused, TooLarge, TooSlow};
        described(&[Malformed, Refused, MethodNotAllowed, TooSlow, TooLarge, MediaType, Other, Busy])
    }
}

impl IntoResponses for OfMembers {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = OfCallers::responses();
        all.extend(described(&[ProblemKind::Ticket, ProblemKind::Lapsed]));
        all
    }
}

fn described(kinds: &[ProblemKind]) -> BTreeMap<String, RefOr<Response>> {
    kinds.iter().map(|&kind| (kind.status().as_u16().to_string(), response(kind).into())).collect()
}

fn response(kind: ProblemKind) -> Response {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(kind.meaning()).content(PROBLEM_TYPE, problem);
    let header = |text: &str| HeaderBuilder::new().description(Some(text)).build();
    match kind {
        ProblemKind::Ticket => response.header("WWW-Authenticate", header("Bearer")),
        ProblemKind::MethodNotAllowed => response.header("Allow", header("The methods that there are")),
        ProblemKind::Busy => response.header("Retry-After", header("Seconds")),
        _ => response,
    }
    .build()
}
