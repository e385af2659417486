//! What a client gets from a tracker of the files of classic peers.

use std::net::{IpAddr, SocketAddr};

use drizzle_classic::{Dialect, Name};
use drizzle_model::Mtime;

use super::{AnswerError, reached};
use crate::api::{ClassicFilesDto, ClassicHolderDto, ClassicLocatedDto};
use crate::limits::CLASSIC_HOLDERS_MAX;

/// A part of a listing of files of classic peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicListing {
    /// The files, in the order of their names; maybe none although there is more.
    pub files: Vec<ClassicListed>,
    /// Behind which name the next part begins; none when this is the last one.
    pub next: Option<String>,
}

/// A file of classic peers: it has no hash, and nothing can be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicListed {
    /// Its name.
    pub name: Name,
    /// When it was modified last.
    pub mtime: Mtime,
    /// How many have just this one.
    pub peers: u32,
}

/// Who has the newest of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicLocated {
    /// When it was modified last.
    pub mtime: Mtime,
    /// Who has it, in the order in which they should be asked.
    pub holders: Vec<ClassicHolder>,
}

/// A classic peer that has a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassicHolder {
    /// Where it serves.
    pub address: SocketAddr,
    /// How it must be asked.
    pub dialect: Dialect,
}

/// Reads the page behind `after`. The next page must begin further on, as in every listing.
pub(crate) fn listing(dto: ClassicFilesDto, after: Option<&str>) -> Result<ClassicListing, AnswerError> {
    let listed = dto.files.into_iter().map(|file| {
        let name = Name::new(&file.name).ok_or(AnswerError::ClassicName(file.name))?;
        Ok(ClassicListed { name, mtime: file.mtime.try_into()?, peers: file.peers })
    });
    let files = listed.collect::<Result<_, AnswerError>>()?;
    if dto.next.is_some() && dto.next.as_deref() <= after {
        return Err(AnswerError::Circle);
    }
    Ok(ClassicListing { files, next: dto.next })
}

/// Reads the answer of a tracker that was reached at `tracker`, if over a network, when `name` was asked for.
pub(crate) fn located(
    dto: ClassicLocatedDto,
    name: &Name,
    tracker: Option<IpAddr>,
) -> Result<ClassicLocated, AnswerError> {
    if dto.name != name.as_str() {
        return Err(AnswerError::NotAskedFor);
    }
    let holder = |ClassicHolderDto { address, at_tracker, dialect }| {
        let address = reached(address, at_tracker, tracker)?;
        Ok(ClassicHolder { address, dialect: dialect.into() })
    };
    // A tracker could send a peer round the whole world.
    let holders = dto.holders.into_iter().take(CLASSIC_HOLDERS_MAX);
    let holders = holders.map(holder).collect::<Result<_, AnswerError>>()?;
    Ok(ClassicLocated { mtime: dto.mtime.try_into()?, holders })
}
