//! What is asked and answered of the files of classic peers, which have no hash, no size and no chunks.

use drizzle_classic::Dialect;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MatchDto, MtimeDto};

// `SearchQuery` has most of these fields as well. They cannot be shared: serde reads no numbers from a query into a flattened value, and does
// not promise to refuse what is not known beside one.
/// Which of the files of classic peers, and which part of them.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ClassicQuery {
    /// What names are compared with; nothing for all files.
    #[serde(default)]
    #[param(required = false, max_length = 512)]
    pub(crate) q: String,
    /// How they are compared: `substring` unless something else is said.
    #[serde(default)]
    #[param(inline, required = false)]
    pub(crate) r#match: MatchDto,
    /// Whether capital and small letters are the same.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) fold: bool,
    /// What the page before gave as `next`: a name, there or not, behind which the page begins.
    pub(crate) after: Option<String>,
    /// How many files at most; never more than 1,000, and at least one.
    #[param(value_type = Option<u64>, maximum = 4294967295_u64)]
    pub(crate) limit: Option<u32>,
}

/// What is to be located.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ClassicLocateQuery {
    /// A file's whole name.
    pub(crate) name: String,
}

/// A page of the files of classic peers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ClassicFiles)]
pub(crate) struct ClassicFilesDto {
    pub(crate) files: Vec<ClassicFileDto>,
    /// What to ask for as `after`, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A file of classic peers: the newest of its name. Nothing can tell whether what comes is what was registered.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ClassicFile)]
pub(crate) struct ClassicFileDto {
    /// One part of a path, at most 255 bytes.
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) mtime: MtimeDto,
    /// How many have just this one.
    pub(crate) peers: u32,
}

/// Who has the newest of a name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ClassicLocated)]
pub(crate) struct ClassicLocatedDto {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) mtime: MtimeDto,
    /// How many there are, when an answer does not take them all.
    pub(crate) holders_total: u32,
    /// From a different one on each time.
    pub(crate) holders: Vec<ClassicHolderDto>,
}

/// A classic peer that has it, or had it when it said so.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ClassicHolder)]
pub(crate) struct ClassicHolderDto {
    pub(crate) address: String,
    /// Whether it runs on the tracker's own machine, so that its host is the one under which the tracker was reached.
    #[serde(default)]
    pub(crate) at_tracker: bool,
    pub(crate) dialect: DialectDto,
}

/// How a classic peer must be asked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Dialect)]
pub(crate) enum DialectDto {
    /// By a name alone: an LF would make it wait for ever. The bytes come bare.
    Unframed,
    /// By a name and an LF. A header with the length comes first.
    Lf,
    /// In either way.
    Both,
}

impl From<Dialect> for DialectDto {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Unframed => Self::Unframed,
            Dialect::Lf => Self::Lf,
            Dialect::Both => Self::Both,
        }
    }
}

impl From<DialectDto> for Dialect {
    fn from(dto: DialectDto) -> Self {
        match dto {
            DialectDto::Unframed => Self::Unframed,
            DialectDto::Lf => Self::Lf,
            DialectDto::Both => Self::Both,
        }
    }
}
