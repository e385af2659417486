//! The API's values as they stand in JSON, and how they become the model's.
//!
//! Fields that are not known are passed over, so that a newer peer can speak to an older tracker. A request whose JSON
//! has another shape is refused as a whole; a file in a batch that is no file is refused alone.

mod answers;
mod file;
mod have;
mod requests;

pub(crate) use answers::{
    FilesDto, HolderDto, JoinedDto, LocatedDto, LocatedFilesDto, RenewedDto, VerdictDto, VerdictsDto,
};
pub use file::Cursor;
pub(crate) use file::{KeyDto, MtimeDto, ShapeError};
pub(crate) use have::HaveDto;
pub(crate) use requests::{
    FileHavesDto, HavesDto, JoinDto, ListQuery, LocateQuery, RegisterDto, RegistrationDto, RenewDto,
    ReportDto, SearchQuery, UnregisterDto,
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
    pub(crate) const REPORTS: &str = "/v1/reports";
    pub(crate) const HEALTH: &str = "/healthz";
}
