//! Changes as they happen, as server-sent events.
//!
//! A listener has a place in the directory's log of changes, and no queue of its own: whoever reads slowly falls back in the log, and
//! gets `reset` in place of what it missed when the log does not go back so far. Whoever does not read at all is hung up on by the
//! time-out of writing, for which a comment now and then sees that there is something to write. Every stream ends after an hour,
//! and its listener comes again: what let it in may not hold any more.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use drizzle_directory::Version;
use hyper::body::Frame;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::api::{self, path};
use crate::asker::Reader;
use crate::connections::Place;
use crate::limits::{CHANGES_PER_FRAME_MAX, EVENTS_LOOK_INTERVAL, KEEPALIVE_INTERVAL, STREAM_LIFETIME};
use crate::problem::{PROBLEM_TYPE, Problem, ProblemDto};
use crate::problem_sets::OfReaders;
use crate::query::Asked;
use crate::tracker::{App, Tracker};

/// How soon a listener comes again, in the words of the protocol.
const HELLO: &str = "retry: 2000\n\n";

/// Something to write, so that a listener that is gone is found out.
const KEEPALIVE: &str = ":\n\n";

/// Changes as they happen: each event has the directory's version as its id, what happened as its name (`added`, `changed`, `removed`,
/// `came`, `went`), and a Change as its data. `reset` says that changes were missed: list anew. An empty comment comes now and then.
#[utoipa::path(
    get,
    path = path::EVENTS,
    params(
        api::EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received"),
    ),
    responses(
        (status = 200, description = "Events, until either side ends", body = String, content_type = "text/event-stream"),
        (status = 503, description = "There are too many listeners", body = ProblemDto, content_type = PROBLEM_TYPE),
        OfReaders,
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn events(
    State(tracker): App,
    Reader(asker): Reader,
    headers: HeaderMap,
    Asked(query): Asked<api::EventsQuery>,
) -> Result<Response, Problem> {
    let since = match headers.get("last-event-id") {
        // What is no version is none that is known.
        Some(last) => Some(last.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(0)),
        None => query.since,
    };
    let since = since.map_or_else(|| tracker.catalogue.version(), Version::from_number);
    let place = tracker.listeners.place(asker.remote).map_err(Problem::busy)?;
    let (frames, received) = mpsc::channel(1);
    tokio::spawn(tell(tracker, since, frames, place));
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((head, Body::new(Frames(received))).into_response())
}

/// Tells what changes, until the stream has lasted long enough or nobody listens.
async fn tell(tracker: Arc<Tracker>, since: Version, frames: Sender<Bytes>, _place: Place) {
    let end = Instant::now() + STREAM_LIFETIME;
    tokio::select! {
        () = tell_on(&tracker, since, &frames) => {}
        () = sleep_until(end) => {}
        () = frames.closed() => {}
    }
}

/// Returns when nobody listens.
async fn tell_on(tracker: &Tracker, mut since: Version, frames: &Sender<Bytes>) {
    let mut changed = tracker.catalogue.watch();
    let mut frame = HELLO.to_owned();
    loop {
        // What changes from here on wakes this up.
        changed.borrow_and_update();
        let looked = Instant::now();
        let is_all = match tracker.catalogue.changes(since, CHANGES_PER_FRAME_MAX) {
            Ok(changes) => {
                since = changes.version;
                changes.changes.iter().for_each(|recorded| write(&mut frame, &recorded.into()));
                changes.is_all
            }
            Err(too_old) => {
                since = too_old.newest;
                let version = since.number();
                frame += &format!("id: {version}\nevent: reset\ndata: {{\"version\":{version}}}\n\n");
                true
            }
        };
        if !frame.is_empty() && frames.send(std::mem::take(&mut frame).into()).await.is_err() {
            return;
        }
        if is_all {
            if let Ok(Err(_)) = timeout_at(looked + KEEPALIVE_INTERVAL, changed.changed()).await {
                return;
            }
            if Instant::now() >= looked + KEEPALIVE_INTERVAL {
                frame += KEEPALIVE;
            }
            // Many changes together cost each listener one look.
            sleep_until(looked + EVENTS_LOOK_INTERVAL).await;
        }
    }
}

fn write(frame: &mut String, change: &api::ChangeDto) {
    // A change is a plain value, which can always be written.
    let data = serde_json::to_string(change).unwrap_or_default();
    *frame += &format!("id: {}\nevent: {}\ndata: {data}\n\n", change.version, change.what.name());
}

/// A body that comes in frames.
struct Frames(Receiver<Bytes>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}
