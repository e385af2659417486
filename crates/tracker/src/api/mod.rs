//! The API's values as they stand in JSON, and how they become the model's.
//!
//! Fields that are not known are passed over, so that a newer peer can speak to an older tracker. A request whose JSON
//! has another shape is refused as a whole; a file in a batch that is no file is refused alone.

mod answers;
mod classic;
mod file;
mod have;
mod requests;

pub(crate) use answers::{
    ChangeDto, ChangesDto, DoneDto, FilesDto, HealthDto, HolderDto, JoinedDto, LocatedDto, LocatedFilesDto,
    RenewedDto, VerdictDto, VerdictsDto,
};
pub(crate) use classic::{
    ClassicFileDto, ClassicFilesDto, ClassicHolderDto, ClassicLocateQuery, ClassicLocatedDto, ClassicQuery,
};
pub use file::Cursor;
pub(crate) use file::{KeyDto, MtimeDto, ShapeError};
pub(crate) use have::HaveDto;
pub(crate) use requests::{
    ChangesQuery, EventsQuery, FileHavesDto, HavesDto, JoinDto, ListQuery, LocateQuery, MatchDto,
    RegisterDto, RegistrationDto, RenewDto, ReportDto, SearchQuery, UnregisterDto,
};

/// Where each call is found.
pub(crate) mod path {
    pub(crate) const JOIN: &str = "/v1/join";
    pub(crate) const REGISTER: &str = "/v1/register";
    pub(crate) const HAVES: &str = "/v1/haves";
    pub(crate) const UNREGISTER: &str = "/v1/unregister";
    pub(crate) const RENEW: &str = "/v1/renew";
    pub(crate) const LEAVE: &str = "/v1/leave";
    pub(crate) const FILES: &str = "/v1/files";
    pub(crate) const SEARCH: &str = "/v1/search";
    pub(crate) const LOCATE: &str = "/v1/locate";
    pub(crate) const CLASSIC_FILES: &str = "/v1/classic/files";
    pub(crate) const CLASSIC_LOCATE: &str = "/v1/classic/locate";
    pub(crate) const REPORTS: &str = "/v1/reports";
    pub(crate) const CHANGES: &str = "/v1/changes";
    pub(crate) const EVENTS: &str = "/v1/events";
    pub(crate) const OPENAPI: &str = "/v1/openapi.json";
    pub(crate) const METRICS: &str = "/metrics";
    pub(crate) const HEALTH: &str = "/healthz";

    /// All of them.
    pub(crate) const ALL: [&str; 17] = [
        JOIN,
        REGISTER,
        HAVES,
        UNREGISTER,
        RENEW,
        LEAVE,
        FILES,
        SEARCH,
        LOCATE,
        CLASSIC_FILES,
        CLASSIC_LOCATE,
        REPORTS,
        CHANGES,
        EVENTS,
        OPENAPI,
        METRICS,
        HEALTH,
    ];
}
