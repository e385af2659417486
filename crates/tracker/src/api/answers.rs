//! What is answered.

use drizzle_directory::{Located, Page};
use serde::{Deserialize, Serialize};

use super::{Cursor, HaveDto, KeyDto, MtimeDto};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JoinedDto {
    /// In base64; goes into the header of every other call.
    pub(crate) ticket: String,
    pub(crate) network: String,
    pub(crate) number: u32,
    pub(crate) lease_s: u64,
    pub(crate) renew_s: u64,
    /// Whether the tracker tells classic peers of what is registered here, so that the peer should answer them.
    #[serde(default)]
    pub(crate) classic: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RenewedDto {
    pub(crate) number: u32,
    pub(crate) version: u64,
    pub(crate) renew_s: u64,
    /// A new one, when the old one has less than half of its time left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ticket: Option<String>,
}

/// A verdict for each thing that was asked, in order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VerdictsDto {
    pub(crate) verdicts: Vec<VerdictDto>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VerdictDto {
    pub(crate) ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl<E: ToString> From<Result<(), E>> for VerdictDto {
    fn from(verdict: Result<(), E>) -> Self {
        Self { ok: verdict.is_ok(), reason: verdict.err().map(|error| error.to_string()) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FilesDto {
    pub(crate) version: u64,
    pub(crate) files: Vec<ListedDto>,
    /// What to ask for as `after`, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListedDto {
    #[serde(flatten)]
    pub(crate) key: KeyDto,
    #[serde(flatten)]
    pub(crate) mtime: MtimeDto,
    pub(crate) peers: u32,
}

impl From<&Page> for FilesDto {
    fn from(page: &Page) -> Self {
        let listed = page.files.iter().map(|file| ListedDto {
            key: (&*file.key).into(),
            mtime: file.mtime.into(),
            peers: file.peers,
        });
        let next = page.next.as_deref().map(Cursor::text_of);
        Self { version: page.version.number(), files: listed.collect(), next }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LocatedFilesDto {
    pub(crate) files: Vec<LocatedDto>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LocatedDto {
    #[serde(flatten)]
    pub(crate) key: KeyDto,
    #[serde(flatten)]
    pub(crate) mtime: MtimeDto,
    /// Who registered it first.
    pub(crate) registrar: String,
    /// Whether it is the first of its name.
    pub(crate) first: bool,
    /// How many there are, when an answer does not take them all.
    pub(crate) holders_total: u32,
    pub(crate) holders: Vec<HolderDto>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HolderDto {
    pub(crate) peer: String,
    pub(crate) number: u32,
    pub(crate) address: String,
    /// Whether it runs on the tracker's own machine, so that its host is the one under which the tracker was reached.
    #[serde(default)]
    pub(crate) at_tracker: bool,
    pub(crate) have: HaveDto,
    #[serde(default)]
    pub(crate) reports: u32,
}

impl LocatedDto {
    /// `place` says where the asker finds an address, and whether that is the tracker's own machine.
    pub(crate) fn new(
        located: &Located,
        place: impl Fn(std::net::SocketAddr) -> (std::net::SocketAddr, bool),
    ) -> Self {
        let holders = located.holders.iter().map(|holder| {
            let (address, at_tracker) = place(holder.address);
            HolderDto {
                peer: holder.peer.to_string(),
                number: holder.number.number(),
                address: address.to_string(),
                at_tracker,
                have: (&holder.have).into(),
                reports: holder.reports as u32,
            }
        });
        Self {
            key: (&*located.key).into(),
            mtime: located.mtime.into(),
            registrar: located.registrar.to_string(),
            first: located.is_first_of_name,
            holders_total: located.holders_total,
            holders: holders.collect(),
        }
    }
}
