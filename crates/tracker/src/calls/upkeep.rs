//! Calls for whoever looks after the tracker.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::api::{self, path};
use crate::asker::Reader;
use crate::metrics::METRICS_TYPE;
use crate::problem_sets::{OfAnyone, OfReaders};
use crate::tracker::App;

/// Whether the tracker lives. Anyone may ask.
#[utoipa::path(
    get,
    path = path::HEALTH,
    responses((status = 200, body = api::HealthDto), OfAnyone),
    security(()),
)]
pub(crate) async fn health() -> Json<api::HealthDto> {
    Json(api::HealthDto { status: "ok".into() })
}

/// How much there is and what was asked, in the text format of OpenMetrics, which Prometheus reads.
#[utoipa::path(
    get,
    path = path::METRICS,
    responses((status = 200, body = String, content_type = METRICS_TYPE), OfReaders),
    security(("bearer" = [])),
)]
pub(crate) async fn metrics(State(tracker): App, _: Reader) -> impl IntoResponse {
    let (stats, connections) = (tracker.catalogue.stats(), tracker.connections.count());
    let text = tracker.metrics.text(stats, connections, tracker.listeners.count());
    ([(header::CONTENT_TYPE, METRICS_TYPE)], text)
}
