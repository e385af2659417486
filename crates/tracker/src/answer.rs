//! What a client gets from a tracker, in the model's terms.

pub(crate) mod classic;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use drizzle_directory::Have;
use drizzle_directory::limits::LOCATED_CHUNKS_MAX;
use drizzle_model::{FileKey, Mtime, PeerId};
use drizzle_net::Ticket;

use crate::api::{
    Cursor, FilesDto, HolderDto, JoinedDto, LocatedDto, LocatedFilesDto, ShapeError, VerdictDto,
};
use crate::encoding;

/// What a peer gets for joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// What to show to other peers.
    pub ticket: Ticket,
    /// The number that the tracker gave to the peer for as long as it stays (S1.5).
    pub number: u32,
    /// How long the tracker keeps the peer without a renewal.
    pub lease: Duration,
    /// When to renew first.
    pub renew_interval: Duration,
    /// Whether the tracker tells peers of the classic protocol what this one registers.
    pub is_classic: bool,
}

/// What a peer gets for renewing its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// The peer's number.
    pub number: u32,
    /// The version of the tracker's directory; when it is the same as before, so are the answers to all questions.
    pub version: u64,
    /// When to renew next.
    pub renew_interval: Duration,
}

/// What the tracker says about one thing of a batch: done, or why not.
pub type Verdict = Result<(), Refusal>;

/// Why the tracker did not take one thing of a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// In the tracker's words.
    pub reason: String,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The files, in the order of their names; maybe none although there is more.
    pub files: Vec<Listed>,
    /// Where the next part begins; none when this is the last one.
    pub next: Option<Cursor>,
    /// The version of the directory.
    pub version: u64,
}

/// A file in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which file.
    pub key: FileKey,
    /// When it was modified last.
    pub mtime: Mtime,
    /// How many peers have something of it.
    pub peers: u32,
}

/// A file with those who have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Which file.
    pub key: FileKey,
    /// When it was modified last.
    pub mtime: Mtime,
    /// Who registered it first.
    pub registrar: PeerId,
    /// Whether it is the first content that was registered under its name (S4.4).
    pub is_first_of_name: bool,
    /// Who has it, in the order in which they should be asked; nobody when all who had it are gone. The client's own peer may be
    /// among them.
    pub holders: Vec<Holder>,
    /// How many have it in all, when an answer does not take them all.
    pub holders_total: u32,
}

/// A peer that has a file, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its key.
    pub peer: PeerId,
    /// Its number at this time.
    pub number: u32,
    /// Where it serves.
    pub address: SocketAddr,
    /// What it has.
    pub have: Have,
    /// How many peers reported that it gave wrong bytes for this file.
    pub reports: u32,
}

/// Why an answer makes no sense. The tracker is to blame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("the ticket cannot be read")]
    Ticket,
    #[error("the address '{0}' of a peer cannot be read")]
    Address(String),
    #[error("the next page would begin where this one did, or before it")]
    Circle,
    #[error("'{0}' is no name for a file of a classic peer")]
    ClassicName(String),
    #[error("it named other files than the one that was asked for")]
    NotAskedFor,
    #[error("it named nobody who can be called")]
    Nobody,
    #[error("expected {expected} verdicts, received {received}")]
    Verdicts { expected: usize, received: usize },
}

pub(crate) fn ticket(text: &str) -> Result<Ticket, AnswerError> {
    let bytes = encoding::decode(text).ok_or(AnswerError::Ticket)?;
    Ticket::from_bytes(&bytes).map_err(|_| AnswerError::Ticket)
}

pub(crate) fn verdicts(dtos: Vec<VerdictDto>, expected: usize) -> Result<Vec<Verdict>, AnswerError> {
    if dtos.len() != expected {
        return Err(AnswerError::Verdicts { expected, received: dtos.len() });
    }
    let of = |dto: VerdictDto| match dto.ok {
        true => Ok(()),
        false => Err(Refusal { reason: dto.reason.unwrap_or_default() }),
    };
    Ok(dtos.into_iter().map(of).collect())
}

