//! Questions about the files of classic peers.
//!
//! They are calls of their own, and not entries among those of `/v1/files`: what is listed there can be followed by its versions and
//! changes, has a hash by which it is fetched and verified, and a place in the listing that rests on that hash. A classic file has none of it.

use axum::Json;
use axum::extract::State;
use drizzle_directory::limits::PAGE_FILES_MAX;

use super::questions::{at_most, search_of, seed};
use crate::api::{self, path};
use crate::asker::{Asker, Reader};
use crate::classic_board::{ClassicFile, ClassicHolders, ClassicPage, holders, page};
use crate::problem::{Answer, PROBLEM_TYPE, Problem, ProblemDto, ProblemKind};
use crate::problem_sets::OfReaders;
use crate::query::Asked;
use crate::tracker::App;

/// A page of the files of classic peers, in the order of their names: all, or those that are looked for. None at a tracker that does not
/// speak the classic protocol.
#[utoipa::path(
    get,
    path = path::CLASSIC_FILES,
    params(api::ClassicQuery),
    responses((status = 200, body = api::ClassicFilesDto), OfReaders),
    security(("bearer" = [])),
)]
pub(crate) async fn classic_files(
    State(tracker): App,
    _: Reader,
    Asked(query): Asked<api::ClassicQuery>,
) -> Answer<api::ClassicFilesDto> {
    let search = search_of(query.q, query.r#match, query.fold)?;
    let Some(board) = tracker.classic_board() else {
        return Ok(Json(api::ClassicFilesDto { files: Vec::new(), next: None }));
    };
    let (after, files_max) = (query.after, at_most(query.limit, PAGE_FILES_MAX));
    let now = tracker.clock.now();
    let page = board.ask(now, move |board| page(board, &search, after.as_deref(), files_max)).await?;
    Ok(Json(page_dto(page)))
}

/// Which classic peers have the newest of a name, and how each must be asked.
#[utoipa::path(
    get,
    path = path::CLASSIC_LOCATE,
    params(api::ClassicLocateQuery),
    responses(
        (status = 200, body = api::ClassicLocatedDto),
        (status = 404, description = "No classic peer has registered that", body = ProblemDto, content_type = PROBLEM_TYPE),
        OfReaders,
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn classic_locate(
    State(tracker): App,
    Reader(asker): Reader,
    Asked(query): Asked<api::ClassicLocateQuery>,
) -> Answer<api::ClassicLocatedDto> {
    let nobody = || Problem::new(ProblemKind::NotFound, "no classic peer has registered that");
    let board = tracker.classic_board().ok_or_else(nobody)?;
    let (name, seed) = (query.name.clone(), seed()?);
    let found = board.ask(tracker.clock.now(), move |board| holders(board, &name, seed)).await?;
    let found = found.ok_or_else(nobody)?;
    Ok(Json(located_dto(query.name, found, &asker)))
}

fn page_dto(page: ClassicPage) -> api::ClassicFilesDto {
    let of = |ClassicFile { name, mtime, peers }| api::ClassicFileDto {
        name,
        mtime: mtime.into(),
        peers: count(peers),
    };
    api::ClassicFilesDto { files: page.files.into_iter().map(of).collect(), next: page.next }
}

fn located_dto(name: String, found: ClassicHolders, asker: &Asker) -> api::ClassicLocatedDto {
    let holders = found.holders.into_iter().map(|(address, dialect)| {
        let (address, at_tracker) = asker.place(address);
        api::ClassicHolderDto { address: address.to_string(), at_tracker, dialect: dialect.into() }
    });
    api::ClassicLocatedDto {
        name,
        mtime: found.mtime.into(),
        holders_total: count(found.total),
        holders: holders.collect(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
