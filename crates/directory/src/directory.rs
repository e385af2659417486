//! The directory itself: peers that come, stay and go. What they register and ask stands in modules of its own.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use drizzle_model::{FileKey, PeerId, Time};

use crate::change_log::{Change, ChangeLog};
use crate::files::{FileId, Files};
use crate::holdings::{Holding, Holdings};
use crate::past::Past;
use crate::peers::{Departure, PeerNumber, Peers};
use crate::quota::Usage;
use crate::quota::limits::PEERS_MAX;
use crate::suspicions::Suspicions;
use crate::version::Version;

/// How many pairs of a file and a peer that is gone are forgotten in one call.
const SWEEP_MAX: usize = 1024;

/// There are as many peers as there may be. Nobody's fault; later there may be room again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the directory is full: it holds {PEERS_MAX} peers")]
pub struct DirectoryFull;

/// The peer is not there: it never joined, it left, its lease ran out, or the directory is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer is not registered, or no longer")]
pub struct UnknownPeer;

/// Why a peer cannot register files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotServing {
    /// It is not there.
    #[error(transparent)]
    Unknown(#[from] UnknownPeer),
    /// It gave no address under which others could fetch.
    #[error("the peer has no address")]
    NoAddress,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Peers with a lease, with or without files.
    pub peers: usize,
    /// Different files.
    pub files: usize,
    /// Pairs of a file and a peer that holds it.
    pub holdings: usize,
}

/// Who is there and who has what.
#[derive(Debug, Default)]
pub struct Directory {
    pub(crate) peers: Peers,
    pub(crate) files: Files,
    pub(crate) holdings: Holdings,
    pub(crate) suspicions: Suspicions,
    pub(crate) past: Past,
    /// Of all peers together.
    pub(crate) partial_chunks: u64,
    pub(crate) version: Version,
    pub(crate) changes: ChangeLog,
    departures: VecDeque<Departure>,
    /// Peers that are gone, whose files are still to be forgotten.
    pub(crate) leaving: VecDeque<PeerNumber>,
}

impl Directory {
    /// How long a peer stays without renewing (S2.2).
    pub const LEASE: Duration = Duration::from_secs(180);

    /// A directory without a peer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A directory without a peer whose versions begin there: greater than any that an earlier one gave out, so that nobody takes
    /// one for the other.
    pub fn starting_at(version: Version) -> Self {
        Self { version, changes: ChangeLog::since(version), ..Self::default() }
    }

    /// Takes the peer in, or renews the lease of one that is there. Without an address it can ask, but not
    /// register files.
    pub fn join(
        &mut self,
        now: Time,
        peer: PeerId,
        address: Option<SocketAddr>,
    ) -> Result<PeerNumber, DirectoryFull> {
        self.expire(now);
        let number = match self.peers.number(&peer) {
            Some(number) => number,
            None => self.peers.add(peer, now + Self::LEASE).ok_or(DirectoryFull)?,
        };
        self.prolong(now, number, address);
        Ok(number)
    }

    /// Lets the peer's lease last from now on, and notes where it is now. A peer that is gone stays gone: what it had
    /// registered is not known any more, so it has to join and register again.
    pub fn renew(
        &mut self,
        now: Time,
        peer: &PeerId,
        address: Option<SocketAddr>,
    ) -> Result<PeerNumber, UnknownPeer> {
        let number = self.known(now, peer)?;
        self.prolong(now, number, address);
        Ok(number)
    }

    /// Lets the peer go, and all that it registered with it, at once (S0.7). Only if that is very much are there a few
    /// more calls, or [`Directory::sweep`], until listings no longer count it; it is handed out to nobody in any case.
    pub fn leave(&mut self, now: Time, peer: &PeerId) -> Result<PeerNumber, UnknownPeer> {
        let number = self.known(now, peer)?;
        self.retire(number);
        self.sweep();
        Ok(number)
    }

    /// Lets every peer go whose lease has run out. Any other call does so as well; this one is for when nobody calls.
    pub fn expire(&mut self, now: Time) {
        while let Some((deadline, number)) = self.peers.next_deadline()
            && deadline <= now
        {
            if let Some(peer) = self.retire(number) {
                self.departures.push_back(Departure { peer, number });
            }
        }
        self.sweep();
    }

    /// Forgets what peers held that are gone, as much of it as takes a millisecond or two; says whether all is forgotten. Any other
    /// call does so as well.
    pub fn sweep(&mut self) -> bool {
        let mut room = SWEEP_MAX;
        while let Some(&number) = self.leaving.front() {
            let files: Vec<FileId> = self.holdings.of_peer(number).take(room).collect();
            room -= files.len();
            for &file in &files {
                self.release(file, number);
            }
            if self.holdings.of_peer(number).next().is_some() {
                return false;
            }
            self.peers.remove(number);
            self.leaving.pop_front();
        }
        true
    }

