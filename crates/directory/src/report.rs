//! Reports of sources that gave something else than what they registered (S4.4).

use drizzle_model::{FileKey, PeerId, Time};

use crate::directory::{Directory, UnknownPeer};
use crate::register::NotRegistered;
use crate::suspicions::NoRoom;

/// Why a report was not noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The one who reports is not there.
    #[error(transparent)]
    Unknown(#[from] UnknownPeer),
    /// The one who is reported does not hold the file.
    #[error("the reported peer has not registered this file")]
    NotRegistered(#[from] NotRegistered),
    /// As many reports are remembered as there may be.
    #[error("there is no room for more reports")]
    NoRoom,
}

/// Whether a report says something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It does.
    First,
    /// The same peer has reported the same source of the same file before.
    Again,
}

impl Directory {
    /// Notes that `source` gave wrong bytes for the file. It is then named after the sources without a report, but still named: a
    /// report is one peer's word, and must not let it silence another. A peer's word counts once.
    pub fn report(
        &mut self,
        now: Time,
        reporter: &PeerId,
        key: &FileKey,
        source: &PeerId,
    ) -> Result<Noted, ReportError> {
        self.known(now, reporter)?;
        let file = self.files.id(key).ok_or(NotRegistered)?;
        let source = self.peers.number(source).ok_or(NotRegistered)?;
        self.holdings.get(file, source).ok_or(NotRegistered)?;
        let is_new = self.suspicions.add(file, source, *reporter).map_err(|NoRoom| ReportError::NoRoom)?;
        if !is_new {
            return Ok(Noted::Again);
        }
        self.version.advance();
        Ok(Noted::First)
    }
}
