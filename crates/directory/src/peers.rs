//! The peers that are there: numbers, addresses, leases.
//!
//! A number is the lowest that is free, and is free again when its peer is gone (S1.5). Numbers start at 1. A peer goes in
//! two steps: retired, it is known to nobody; removed, when nothing refers to it any more, its number is free.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use drizzle_model::{PeerId, Time};

use crate::load::Load;
use crate::quota::Usage;
use crate::quota::limits::PEERS_MAX;

/// A peer's number, for people and for short records. Another peer may have it once this one is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerNumber(u32);

impl PeerNumber {
    pub(crate) const MIN: Self = Self(1);
    pub(crate) const MAX: Self = Self(u32::MAX);

    /// The number itself, from 1.
    pub const fn number(self) -> u32 {
        self.0
    }

    fn of_slot(slot: usize) -> Self {
        Self(slot as u32 + 1)
    }

    fn slot(self) -> usize {
        self.0 as usize - 1
    }
}

impl fmt::Display for PeerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A peer that is gone because its lease ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// Who it was.
    pub peer: PeerId,
    /// The number that is free now.
    pub number: PeerNumber,
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    /// None as long as it only asks.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) deadline: Time,
    pub(crate) usage: Usage,
    pub(crate) load: Load,
    /// It is gone, and what it held is still being forgotten: for everybody else it is not there.
    is_gone: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Peers {
    slots: Vec<Option<Peer>>,
    free: BTreeSet<PeerNumber>,
    numbers: BTreeMap<PeerId, PeerNumber>,
    deadlines: BTreeSet<(Time, PeerNumber)>,
}

impl Peers {
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn number(&self, id: &PeerId) -> Option<PeerNumber> {
        self.numbers.get(id).copied()
    }

    pub(crate) fn peer(&self, number: PeerNumber) -> Option<&Peer> {
        self.slots.get(number.slot())?.as_ref().filter(|peer| !peer.is_gone)
    }

    pub(crate) fn peer_mut(&mut self, number: PeerNumber) -> Option<&mut Peer> {
        self.slots.get_mut(number.slot())?.as_mut().filter(|peer| !peer.is_gone)
    }

    /// Takes in a peer that is not there yet; none when there are too many.
    pub(crate) fn add(&mut self, id: PeerId, deadline: Time) -> Option<PeerNumber> {
        if self.slots.len() - self.free.len() >= PEERS_MAX {
            return None;
        }
        let number = self.free.pop_first().unwrap_or_else(|| {
            self.slots.push(None);
            PeerNumber::of_slot(self.slots.len() - 1)
        });
        let peer = Peer {
            id,
            address: None,
            deadline,
            usage: Usage::default(),
            load: Load::default(),
            is_gone: false,
        };
        self.slots[number.slot()] = Some(peer);
        self.numbers.insert(id, number);
        self.deadlines.insert((deadline, number));
        Some(number)
    }

    /// Lets nobody know the peer any more, but keeps its number taken.
    pub(crate) fn retire(&mut self, number: PeerNumber) -> Option<PeerId> {
        let peer = self.peer_mut(number)?;
        peer.is_gone = true;
        let (id, deadline) = (peer.id, peer.deadline);
        self.numbers.remove(&id);
        self.deadlines.remove(&(deadline, number));
        Some(id)
    }

    /// Frees the number of a peer that was retired.
    pub(crate) fn remove(&mut self, number: PeerNumber) {
        if let Some(slot) = self.slots.get_mut(number.slot())
            && slot.take_if(|peer| peer.is_gone).is_some()
        {
            self.free.insert(number);
        }
    }

    /// Lets the peer's lease end `lease` from now, or later when it already does.
    pub(crate) fn extend(&mut self, now: Time, number: PeerNumber, lease: Duration) {
        let Some(peer) = self.slots.get_mut(number.slot()).and_then(Option::as_mut) else { return };
        let deadline = peer.deadline.max(now + lease);
        if deadline != peer.deadline {
            self.deadlines.remove(&(peer.deadline, number));
            self.deadlines.insert((deadline, number));
            peer.deadline = deadline;
        }
    }

    /// The lease that ends first.
    pub(crate) fn next_deadline(&self) -> Option<(Time, PeerNumber)> {
        self.deadlines.first().copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PeerNumber, &Peer)> {
        let numbered = self.slots.iter().zip(1..);
        let there = numbered.filter_map(|(peer, number)| Some((PeerNumber(number), peer.as_ref()?)));
        there.filter(|(_, peer)| !peer.is_gone)
    }

    pub(crate) fn check_invariants(&self) {
        for (number, peer) in self.iter() {
            assert_eq!(self.number(&peer.id), Some(number), "the number of {:?}", peer.id);
            assert!(self.deadlines.contains(&(peer.deadline, number)), "the deadline of peer {number}");
            assert!(!self.free.contains(&number), "peer {number} has a free number");
        }
        let count = self.iter().count();
        assert_eq!((self.numbers.len(), self.deadlines.len()), (count, count), "numbers and deadlines");
        let taken = self.slots.iter().flatten().count();
        assert_eq!(self.free.len() + taken, self.slots.len(), "every number is taken or free");
    }
}
