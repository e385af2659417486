//! What is asked.

use drizzle_directory::Registration;
use drizzle_model::{ChunkRun, FileKey};
use serde::{Deserialize, Serialize};

use super::have::{runs_from, runs_to};
use super::{HaveDto, KeyDto, MtimeDto, ShapeError};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JoinDto {
    /// The proof of the join secret, in base64; needed unless the network is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegisterDto {
    /// Where the peer serves, at the address from which it calls.
    pub(crate) port: u16,
    pub(crate) files: Vec<RegistrationDto>,
}

#[derive(Debug, Serialize, Deserialize)]
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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HavesDto {
    pub(crate) files: Vec<FileHavesDto>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileHavesDto {
    #[serde(flatten)]
    key: KeyDto,
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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UnregisterDto {
    pub(crate) files: Vec<KeyDto>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RenewDto {
    /// None for a peer that only asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReportDto {
    #[serde(flatten)]
    pub(crate) key: KeyDto,
    /// The peer that gave wrong bytes.
    pub(crate) source: String,
    /// What was wrong, for whoever reads the tracker's log.
    #[serde(default)]
    pub(crate) reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListQuery {
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SearchQuery {
    pub(crate) q: String,
    #[serde(default)]
    pub(crate) fold: bool,
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LocateQuery {
    pub(crate) name: Option<String>,
    pub(crate) hash: Option<String>,
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
