//! Calls with many files in them: each file has its own verdict (S0.3).

use axum::Json;
use axum::extract::State;
use drizzle_directory::{Noted, Registration, ReportError};
use drizzle_model::{FileKey, PeerId};

use crate::api::{self, path};
use crate::asker::{Asker, Member};
use crate::body::Body;
use crate::limits::{REASON_BYTES_MAX, SMALL_BODY_BYTES};
use crate::problem::{Answer, PROBLEM_TYPE, Problem, ProblemDto, ProblemKind};
use crate::problem_sets::OfMembers;
use crate::tracker::App;

/// Registers files that the calling peer serves; what is registered already is replaced. A verdict for each, in order.
#[utoipa::path(
    post,
    path = path::REGISTER,
    request_body = api::RegisterDto,
    responses((status = 200, body = api::VerdictsDto), OfMembers),
    security(("bearer" = [])),
)]
pub(crate) async fn register(
    State(tracker): App,
    Member { peer, .. }: Member,
    asker: Asker,
    Body(request): Body<api::RegisterDto>,
) -> Answer<api::VerdictsDto> {
    let address = asker.serving(request.port)?;
    let parsed = request.files.into_iter().map(Registration::try_from);
    let (mut verdicts, files) = sort_out(parsed);
    let done = tracker.catalogue.register(peer, address, files).await?;
    fill_in(&mut verdicts, done);
    log_verdicts("register", &peer, &verdicts);
    Ok(Json(answer(verdicts)))
}

/// Notes chunks that came since their files were registered. A verdict for each file, in order.
#[utoipa::path(
    post,
    path = path::HAVES,
    request_body = api::HavesDto,
    responses((status = 200, body = api::VerdictsDto), OfMembers),
    security(("bearer" = [])),
)]
pub(crate) async fn haves(
    State(tracker): App,
    Member { peer, .. }: Member,
    Body(request): Body<api::HavesDto>,
) -> Answer<api::VerdictsDto> {
    let parsed = request.files.into_iter().map(api::FileHavesDto::into_parts);
    let (mut verdicts, files) = sort_out(parsed);
    fill_in(&mut verdicts, tracker.catalogue.add_chunks(&peer, files).await?);
    log_verdicts("haves", &peer, &verdicts);
    Ok(Json(answer(verdicts)))
}

/// Takes files back. A verdict for each, in order.
#[utoipa::path(
    post,
    path = path::UNREGISTER,
    request_body = api::UnregisterDto,
    responses((status = 200, body = api::VerdictsDto), OfMembers),
    security(("bearer" = [])),
)]
pub(crate) async fn unregister(
    State(tracker): App,
    Member { peer, .. }: Member,
    Body(request): Body<api::UnregisterDto>,
) -> Answer<api::VerdictsDto> {
    let (mut verdicts, keys) = sort_out(request.files.into_iter().map(FileKey::try_from));
    fill_in(&mut verdicts, tracker.catalogue.unregister(&peer, keys).await?);
    log_verdicts("unregister", &peer, &verdicts);
    Ok(Json(answer(verdicts)))
}

/// Notes that a peer gave wrong bytes for a file: it is named last from then on.
#[utoipa::path(
    post,
    path = path::REPORTS,
    request_body = api::ReportDto,
    responses(
        (status = 200, body = api::DoneDto),
        (status = 404, description = "The reported peer has not registered this file", body = ProblemDto, content_type = PROBLEM_TYPE),
        OfMembers,
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn report(
    State(tracker): App,
    Member { peer, .. }: Member,
    Body(request): Body<api::ReportDto, SMALL_BODY_BYTES>,
) -> Answer<api::DoneDto> {
    let key = FileKey::try_from(request.key).map_err(Problem::malformed)?;
    let source: PeerId = request.source.parse().map_err(Problem::malformed)?;
    if request.reason.len() > REASON_BYTES_MAX {
        let (max, received) = (REASON_BYTES_MAX, request.reason.len());
        return Err(Problem::malformed(format!("reason: expected at most {max} bytes, received {received}")));
    }
    let noted = tracker.catalogue.report(&peer, &key, &source).map_err(|error| match error {
        ReportError::Unknown(unknown) => Problem::lapsed(unknown),
        ReportError::NotRegistered(_) => Problem::new(ProblemKind::NotFound, error),
        _ => Problem::busy(error),
    })?;
    // What is known already stays out of the log: whoever says it a thousand times would fill it.
    if noted == Noted::First {
        let (name, reason) = (&key.name, &request.reason);
        tracing::warn!(?peer, ?source, ?name, ?reason, "a source was reported as bad");
    }
    Ok(Json(api::DoneDto {}))
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
