//! The calls of the API: from a request to the directory and back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use drizzle_directory::limits::PAGE_FILES_MAX;
use drizzle_directory::{Directory, Filter, Noted, Registration, ReportError, Target, UnknownPeer};
use drizzle_model::{FileKey, PeerId, RelPath};
use drizzle_net::JoinProof;
use serde::de::DeserializeOwned;

use crate::api::{self, path};
use crate::asker::{Asker, Caller, Member, Reader};
use crate::body::Body;
use crate::catalogue::{ChangeFailure, RegisterFailure};
use crate::encoding;
use crate::limits::{JOIN_BYTES_MAX, REASON_BYTES_MAX, RENEW_INTERVAL, REQUEST_TIMEOUT};
use crate::problem::{Problem, ProblemKind};
use crate::tracker::Tracker;

type App = State<Arc<Tracker>>;
type Answer<T> = Result<Json<T>, Problem>;

pub(crate) fn router(tracker: Arc<Tracker>) -> Router {
    Router::new()
        .route(path::JOIN, post(join))
        .route(path::REGISTER, post(register))
        .route(path::HAVES, post(haves))
        .route(path::UNREGISTER, post(unregister))
        .route(path::RENEW, post(renew))
        .route(path::LEAVE, post(leave))
        .route(path::FILES, get(files))
        .route(path::SEARCH, get(search))
        .route(path::LOCATE, get(locate))
        .route(path::REPORTS, post(report))
        .route(path::HEALTH, get(health))
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_call)
        .layer(middleware::from_fn(in_time))
        .with_state(tracker)
}

/// Answers in time, whatever happens, and says so in the log. The query stays out of it: it holds names.
async fn in_time(request: Request, next: Next) -> Response {
    let (method, path, asked) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let late =
        |_| Problem::new(ProblemKind::TooSlow, format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()));
    let response =
        tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await.map_err(late).into_response();
    tracing::debug!(%method, path, status = response.status().as_u16(), took = ?asked.elapsed(), "call");
    response
}

async fn no_such_call(request: Request) -> Problem {
    let path = request.uri().path();
    Problem::new(ProblemKind::NoSuchCall, format!("there is no call {} {path}", request.method()))
}

async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok"}))
}

async fn join(
    State(tracker): App,
    Caller(peer): Caller,
    asker: Asker,
    Body(request): Body<api::JoinDto, JOIN_BYTES_MAX>,
) -> Answer<api::JoinedDto> {
    let proof = request.proof.as_deref().map(join_proof).transpose()?;
    if !tracker.network.admits(&peer, proof.as_ref()) {
        tracing::info!(?peer, "a peer without the join secret was refused");
        let why = match proof {
            None => "the network is closed: an invite with its secret is needed",
            Some(_) => "the join secret is not that of this network",
        };
        return Err(Problem::new(ProblemKind::Refused, why));
    }
    let number = tracker.catalogue.join(peer).map_err(busy)?.number();
    asker.admit();
    tracing::info!(number, ?peer, "peer joined");
    Ok(Json(api::JoinedDto {
        ticket: tracker.issue(peer),
        network: tracker.network.id().to_string(),
        number,
        lease_s: Directory::LEASE.as_secs(),
        renew_s: RENEW_INTERVAL.as_secs(),
        classic: tracker.is_classic.load(Ordering::Relaxed),
    }))
}

