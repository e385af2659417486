//! Questions: what there is, who has it, and what changed.

use axum::Json;
use axum::extract::State;
use drizzle_directory::limits::PAGE_FILES_MAX;
use drizzle_directory::{Filter, Target, Version};
use drizzle_model::RelPath;

use crate::api::{self, path};
use crate::asker::Reader;
use crate::limits::{CHANGES_PER_ANSWER_MAX, PATTERN_CHARS_MAX};
use crate::problem::{Answer, PROBLEM_TYPE, Problem, ProblemDto, ProblemKind};
use crate::problem_sets::OfReaders;
use crate::query::Asked;
use crate::search::Search;
use crate::tracker::{App, Tracker};

/// A page of all files that can be fetched, in the order of their names.
#[utoipa::path(
    get,
    path = path::FILES,
    params(api::ListQuery),
    responses((status = 200, body = api::FilesDto), OfReaders),
    security(("bearer" = [])),
)]
pub(crate) async fn files(
    State(tracker): App,
    _: Reader,
    Asked(query): Asked<api::ListQuery>,
) -> Answer<api::FilesDto> {
    page(&tracker, &Filter::all(), query.after.as_deref(), query.limit)
}

/// A page of the files that are looked for. It may hold less than was asked for, and still have a next one.
#[utoipa::path(
    get,
    path = path::SEARCH,
    params(api::SearchQuery),
    responses((status = 200, body = api::FilesDto), OfReaders),
    security(("bearer" = [])),
)]
pub(crate) async fn search(
    State(tracker): App,
    _: Reader,
    Asked(query): Asked<api::SearchQuery>,
) -> Answer<api::FilesDto> {
    let search = search_of(query.q, query.r#match, query.fold)?;
    page(&tracker, &search.filter(), query.after.as_deref(), query.limit)
}

/// What is looked for.
pub(super) fn search_of(pattern: String, manner: api::MatchDto, is_folded: bool) -> Result<Search, Problem> {
    let chars = pattern.chars().count();
    if chars > PATTERN_CHARS_MAX {
        let expected = format!("q: expected at most {PATTERN_CHARS_MAX} characters, received {chars}");
        return Err(Problem::malformed(expected));
    }
    Ok(Search { pattern, manner: manner.into(), is_folded })
}

/// How many things an answer may hold: what was asked for, but one at least, and never more than `most`.
pub(super) fn at_most(limit: Option<u32>, most: usize) -> usize {
    limit.map_or(most, |limit| (limit as usize).clamp(1, most))
}

fn page(
    tracker: &Tracker,
    filter: &Filter,
    after: Option<&str>,
    limit: Option<u32>,
) -> Answer<api::FilesDto> {
    let after = after.map(api::Cursor::from_text).transpose().map_err(Problem::malformed)?;
    let after = after.as_ref().map(|cursor| &cursor.0);
    let page = tracker.catalogue.list(filter, after, at_most(limit, PAGE_FILES_MAX));
    Ok(Json((&page).into()))
}

/// Who has a content, and which chunks of it: the newest content first, its least busy holders first.
#[utoipa::path(
    get,
    path = path::LOCATE,
    params(api::LocateQuery),
    responses(
        (status = 200, body = api::LocatedFilesDto),
        (status = 404, description = "Nobody has registered that", body = ProblemDto, content_type = PROBLEM_TYPE),
        OfReaders,
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn locate(
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

/// A number that nobody can foresee.
pub(super) fn seed() -> Result<u64, Problem> {
    let mut bytes = [0; 8];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_| Problem::new(ProblemKind::Other, "the system gave no random numbers"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// What changed since a version of the directory, in order.
#[utoipa::path(
    get,
    path = path::CHANGES,
    params(api::ChangesQuery),
    responses(
        (status = 200, body = api::ChangesDto),
        (status = 410, description = "What changed since then is not known any more: list anew", body = ProblemDto, content_type = PROBLEM_TYPE),
        OfReaders,
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn changes(
    State(tracker): App,
    _: Reader,
    Asked(query): Asked<api::ChangesQuery>,
) -> Answer<api::ChangesDto> {
    let since = Version::from_number(query.since);
    let changes = tracker.catalogue.changes(since, at_most(query.limit, CHANGES_PER_ANSWER_MAX));
    Ok(Json((&changes.map_err(|error| Problem::new(ProblemKind::TooOld, error))?).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if whoever asks for no more than nothing were told that there is nothing, or whoever asks for everything got it.
    #[test]
    fn an_answer_may_hold_one_thing_and_never_more_than_the_most() {
        let asked =
            [(None, 10), (Some(0), 1), (Some(1), 1), (Some(10), 10), (Some(11), 10), (Some(u32::MAX), 10)];
        for (limit, expected) in asked {
            assert_eq!(at_most(limit, 10), expected, "{limit:?}");
        }
    }
}
