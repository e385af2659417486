//! Who is on a tracker's board: until when, speaking how, with how many files, and how much of it all one host takes. Pure.
//!
//! Laws: each peer has one deadline; the counts of a host are those of its peers; no host takes more than its share.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use drizzle_model::Time;

use crate::dialect::Dialect;
use crate::limits::{FILES_MAX, FILES_PER_HOST_MAX, LEASE, PEERS_MAX, PEERS_PER_HOST_MAX};
use crate::name::Name;

/// There is no room for a peer, or for its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the board is full")]
pub struct BoardFull;

/// The peers.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    peers: HashMap<SocketAddr, Peer>,
    deadlines: BTreeSet<(Time, SocketAddr)>,
    hosts: HashMap<IpAddr, Usage>,
}

#[derive(Debug)]
struct Peer {
    deadline: Time,
    dialect: Dialect,
    /// What it is a holder of.
    names: BTreeSet<Name>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Usage {
    peers: usize,
    files: usize,
}

impl Roster {
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn contains(&self, address: SocketAddr) -> bool {
        self.peers.contains_key(&address)
    }

    /// How that peer speaks, if it is there.
    pub(crate) fn dialect(&self, address: SocketAddr) -> Option<Dialect> {
        Some(self.peers.get(&address)?.dialect)
    }

    /// Whether somebody is there who speaks to all.
    pub(crate) fn has_bridge(&self) -> bool {
        self.peers.values().any(|peer| peer.dialect == Dialect::Both)
    }

    /// Whether the peer may be there with so many files.
    pub(crate) fn check_room(&self, address: SocketAddr, files: usize) -> Result<(), BoardFull> {
        let of_host = self.hosts.get(&address.ip()).copied().unwrap_or_default();
        let before = self.peers.get(&address);
        let new_peers = usize::from(before.is_none());
        let freed = before.map_or(0, |peer| peer.names.len());
        let all: usize = self.hosts.values().map(|usage| usage.files).sum();
        let fits = self.peers.len() + new_peers <= PEERS_MAX
            && of_host.peers + new_peers <= PEERS_PER_HOST_MAX
            && of_host.files + files - freed.min(of_host.files) <= FILES_PER_HOST_MAX
            && all + files - freed.min(all) <= FILES_MAX;
        fits.then_some(()).ok_or(BoardFull)
    }

    /// Takes the peer in or renews it; says whether it is new, or speaks otherwise than before.
    pub(crate) fn take_in(&mut self, now: Time, address: SocketAddr, dialect: Dialect) -> bool {
        let deadline = now + LEASE;
        self.deadlines.insert((deadline, address));
        match self.peers.get_mut(&address) {
            Some(peer) => {
                if peer.deadline != deadline {
                    self.deadlines.remove(&(peer.deadline, address));
                    peer.deadline = deadline;
                }
                std::mem::replace(&mut peer.dialect, dialect) != dialect
            }
            None => {
                self.peers.insert(address, Peer { deadline, dialect, names: BTreeSet::new() });
                self.count(address, |usage| usage.peers += 1);
                true
            }
        }
    }

    /// One whose time is over, if there is one.
    pub(crate) fn overdue(&self, now: Time) -> Option<SocketAddr> {
        self.deadlines.first().filter(|(deadline, _)| *deadline <= now).map(|(_, address)| *address)
    }

    /// Takes out a peer that holds nothing any more.
    pub(crate) fn remove(&mut self, address: SocketAddr) {
        if let Some(peer) = self.peers.remove(&address) {
            self.deadlines.remove(&(peer.deadline, address));
            let files = peer.names.len();
            self.count(address, |usage| {
                usage.peers -= 1;
                usage.files -= files;
            });
        }
    }

    /// What the peer holds.
    pub(crate) fn names(&self, address: SocketAddr) -> impl Iterator<Item = &Name> {
        self.peers.get(&address).into_iter().flat_map(|peer| &peer.names)
    }

    /// The peer holds it from now on; false when it did already, or is not there.
    pub(crate) fn give(&mut self, address: SocketAddr, name: Name) -> bool {
        let is_new = self.peers.get_mut(&address).is_some_and(|peer| peer.names.insert(name));
        if is_new {
            self.count(address, |usage| usage.files += 1);
        }
        is_new
    }

    /// The peer holds it no longer.
    pub(crate) fn take(&mut self, address: SocketAddr, name: &Name) {
        if self.peers.get_mut(&address).is_some_and(|peer| peer.names.remove(name)) {
            self.count(address, |usage| usage.files -= 1);
        }
    }

    fn count(&mut self, address: SocketAddr, change: impl FnOnce(&mut Usage)) {
        let usage = self.hosts.entry(address.ip()).or_default();
        change(usage);
        if *usage == Usage::default() {
            self.hosts.remove(&address.ip());
        }
    }

    /// Recounts everything, and gives every pair of a peer and what it holds to `is_held`.
    ///
    /// # Panics
    /// When a law does not hold, or a pair is not held.
    pub(crate) fn check_invariants(&self, is_held: impl Fn(SocketAddr, &Name) -> bool) {
        let mut hosts: HashMap<IpAddr, Usage> = HashMap::new();
        for (address, peer) in &self.peers {
            let usage = hosts.entry(address.ip()).or_default();
            usage.peers += 1;
            usage.files += peer.names.len();
            assert!(self.deadlines.contains(&(peer.deadline, *address)), "the deadline of {address}");
            for name in &peer.names {
                assert!(is_held(*address, name), "{address} holds {name:?}");
            }
        }
        assert_eq!(hosts, self.hosts, "what each host uses");
        assert_eq!(self.deadlines.len(), self.peers.len(), "one deadline for each peer");
    }

    /// Whether the peer is there and holds it.
    pub(crate) fn holds(&self, address: SocketAddr, name: &Name) -> bool {
        self.peers.get(&address).is_some_and(|peer| peer.names.contains(name))
    }
}
