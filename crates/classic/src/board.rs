//! The tracker's side: which peer has the newest of each name. Pure; time comes in.
//!
//! Laws, which [`Board::check_invariants`] recounts: of one name there is one time, the newest that was registered by a peer that is
//! there (S2.3); whoever has exactly that is a holder, and the first of them is named. A peer is gone 180 s after its last word
//! (S2.2). What was replaced, or is gone, comes back only when its peer registers it anew: a keepalive registers
//! nothing. Who is there at all, and with how much, is the roster's affair; what is shown of it to whom, that of `board/view`.

#[cfg(test)]
mod tests;
pub(crate) mod view;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use drizzle_model::Time;

use crate::dialect::Dialect;
use crate::message::OwnFile;
use crate::name::Name;
use crate::roster::{BoardFull, Roster};
use crate::stamp::Stamp;

/// Whether a peer is on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is, for another 180 s.
    Yes,
    /// It never registered, or it is gone.
    No,
}

/// Who has the newest of each name.
#[derive(Debug, Default)]
pub struct Board {
    roster: Roster,
    files: BTreeMap<Name, File>,
    version: u64,
}

#[derive(Debug)]
struct File {
    mtime: Stamp,
    /// When it became this file.
    since: Time,
    /// In the order in which they came; never none.
    holders: Vec<SocketAddr>,
}

impl Board {
    /// A board with nothing on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the peer in, or renews it, with these files and no others. Nothing changes when there is no room.
    pub fn register(
        &mut self,
        now: Time,
        peer: SocketAddr,
        dialect: Dialect,
        files: Vec<OwnFile>,
    ) -> Result<(), BoardFull> {
        self.expire(now);
        self.roster.check_room(peer, files.len())?;
        let newest = newest_of_each(files);
        self.take_in(now, peer, dialect);
        self.release(peer, |name, mtime| newest.get(name) != Some(mtime));
        for (name, mtime) in newest {
            self.add(now, peer, name, mtime);
        }
        Ok(())
    }

    /// Renews the peer, if it is there.
    pub fn keepalive(&mut self, now: Time, peer: SocketAddr, dialect: Dialect) -> Known {
        self.expire(now);
        if !self.roster.contains(peer) {
            return Known::No;
        }
        self.take_in(now, peer, dialect);
        Known::Yes
    }

    /// Lets every peer go that was silent for 180 s; says how many. Any other call does so as well.
    pub fn expire(&mut self, now: Time) -> usize {
        let mut gone = 0;
        while let Some(peer) = self.roster.overdue(now) {
            self.release(peer, |_, _| true);
            self.roster.remove(peer);
            gone += 1;
        }
        gone
    }

    /// Grows with every change of what is shown.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many peers are there, and how many names.
    pub fn counts(&self) -> (usize, usize) {
        (self.roster.len(), self.files.len())
    }

    fn take_in(&mut self, now: Time, peer: SocketAddr, dialect: Dialect) {
        self.version += u64::from(self.roster.take_in(now, peer, dialect));
    }

    fn add(&mut self, now: Time, peer: SocketAddr, name: Name, mtime: Stamp) {
        match self.files.get(&name).map(|file| file.mtime.cmp(&mtime)) {
            Some(Ordering::Greater) => return,
            Some(Ordering::Equal) => {}
            Some(Ordering::Less) | None => {
                self.forget(&name);
                self.files.insert(name.clone(), File { mtime, since: now, holders: Vec::new() });
            }
        }
        if let Some(file) = self.files.get_mut(&name)
            && self.roster.give(peer, name)
        {
            file.holders.push(peer);
            self.version += 1;
        }
    }

    /// Takes the name from all who hold it.
    fn forget(&mut self, name: &Name) {
        let Some(file) = self.files.remove(name) else { return };
        file.holders.iter().for_each(|holder| self.roster.take(*holder, name));
        self.version += 1;
    }

    /// Takes from the peer what `is_meant`.
    fn release(&mut self, peer: SocketAddr, is_meant: impl Fn(&Name, &Stamp) -> bool) {
        let meant = |name: &&Name| self.files.get(*name).is_some_and(|file| is_meant(name, &file.mtime));
        let released: Vec<Name> = self.roster.names(peer).filter(meant).cloned().collect();
        for name in &released {
            self.roster.take(peer, name);
            let Some(file) = self.files.get_mut(name) else { continue };
            file.holders.retain(|holder| *holder != peer);
            if file.holders.is_empty() {
                self.files.remove(name);
            }
        }
        self.version += u64::from(!released.is_empty());
    }

    /// Recounts everything.
    ///
    /// # Panics
    /// When a law does not hold.
    pub fn check_invariants(&self) {
        self.roster.check_invariants(|peer, name| {
            self.files.get(name).is_some_and(|file| file.holders.contains(&peer))
        });
        for (name, file) in &self.files {
            assert!(!file.holders.is_empty(), "{name:?} has a holder");
            assert!(
                file.holders.iter().all(|holder| self.roster.holds(*holder, name)),
                "holders of {name:?}"
            );
        }
    }
}

fn newest_of_each(files: Vec<OwnFile>) -> BTreeMap<Name, Stamp> {
    let mut newest: BTreeMap<Name, Stamp> = BTreeMap::new();
    for OwnFile { name, mtime } in files {
        let known = newest.get(&name);
        if known.is_none_or(|known| mtime.is_newer_than(known)) {
            newest.insert(name, mtime);
        }
    }
    newest
}
