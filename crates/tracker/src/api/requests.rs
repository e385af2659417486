//! What is asked.

use drizzle_directory::Registration;
use drizzle_model::{ChunkRun, FileKey};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::have::{Run, runs_from, runs_to};
use super::{HaveDto, KeyDto, MtimeDto, ShapeError};

/// What joining takes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Join)]
pub(crate) struct JoinDto {
    /// The proof of the join secret, in base64; needed unless the network is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
    pub(crate) proof: Option<String>,
    /// Whether the peer has just started: what it registered in an earlier life is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fresh: bool,
}

/// Files that a peer registers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Register)]
pub(crate) struct RegisterDto {
    /// Where the peer serves, at the address from which it calls.
    #[schema(minimum = 1, maximum = 65535)]
    pub(crate) port: u16,
    pub(crate) files: Vec<RegistrationDto>,
}

/// A file, and what of it the peer has.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Registration)]
pub(crate) struct RegistrationDto {
    #[serde(flatten)]
    key: KeyDto,
    #[serde(flatten)]
    mtime: MtimeDto,
    have: HaveDto,
}

impl From<&Registration> for RegistrationDto {
    fn from(registration: &Registration) -> Self {
        let Registration { key, mtime, claim } = registration;
        Self { key: key.into(), mtime: (*mtime).into(), have: claim.into() }
    }
}

impl TryFrom<RegistrationDto> for Registration {
    type Error = ShapeError;

    fn try_from(dto: RegistrationDto) -> Result<Self, ShapeError> {
        let key = FileKey::try_from(dto.key)?;
        let claim = dto.have.into_claim(key.chunks)?;
        Ok(Self { key, mtime: dto.mtime.try_into()?, claim })
    }
}

/// Chunks that came since.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Haves)]
pub(crate) struct HavesDto {
    pub(crate) files: Vec<FileHavesDto>,
}

/// Chunks of one file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FileHaves)]
pub(crate) struct FileHavesDto {
    #[serde(flatten)]
    key: KeyDto,
    #[schema(value_type = Vec<Run>)]
    runs: Vec<(u32, u32)>,
}

impl FileHavesDto {
    pub(crate) fn new(key: &FileKey, runs: &[ChunkRun]) -> Self {
        Self { key: key.into(), runs: runs_to(runs) }
    }

    pub(crate) fn into_parts(self) -> Result<(FileKey, Vec<ChunkRun>), ShapeError> {
        Ok((self.key.try_into()?, runs_from(self.runs)))
    }
}

/// Files that are taken back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Unregister)]
pub(crate) struct UnregisterDto {
    pub(crate) files: Vec<KeyDto>,
}

/// Where the peer serves now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Renew)]
pub(crate) struct RenewDto {
    /// None for a peer that only asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 65535)]
    pub(crate) port: Option<u16>,
}

/// A peer that gave wrong bytes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportDto {
    #[serde(flatten)]
    pub(crate) key: KeyDto,
    /// The peer that gave wrong bytes.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(crate) source: String,
    /// What was wrong, for whoever reads the tracker's log; at most 256 bytes.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub(crate) reason: String,
}

/// Which part of a listing.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// What the page before gave as `next`.
    pub(crate) after: Option<String>,
    /// How many files at most; never more than 1,000, and at least one.
    #[param(value_type = Option<u64>, maximum = 4294967295_u64)]
    pub(crate) limit: Option<u32>,
}

/// How names are compared with what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Match)]
pub(crate) enum MatchDto {
    /// It is a part of the name.
    #[default]
    Substring,
    /// The name begins with it.
    Prefix,
    /// It is a glob for the whole name: `*` any characters, `?` one, `[a-z]` and `[!a-z]` one of a set or none of it.
    Glob,
}

impl MatchDto {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Substring => "substring",
            Self::Prefix => "prefix",
            Self::Glob => "glob",
        }
    }
}

