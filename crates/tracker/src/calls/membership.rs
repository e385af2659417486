//! Calls by which a peer comes, stays and goes.

use axum::Json;
use axum::extract::State;
use drizzle_directory::Directory;
use drizzle_net::JoinProof;

use crate::api::{self, path};
use crate::asker::{Asker, Caller, Member};
use crate::body::Body;
use crate::encoding;
use crate::limits::{JOIN_BYTES_MAX, RENEW_INTERVAL};
use crate::problem::{Answer, Problem, ProblemKind};
use crate::problem_sets::{OfCallers, OfMembers};
use crate::tracker::App;

/// Lets a peer in, which has proved its key by TLS: with the proof of the join secret, or without it if the network is open.
#[utoipa::path(
    post,
    path = path::JOIN,
    request_body = api::JoinDto,
    responses((status = 200, body = api::JoinedDto), OfCallers),
    security(()),
)]
pub(crate) async fn join(
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
    let number = tracker.catalogue.join(peer, request.fresh).map_err(Problem::busy)?.number();
    asker.admit();
    tracing::info!(number, ?peer, "peer joined");
    Ok(Json(api::JoinedDto {
        ticket: tracker.issue(peer),
        network: tracker.network.id().to_string(),
        number,
        lease_s: Directory::LEASE.as_secs(),
        renew_s: RENEW_INTERVAL.as_secs(),
        classic: tracker.classic_board().is_some(),
    }))
}

fn join_proof(text: &str) -> Result<JoinProof, Problem> {
    let bytes = encoding::decode(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(JoinProof::from_bytes).ok_or_else(|| Problem::malformed("proof: expected 32 bytes in base64"))
}

/// Lets the lease last from now on; the calling peer's number, and a new ticket when it is time for one.
#[utoipa::path(
    post,
    path = path::RENEW,
    request_body = api::RenewDto,
    responses((status = 200, body = api::RenewedDto), OfMembers),
    security(("bearer" = [])),
)]
pub(crate) async fn renew(
    State(tracker): App,
    Member { peer, ticket }: Member,
    asker: Asker,
    Body(request): Body<api::RenewDto>,
) -> Answer<api::RenewedDto> {
    let address = request.port.map(|port| asker.serving(port)).transpose()?;
    let (number, version) = tracker.catalogue.renew(&peer, address).map_err(Problem::lapsed)?;
    Ok(Json(api::RenewedDto {
        number: number.number(),
        version: version.number(),
        renew_s: RENEW_INTERVAL.as_secs(),
        ticket: tracker.is_due(&ticket).then(|| tracker.issue(peer)),
    }))
}

/// Takes back everything that the peer has registered, and lets it go.
#[utoipa::path(
    post,
    path = path::LEAVE,
    responses((status = 200, body = api::DoneDto), OfMembers),
    security(("bearer" = [])),
)]
pub(crate) async fn leave(State(tracker): App, Member { peer, .. }: Member) -> Answer<api::DoneDto> {
    let number = tracker.catalogue.leave(&peer).await?.number();
    tracing::info!(number, ?peer, "peer left");
    Ok(Json(api::DoneDto {}))
}