/// At least as long as makes sense, whatever the tracker says, so that it cannot make a peer call it without end. Up to a fifth
/// more or less each time: peers that were all brought into step, by a tracker that stood still or came back, fall out of
/// it again.
pub(crate) fn renew_interval(seconds: u64) -> Duration {
    let mut chance = [128];
    // Without random numbers it is what was asked for.
    let _ = aws_lc_rs::rand::fill(&mut chance);
    let [chance] = chance;
    Duration::from_secs(seconds.clamp(1, 60)) * (4 * 128 + u32::from(chance)) / (5 * 128)
}

impl TryFrom<JoinedDto> for Membership {
    type Error = AnswerError;

    fn try_from(dto: JoinedDto) -> Result<Self, AnswerError> {
        Ok(Self {
            ticket: ticket(&dto.ticket)?,
            number: dto.number,
            lease: Duration::from_secs(dto.lease_s),
            renew_interval: renew_interval(dto.renew_s),
            is_classic: dto.classic,
        })
    }
}

/// Reads the page of a listing behind `after`.
pub(crate) fn listing(dto: FilesDto, after: Option<&Cursor>) -> Result<Listing, AnswerError> {
    let listed = dto.files.into_iter().map(|file| {
        Ok(Listed { key: file.key.try_into()?, mtime: file.mtime.try_into()?, peers: file.peers })
    });
    let files = listed.collect::<Result<_, ShapeError>>()?;
    let next = dto.next.as_deref().map(Cursor::from_text).transpose()?;
    check_next(next.as_ref(), after)?;
    Ok(Listing { files, next, version: dto.version })
}

/// The page behind the one behind `after` must begin further on: whoever reads a listing to its end would otherwise be led in a circle.
fn check_next<T: Ord + ?Sized>(next: Option<&T>, after: Option<&T>) -> Result<(), AnswerError> {
    if next.is_some() && next <= after { Err(AnswerError::Circle) } else { Ok(()) }
}

/// Reads the answer of a tracker that was reached at `tracker`, if over a network.
pub(crate) fn located(dto: LocatedFilesDto, tracker: Option<IpAddr>) -> Result<Vec<Located>, AnswerError> {
    let mut room = LOCATED_CHUNKS_MAX;
    dto.files.into_iter().map(|file| located_one(file, tracker, &mut room)).collect()
}

fn located_one(dto: LocatedDto, tracker: Option<IpAddr>, room: &mut u64) -> Result<Located, AnswerError> {
    let key = FileKey::try_from(dto.key)?;
    let holders = dto.holders.into_iter().map(|dto| holder(dto, key.chunks, tracker, room));
    Ok(Located {
        holders: holders.collect::<Result<_, _>>()?,
        mtime: dto.mtime.try_into()?,
        registrar: dto.registrar.parse().map_err(ShapeError::Peer)?,
        is_first_of_name: dto.first,
        holders_total: dto.holders_total,
        key,
    })
}

fn holder(
    dto: HolderDto,
    chunks: u32,
    tracker: Option<IpAddr>,
    room: &mut u64,
) -> Result<Holder, AnswerError> {
    let address = reached(dto.address, dto.at_tracker, tracker)?;
    Ok(Holder {
        peer: dto.peer.parse().map_err(ShapeError::Peer)?,
        number: dto.number,
        address,
        have: dto.have.into_have(chunks, room)?,
        reports: dto.reports,
    })
}

/// Where a peer is reached. The tracker cannot know under which address its own host is reached from here, behind a translator for example.
fn reached(text: String, at_tracker: bool, tracker: Option<IpAddr>) -> Result<SocketAddr, AnswerError> {
    let mut address: SocketAddr = text.parse().map_err(|_| AnswerError::Address(text))?;
    if let (true, Some(tracker)) = (at_tracker, tracker) {
        address.set_ip(tracker.to_canonical());
    }
    Ok(address)
}