/// What is looked for, and which part of what is found.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// What names are compared with.
    #[param(max_length = 512)]
    pub(crate) q: String,
    /// How they are compared: `substring` unless something else is said.
    #[serde(default)]
    #[param(inline, required = false)]
    pub(crate) r#match: MatchDto,
    /// Whether capital and small letters are the same.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) fold: bool,
    /// What the page before gave as `next`.
    pub(crate) after: Option<String>,
    /// How many files at most; never more than 1,000, and at least one.
    #[param(value_type = Option<u64>, maximum = 4294967295_u64)]
    pub(crate) limit: Option<u32>,
}

/// What is to be located: one of both.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LocateQuery {
    /// All contents of that name.
    pub(crate) name: Option<String>,
    /// That content, whatever its names.
    pub(crate) hash: Option<String>,
}

/// Which changes.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangesQuery {
    /// A version that an answer gave.
    pub(crate) since: u64,
    /// How many changes at most; never more than 1,000, and at least one.
    #[param(value_type = Option<u64>, maximum = 4294967295_u64)]
    pub(crate) limit: Option<u32>,
}

/// Where a stream of events begins.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// A version that an answer gave; without it only what changes from now on is told. The header `Last-Event-ID` counts before it.
    pub(crate) since: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_directory::Claim;
    use drizzle_model::{ContentHash, ContentKind, Mtime, RelPath};

    fn registration() -> Registration {
        Registration {
            key: FileKey {
                name: RelPath::new("a").unwrap(),
                hash: ContentHash::from_bytes([1; 32]),
                size: 65_537,
                chunks: 2,
                kind: ContentKind::File,
            },
            mtime: Mtime::new(-5, 999_999_999).unwrap(),
            claim: Claim::Runs(vec![ChunkRun { first: 1, last: 1 }]),
        }
    }

    #[test]
    fn a_registration_goes_there_and_back_in_its_documented_form() {
        let json = serde_json::to_string(&RegistrationDto::from(&registration())).unwrap();
        let hash = "01".repeat(32);
        assert_eq!(
            json,
            format!(
                r#"{{"name":"a","hash":"{hash}","size":65537,"chunks":2,"kind":"file","mtime":-5,"mtime_ns":999999999,"have":{{"runs":[[1,1]]}}}}"#
            )
        );
        let dto: RegistrationDto = serde_json::from_str(&json).unwrap();
        assert_eq!(Registration::try_from(dto), Ok(registration()));
    }

    /// Every value of the request replaced by one of every other JSON type: refused, and never a panic.
    #[test]
    fn json_of_every_wrong_shape_is_refused() {
        let good = serde_json::json!({"port": 1, "files": [RegistrationDto::from(&registration())]});
        assert!(serde_json::from_value::<RegisterDto>(good.clone()).is_ok());
        let wrong = ["null", "true", "-1", "1.5", "1e40", "\"x\"", "[]", "[[]]", "{}", "{\"a\":1}"]
            .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
        let mut refused = 0;
        for pointer in ["", "/port", "/files", "/files/0"].into_iter().map(str::to_owned).chain(
            [
                "name",
                "hash",
                "size",
                "chunks",
                "kind",
                "mtime",
                "mtime_ns",
                "have",
                "have/runs",
                "have/runs/0",
            ]
            .map(|f| format!("/files/0/{f}")),
        ) {
            for value in &wrong {
                let mut bad = good.clone();
                *bad.pointer_mut(&pointer).unwrap() = value.clone();
                let Ok(dto) = serde_json::from_value::<RegisterDto>(bad) else {
                    refused += 1;
                    continue;
                };
                // What has the right JSON type is refused by the model, or is one of the few that are right by chance.
                let fits = dto.files.into_iter().all(|file| Registration::try_from(file).is_ok());
                let is_right = match pointer.as_str() {
                    "/files" => value == &serde_json::json!([]),
                    "/files/0/name" => value.is_string(),
                    "/files/0/mtime" => value == &serde_json::json!(-1),
                    "/files/0/have/runs" => value == &serde_json::json!([]),
                    _ => false,
                };
                assert!(!fits || is_right, "{pointer} = {value}");
                refused += usize::from(!fits);
            }
        }
        assert!(refused > 100, "only {refused} were refused");
    }
}