fn join_proof(text: &str) -> Result<JoinProof, Problem> {
    let bytes = encoding::decode(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(JoinProof::from_bytes).ok_or_else(|| Problem::malformed("proof: expected 32 bytes in base64"))
}

async fn register(
    State(tracker): App,
    Member { peer, .. }: Member,
    asker: Asker,
    Body(request): Body<api::RegisterDto>,
) -> Answer<api::VerdictsDto> {
    let address = asker.serving(request.port)?;
    let parsed = request.files.into_iter().map(Registration::try_from);
    let (mut verdicts, files) = sort_out(parsed);
    let done = tracker.catalogue.register(peer, address, files).await.map_err(|error| match error {
        RegisterFailure::Full(full) => busy(full),
        RegisterFailure::NotServing(not_serving) => Problem::new(ProblemKind::Lapsed, not_serving),
        RegisterFailure::Unwritten(unwritten) => busy(unwritten),
    })?;
    fill_in(&mut verdicts, done);
    log_verdicts("register", &peer, &verdicts);
    Ok(Json(answer(verdicts)))
}

async fn haves(
    State(tracker): App,
    Member { peer, .. }: Member,
    Body(request): Body<api::HavesDto>,
) -> Answer<api::VerdictsDto> {
    let parsed = request.files.into_iter().map(api::FileHavesDto::into_parts);
    let (mut verdicts, files) = sort_out(parsed);
    fill_in(&mut verdicts, tracker.catalogue.add_chunks(&peer, files).await.map_err(unchanged)?);
    log_verdicts("haves", &peer, &verdicts);
    Ok(Json(answer(verdicts)))
}

async fn unregister(
    State(tracker): App,
    Member { peer, .. }: Member,
    Body(request): Body<api::UnregisterDto>,
) -> Answer<api::VerdictsDto> {
    let (mut verdicts, keys) = sort_out(request.files.into_iter().map(FileKey::try_from));
    fill_in(&mut verdicts, tracker.catalogue.unregister(&peer, keys).await.map_err(unchanged)?);
    log_verdicts("unregister", &peer, &verdicts);
    Ok(Json(answer(verdicts)))
}

async fn renew(
    State(tracker): App,
    Member { peer, ticket }: Member,
    asker: Asker,
    Body(request): Body<api::RenewDto>,
) -> Answer<api::RenewedDto> {
    let address = request.port.map(|port| asker.serving(port)).transpose()?;
    let (number, version) = tracker.catalogue.renew(&peer, address).map_err(lapsed)?;
    Ok(Json(api::RenewedDto {
        number: number.number(),
        version: version.number(),
        renew_s: RENEW_INTERVAL.as_secs(),
        ticket: tracker.is_due(&ticket).then(|| tracker.issue(peer)),
    }))
}

async fn leave(State(tracker): App, Member { peer, .. }: Member) -> Answer<serde_json::Value> {
    let number = tracker.catalogue.leave(&peer).await.map_err(unchanged)?.number();
    tracing::info!(number, ?peer, "peer left");
    Ok(Json(serde_json::json!({})))
}

async fn files(State(tracker): App, _: Reader, Asked(query): Asked<api::ListQuery>) -> Answer<api::FilesDto> {
    page(&tracker, &Filter::all(), query.after.as_deref(), query.limit)
}

async fn search(
    State(tracker): App,
    _: Reader,
    Asked(query): Asked<api::SearchQuery>,
) -> Answer<api::FilesDto> {
    let filter = if query.fold { Filter::containing_folded(&query.q) } else { Filter::containing(&query.q) };
    page(&tracker, &filter, query.after.as_deref(), query.limit)
}

fn page(
    tracker: &Tracker,
    filter: &Filter,
    after: Option<&str>,
    limit: Option<usize>,
) -> Answer<api::FilesDto> {
    let after = after.map(api::Cursor::from_text).transpose().map_err(Problem::malformed)?;
    let after = after.as_ref().map(|cursor| &cursor.0);
    Ok(Json((&tracker.catalogue.list(filter, after, limit.unwrap_or(PAGE_FILES_MAX))).into()))
}

async fn locate(
    State(tracker): App,
    Reader(asker): Reader,
    Asked(query): Asked<api::LocateQuery>,
) -> Answer<api::LocatedFilesDto> {
    let target = match (query.name, query.hash) {
        (Some(name), None) => Target::Name(RelPath::new(&name).map_err(Problem::malformed)?),
        (None, Some(hash)) => Target::Hash(hash.parse().map_err(Problem::malformed)?),
        _ => return Err(Problem::malformed("expected either name or hash")),
    };
    let located = tracker.catalogue.locate(&target, seed()?);
    if located.is_empty() {
        return Err(Problem::new(ProblemKind::NotFound, "nobody has registered that"));
    }
    let files = located.iter().map(|file| api::LocatedDto::new(file, |address| asker.place(address)));
    Ok(Json(api::LocatedFilesDto { files: files.collect() }))
}

fn seed() -> Result<u64, Problem> {
    let mut bytes = [0; 8];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_| Problem::new(ProblemKind::Other, "the system gave no random numbers"))?;
    Ok(u64::from_le_bytes(bytes))
}