    /// When the next lease runs out.
    pub fn next_deadline(&self) -> Option<Time> {
        self.peers.next_deadline().map(|(deadline, _)| deadline)
    }

    /// The peers whose leases ran out, each once. To be called until empty after any other call.
    pub fn poll_departure(&mut self) -> Option<Departure> {
        self.departures.pop_front()
    }

    /// The files of the past that are not remembered any more, each once. To be called until empty after any other call.
    pub fn poll_forgotten(&mut self) -> Option<Arc<FileKey>> {
        self.past.poll_forgotten()
    }

    /// The version of what queries see.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How much there is.
    pub fn stats(&self) -> Stats {
        Stats { peers: self.peers.len(), files: self.files.len(), holdings: self.holdings.len() }
    }

    /// The peer's number, if its lease lasts.
    pub(crate) fn known(&mut self, now: Time, peer: &PeerId) -> Result<PeerNumber, UnknownPeer> {
        self.expire(now);
        self.peers.number(peer).ok_or(UnknownPeer)
    }

    /// Sets what the peer has of the file, and keeps the counts true.
    pub(crate) fn hold(&mut self, file: FileId, peer: PeerNumber, holding: Holding) {
        let (is_source, chunks) = (holding.is_source(), holding.partial_chunks());
        let before = self.holdings.set(file, peer, holding);
        if self.holdings.get(file, peer) == before.as_ref() {
            return;
        }
        self.version.advance();
        self.partial_chunks += chunks;
        self.partial_chunks -= before.as_ref().map_or(0, Holding::partial_chunks);
        let was_source = before.as_ref().is_some_and(Holding::is_source);
        let file_id = file;
        let sources_before = self.files.file(file_id).map_or(0, |file| file.sources);
        if let (Some(file), Some(peer)) = (self.files.file_mut(file), self.peers.peer_mut(peer)) {
            file.holders += u32::from(before.is_none());
            file.sources = file.sources + u32::from(is_source) - u32::from(was_source);
            peer.usage = peer.usage.plus(usage(&file.key, chunks));
            if let Some(before) = before {
                peer.usage = peer.usage.minus(usage(&file.key, before.partial_chunks()));
            }
        }
        if was_source != is_source {
            self.note_file(file_id, sources_before);
        }
    }

    /// Forgets that the peer holds the file; with its last holder the file belongs to the past. Says whether it did hold it.
    pub(crate) fn release(&mut self, file_id: FileId, number: PeerNumber) -> bool {
        let Some(holding) = self.holdings.remove(file_id, number) else { return false };
        self.version.advance();
        self.suspicions.forget(file_id, number);
        self.partial_chunks -= holding.partial_chunks();
        if let Some(file) = self.files.file_mut(file_id) {
            file.holders -= 1;
            file.sources -= u32::from(holding.is_source());
            if let Some(peer) = self.peers.peer_mut(number) {
                peer.usage = peer.usage.minus(usage(&file.key, holding.partial_chunks()));
            }
            let (is_last, sources) = (file.holders == 0, file.sources);
            if holding.is_source() {
                self.note_file(file_id, sources + 1);
            }
            if is_last && let Some(file) = self.files.remove(file_id) {
                self.past.keep(file);
            }
        }
        true
    }

    fn prolong(&mut self, now: Time, number: PeerNumber, address: Option<SocketAddr>) {
        self.peers.extend(now, number, Self::LEASE);
        if let (Some(peer), Some(_)) = (self.peers.peer_mut(number), address)
            && peer.address != address
        {
            let (peer, before) = (peer.id, core::mem::replace(&mut peer.address, address));
            self.version.advance();
            if before.is_none() {
                self.changes.push(self.version, Change::Came { peer, number });
            }
        }
    }

    fn retire(&mut self, number: PeerNumber) -> Option<PeerId> {
        self.version.advance();
        self.leaving.push_back(number);
        let has_served = self.peers.peer(number).is_some_and(|peer| peer.address.is_some());
        let peer = self.peers.retire(number)?;
        if has_served {
            self.changes.push(self.version, Change::Went { peer, number });
        }
        Some(peer)
    }
}

/// What a file counts for the one who holds it.
pub(crate) fn usage(key: &FileKey, partial_chunks: u64) -> Usage {
    Usage { files: 1, name_bytes: key.name.as_str().len() as u64, partial_chunks }
}
