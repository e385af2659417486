//! What is answered.

use drizzle_directory::{Change, Changes, Listed, Located, Page, PeerNumber, Recorded};
use drizzle_model::PeerId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Cursor, HaveDto, KeyDto, MtimeDto};

/// What joining gives.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Joined)]
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

/// It was done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Done)]
pub(crate) struct DoneDto {}

/// The tracker lives.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthDto {
    /// Always `ok`.
    pub(crate) status: String,
}

/// What renewing gives.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Renewed)]
pub(crate) struct RenewedDto {
    pub(crate) number: u32,
    pub(crate) version: u64,
    pub(crate) renew_s: u64,
    /// A new one, when the old one has less than half of its time left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ticket: Option<String>,
}

/// A verdict for each thing that was asked, in order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Verdicts)]
pub(crate) struct VerdictsDto {
    pub(crate) verdicts: Vec<VerdictDto>,
}

/// Whether one thing was done, and if not, why.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Verdict)]
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

/// A page of a listing.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Files)]
pub(crate) struct FilesDto {
    pub(crate) version: u64,
    pub(crate) files: Vec<ListedDto>,
    /// What to ask for as `after`, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A file in a listing.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Listed)]
pub(crate) struct ListedDto {
    #[serde(flatten)]
    pub(crate) key: KeyDto,
    #[serde(flatten)]
    pub(crate) mtime: MtimeDto,
    pub(crate) peers: u32,
}

impl From<&Listed> for ListedDto {
    fn from(file: &Listed) -> Self {
        Self { key: (&*file.key).into(), mtime: file.mtime.into(), peers: file.peers }
    }
}

impl From<&Page> for FilesDto {
    fn from(page: &Page) -> Self {
        let listed = page.files.iter().map(ListedDto::from);
        let next = page.next.as_deref().map(Cursor::text_of);
        Self { version: page.version.number(), files: listed.collect(), next }
    }
}

/// What changed since a version, or the first of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Changes)]
pub(crate) struct ChangesDto {
    /// What to ask for changes since, for the next ones.
    pub(crate) version: u64,
    /// Whether there are more already.
    pub(crate) more: bool,
    pub(crate) changes: Vec<ChangeDto>,
}

/// A change, and the version of the directory that came of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Change)]
pub(crate) struct ChangeDto {
    pub(crate) version: u64,
    #[serde(flatten)]
    pub(crate) what: WhatDto,
}

/// What changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "change", rename_all = "lowercase")]
#[schema(as = What)]
pub(crate) enum WhatDto {
    /// A file can be fetched that could not be fetched before.
    Added { file: ListedDto },
    /// It has a newer modification time, or more or fewer peers.
    Changed { file: ListedDto },
    /// It cannot be fetched any more.
    Removed { file: KeyDto },
    /// A peer serves.
    Came { peer: String, number: u32 },
    /// A peer that served is gone.
    Went { peer: String, number: u32 },
}

impl WhatDto {
    /// The word for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Changed { .. } => "changed",
            Self::Removed { .. } => "removed",
            Self::Came { .. } => "came",
            Self::Went { .. } => "went",
        }
    }
}

impl From<&Changes> for ChangesDto {
    fn from(changes: &Changes) -> Self {
        let recorded = changes.changes.iter().map(ChangeDto::from);
        Self { version: changes.version.number(), more: !changes.is_all, changes: recorded.collect() }
    }
}

impl From<&Recorded> for ChangeDto {
    fn from(recorded: &Recorded) -> Self {
        let (peer, number) = (PeerId::to_string, PeerNumber::number);
        let what = match &recorded.change {
            Change::Added(file) => WhatDto::Added { file: file.into() },
            Change::Changed(file) => WhatDto::Changed { file: file.into() },
            Change::Removed(key) => WhatDto::Removed { file: (&**key).into() },
            Change::Came { peer: id, number: of } => WhatDto::Came { peer: peer(id), number: number(*of) },
            Change::Went { peer: id, number: of } => WhatDto::Went { peer: peer(id), number: number(*of) },
        };
        Self { version: recorded.version.number(), what }
    }
}

/// What was located.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = LocatedFiles)]
pub(crate) struct LocatedFilesDto {
    pub(crate) files: Vec<LocatedDto>,
}

/// A content with those who have it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Located)]
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

/// A peer that has something of it, or is about to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Holder)]
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
