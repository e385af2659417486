//! The description of the API (OpenAPI 3.1), made from the calls and values that answer.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::api::path;
use crate::calls::{batches, classic, events, membership, questions, upkeep};
use crate::problem::{ProblemDto, ProblemKind};
use crate::problem_sets::OfAnyone;

const ABOUT: &str = "\
Who is there, what there is, and who has which chunks of it. Over TLS a peer has proved its key, and shows the ticket that joining \
gave it. Over plain HTTP only questions are answered, on loopback alone, and the bearer token is the join secret of the invite; in an open \
network none is needed there.";

const BEARER: &str = "Over TLS the ticket that joining gave; over plain HTTP on loopback the join secret.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Drizzle tracker", version = "1", description = ABOUT, license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    paths(
        membership::join,
        membership::renew,
        membership::leave,
        batches::register,
        batches::haves,
        batches::unregister,
        batches::report,
        questions::files,
        questions::search,
        questions::locate,
        classic::classic_files,
        classic::classic_locate,
        questions::changes,
        events::events,
        upkeep::health,
        upkeep::metrics,
        openapi,
    ),
    components(schemas(ProblemDto, ProblemKind)),
    modifiers(&Bearer),
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(BEARER)).build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The description, as it is served.
pub(crate) static DESCRIPTION: LazyLock<String> = LazyLock::new(|| {
    let text = Api::openapi().to_pretty_json();
    // Plain values can always be written.
    text.unwrap_or_default() + "\n"
});

/// This description. Anyone may ask.
#[utoipa::path(
    get,
    path = path::OPENAPI,
    responses((status = 200, body = Object, content_type = "application/json"), OfAnyone),
    security(()),
)]
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION.as_str())
}