async fn report(
    State(tracker): App,
    Member { peer, .. }: Member,
    Body(request): Body<api::ReportDto, { 64 << 10 }>,
) -> Answer<serde_json::Value> {
    let key = FileKey::try_from(request.key).map_err(Problem::malformed)?;
    let source: PeerId = request.source.parse().map_err(Problem::malformed)?;
    if request.reason.len() > REASON_BYTES_MAX {
        let (max, received) = (REASON_BYTES_MAX, request.reason.len());
        return Err(Problem::malformed(format!("reason: expected at most {max} bytes, received {received}")));
    }
    let noted = tracker.catalogue.report(&peer, &key, &source).map_err(|error| match error {
        ReportError::Unknown(unknown) => lapsed(unknown),
        ReportError::NotRegistered(_) => Problem::new(ProblemKind::NotFound, error),
        _ => busy(error),
    })?;
    // What is known already stays out of the log: whoever says it a thousand times would fill it.
    if noted == Noted::First {
        let (name, reason) = (&key.name, &request.reason);
        tracing::warn!(?peer, ?source, ?name, ?reason, "a source was reported as bad");
    }
    Ok(Json(serde_json::json!({})))
}

fn lapsed(unknown: UnknownPeer) -> Problem {
    Problem::new(ProblemKind::Lapsed, unknown)
}

fn unchanged(failure: ChangeFailure) -> Problem {
    match failure {
        ChangeFailure::Unknown(unknown) => lapsed(unknown),
        ChangeFailure::Unwritten(unwritten) => busy(unwritten),
    }
}

fn busy(why: impl ToString) -> Problem {
    Problem::new(ProblemKind::Busy, why)
}

/// A verdict for each thing of a batch; none where it is still to come.
type Verdicts = Vec<Option<api::VerdictDto>>;

/// Parts what can be worked on from what has its verdict already, since it makes no sense.
fn sort_out<T, E: ToString>(parsed: impl Iterator<Item = Result<T, E>>) -> (Verdicts, Vec<T>) {
    let (mut verdicts, mut good) = (Vec::new(), Vec::new());
    for one in parsed {
        verdicts.push(match one {
            Ok(one) => {
                good.push(one);
                None
            }
            Err(error) => Some(Err(error).into()),
        });
    }
    (verdicts, good)
}

/// Puts the verdicts in where they are missing, in order.
fn fill_in<E: ToString>(verdicts: &mut Verdicts, done: Vec<Result<(), E>>) {
    let missing = verdicts.iter_mut().filter(|verdict| verdict.is_none());
    missing.zip(done).for_each(|(verdict, done)| *verdict = Some(done.into()));
}

fn answer(verdicts: Verdicts) -> api::VerdictsDto {
    api::VerdictsDto { verdicts: verdicts.into_iter().flatten().collect() }
}

fn log_verdicts(call: &str, peer: &PeerId, verdicts: &Verdicts) {
    let refused = verdicts.iter().flatten().filter(|verdict| !verdict.ok).count();
    tracing::debug!(call, ?peer, files = verdicts.len(), refused, "batch");
}

/// The query of a request.
struct Asked<T>(T);

impl<T: DeserializeOwned, S: Sync + Send> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(asked)| Self(asked))
            .map_err(|error: QueryRejection| Problem::malformed(error.body_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::limits::LARGE_BODIES_BYTES;
    use crate::network::{Admission, Network};
    use axum::body::{Body as HttpBody, Bytes};
    use axum::http::StatusCode;
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
