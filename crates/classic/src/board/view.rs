//! What of the board is shown to whom: the directory of a classic asker, and what the native side asks for. Changes nothing.

use std::net::SocketAddr;
use std::ops::Bound;

use drizzle_model::Time;

use super::{Board, File};
use crate::dialect::Dialect;
use crate::limits::BRIDGE_PATIENCE;
use crate::name::Name;
use crate::stamp::Stamp;

/// What is shown of a name to a classic asker.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The name.
    pub name: &'a Name,
    /// Who has it.
    pub holder: SocketAddr,
    /// How that peer speaks.
    pub dialect: Dialect,
    /// When it was modified last.
    pub mtime: &'a Stamp,
}

/// A file that is held.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// Its name.
    pub name: &'a Name,
    /// When it was modified last.
    pub mtime: &'a Stamp,
    /// How many have just this one.
    pub holders: usize,
}

impl Board {
    /// What an asker of that dialect sees, in the order of names.
    ///
    /// Of several holders it sees one that it can fetch from. Where there is none it sees the first all the same: what to do with
    /// it is its own affair. But while a peer is there that speaks both dialects, and will have the file in a moment, the file is
    /// held back for a while: a caller that asks in the wrong dialect waits for ever.
    pub fn shown(&self, now: Time, asker: Dialect) -> impl Iterator<Item = Shown<'_>> {
        let has_bridge = self.roster.has_bridge();
        self.files.iter().filter_map(move |(name, file)| {
            let fitting = self.speaking(file).find(|(_, dialect)| asker.can_fetch_from(*dialect));
            let waits = has_bridge && now.since(file.since) < BRIDGE_PATIENCE;
            let (holder, dialect) = fitting.or_else(|| self.speaking(file).next().filter(|_| !waits))?;
            Some(Shown { name, holder, dialect, mtime: &file.mtime })
        })
    }

    /// When [`Board::shown`] may show something else, although nothing was registered and nobody is gone.
    pub fn shows_more_at(&self, now: Time) -> Option<Time> {
        let waiting = self.files.values().map(|file| file.since + BRIDGE_PATIENCE);
        waiting.filter(|end| *end > now).min()
    }

    /// All files whose names come behind that one, or all there are, in the order of names.
    pub fn held_after(&self, after: Option<&str>) -> impl Iterator<Item = Held<'_>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let files = self.files.range::<str, _>((from, Bound::Unbounded));
        files.map(|(name, file)| Held { name, mtime: &file.mtime, holders: file.holders.len() })
    }

    /// The newest of that name: its time, and all who have it, in the order in which they came. Who asks for all of them speaks both
    /// dialects, so nothing is held back.
    pub fn holders(&self, name: &str) -> Option<(&Stamp, impl Iterator<Item = (SocketAddr, Dialect)>)> {
        let file = self.files.get(name)?;
        Some((&file.mtime, self.speaking(file)))
    }

    /// The holders of a file, and how each speaks.
    fn speaking<'a>(&'a self, file: &'a File) -> impl Iterator<Item = (SocketAddr, Dialect)> + 'a {
        file.holders.iter().filter_map(|holder| Some((*holder, self.roster.dialect(*holder)?)))
    }
}
