//! Which path and method is which call, and what holds for all of them: an answer in time, counted, with an error that a program can read.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::api::path;
use crate::calls::{batches, classic, events, membership, questions, upkeep};
use crate::limits::REQUEST_TIMEOUT;
use crate::openapi;
use crate::problem::{Problem, ProblemKind};
use crate::tracker::{App, Tracker};

pub(crate) fn router(tracker: Arc<Tracker>) -> Router {
    Router::new()
        .route(path::JOIN, post(membership::join))
        .route(path::RENEW, post(membership::renew))
        .route(path::LEAVE, post(membership::leave))
        .route(path::REGISTER, post(batches::register))
        .route(path::HAVES, post(batches::haves))
        .route(path::UNREGISTER, post(batches::unregister))
        .route(path::REPORTS, post(batches::report))
        .route(path::FILES, get(questions::files))
        .route(path::SEARCH, get(questions::search))
        .route(path::LOCATE, get(questions::locate))
        .route(path::CLASSIC_FILES, get(classic::classic_files))
        .route(path::CLASSIC_LOCATE, get(classic::classic_locate))
        .route(path::CHANGES, get(questions::changes))
        .route(path::EVENTS, get(events::events))
        .route(path::OPENAPI, get(openapi::openapi))
        .route(path::METRICS, get(upkeep::metrics))
        .route(path::HEALTH, get(upkeep::health))
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&tracker), in_time))
        .with_state(tracker)
}

/// Answers in time, whatever happens, counts it, and says so in the log. The query stays out of it: it holds names.
async fn in_time(State(tracker): App, request: Request, next: Next) -> Response {
    let (method, path, asked) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let late =
        |_| Problem::new(ProblemKind::TooSlow, format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()));
    let response =
        tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await.map_err(late).into_response();
    let (status, took) = (response.status(), asked.elapsed());
    tracker.metrics.count(&path, status, took);
    tracing::debug!(%method, path, status = status.as_u16(), ?took, "call");
    response
}

async fn no_such_call(request: Request) -> Problem {
    let path = request.uri().path();
    Problem::new(ProblemKind::NoSuchCall, format!("there is no call {path}"))
}

async fn no_such_method(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(ProblemKind::MethodNotAllowed, format!("the call {path} is not made with {method}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asker::Asker;
    use crate::clock::SystemClock;
    use crate::limits::LARGE_BODIES_BYTES;
    use crate::network::{Admission, Network};
    use axum::body::{Body as HttpBody, Bytes};
    use axum::http::StatusCode;
    use drizzle_model::PeerId;
    use hyper::body::Frame;
    use tower::ServiceExt;

    /// A body that never ends keeps neither its request nor its room.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let tracker = Arc::new(Tracker::new(
            Network::ephemeral(Admission::Open).unwrap(),
            Arc::new(SystemClock::start()),
        ));
        let peer = PeerId::from_bytes([1; 32]);
        let here = "127.0.0.1:1".parse().unwrap();
        let mut request = Request::post(path::REGISTER)
            .header("authorization", format!("Bearer {}", tracker.issue(peer)))
            .body(HttpBody::new(Never))
            .unwrap();
        request.extensions_mut().insert(Asker::new(Some(peer), here, here));
        let answer = router(Arc::clone(&tracker)).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(tracker.large_bodies.available_permits(), LARGE_BODIES_BYTES);
    }

    /// A body of which nothing comes.
    struct Never;

    impl hyper::body::Body for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }
}
