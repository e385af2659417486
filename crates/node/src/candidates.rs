//! Those who may have a content, and when each may be called: a small pure structure.
//!
//! A candidate is idle, being called, or connected. One that failed waits before it is called again, twice as long after
//! each failure until it has sent something right; one that lied is never called again. Nobody is taken up under
//! two addresses. What peers say of each other counts for less than what the tracker, a link or the owner says: it takes little
//! room, goes first when room is short, and is forgotten when it leads nowhere.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use drizzle_model::{Address, PeerId, Time};

use crate::input::Candidate;

/// More candidates than this are not remembered: the tracker names the best first, and peers name others as needed.
const CANDIDATES_MAX: usize = 512;
/// More that only other peers have named are not remembered: they may name whomever they like.
const HEARSAY_MAX: usize = 64;
/// After so many failures one that only other peers have named is forgotten.
const HEARSAY_FAILURES_MAX: u32 = 2;
/// More liars than this are not remembered. Each had to be a member, and to send a whole chunk.
const BANNED_MAX: usize = 4096;
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(15);
/// After so many failures the wait is the longest.
const FAILURES_TO_RETRY_MAX: u32 = 5;

/// Who says that somebody may have a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// The tracker, a link, or the peer itself by being connected.
    Authority,
    /// Another peer.
    Hearsay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle {
        not_before: Time,
    },
    Calling,
    Connected,
    /// Whoever answers at this address has lied.
    Banned,
}

#[derive(Debug)]
struct Entry {
    peer: Option<PeerId>,
    named_by: NamedBy,
    state: State,
    /// Whether this address was called: until then it is not given up for another one.
    is_tried: bool,
    failures: u32,
}

impl Entry {
    fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle { .. })
    }

    /// Whether what `named_by` says comes in this one's place.
    fn yields_to(&self, named_by: NamedBy) -> bool {
        let is_promoted = self.named_by == NamedBy::Hearsay && named_by == NamedBy::Authority;
        self.is_idle() && (is_promoted || self.is_tried && self.named_by == named_by)
    }
}

/// The candidates of one content, by address.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    entries: HashMap<Address, Entry>,
    banned: HashSet<PeerId>,
}

impl Candidates {
    /// Nobody yet, but for those who are never to be called.
    pub(crate) fn new(banned: impl IntoIterator<Item = PeerId>) -> Self {
        Self { entries: HashMap::new(), banned: banned.into_iter().take(BANNED_MAX).collect() }
    }

    /// Takes up a candidate, if it says something new and there is room.
    pub(crate) fn add(&mut self, now: Time, candidate: Candidate, named_by: NamedBy) {
        let Candidate { address, peer } = candidate;
        if peer.is_some_and(|peer| self.is_banned(peer)) {
            return;
        }
        if let Some(known_at) = peer.and_then(|peer| self.address_of(peer)) {
            return self.add_known(&known_at, address, named_by);
        }
        if let Some(entry) = self.entries.get(&address) {
            // The address alone is enough to call there, and whoever answers says who it is.
            if entry.peer.is_none() || !entry.yields_to(named_by) {
                return;
            }
            self.entries.remove(&address);
        }
        if self.make_room(named_by) {
            let state = State::Idle { not_before: now };
            let entry = Entry { peer, named_by, state, is_tried: false, failures: 0 };
            self.entries.insert(address, entry);
        }
    }

    /// A known peer is named again, perhaps at a new address. Its waiting time stays, so that nobody gains by many addresses.
    fn add_known(&mut self, known_at: &Address, address: Address, named_by: NamedBy) {
        let Some(entry) = self.entries.get_mut(known_at) else { return };
        if *known_at == address {
            if named_by == NamedBy::Authority {
                entry.named_by = named_by;
            }
            return;
        }
        if !entry.yields_to(named_by) || self.entries.contains_key(&address) {
            return;
        }
        if let Some(entry) = self.entries.remove(known_at) {
            self.entries.insert(address, Entry { named_by, is_tried: false, ..entry });
        }
    }

    fn address_of(&self, peer: PeerId) -> Option<Address> {
        self.entries.iter().find(|(_, entry)| entry.peer == Some(peer)).map(|(address, _)| address.clone())
    }

    /// Whether one more can be remembered, if need be in the place of the one that failed most often.
    fn make_room(&mut self, named_by: NamedBy) -> bool {
        let hearsay = self.entries.values().filter(|entry| entry.named_by == NamedBy::Hearsay).count();
        match named_by {
            NamedBy::Hearsay if hearsay >= HEARSAY_MAX || self.entries.len() >= CANDIDATES_MAX => {
                self.evict(|entry| entry.named_by == NamedBy::Hearsay && entry.failures > 0)
            }
            NamedBy::Authority if self.entries.len() >= CANDIDATES_MAX => {
                self.evict(|entry| entry.named_by == NamedBy::Hearsay || entry.failures > 0)
            }
            _ => true,
        }
    }

    fn evict(&mut self, may_go: impl Fn(&Entry) -> bool) -> bool {
        let idle = self.entries.iter().filter(|(_, entry)| entry.is_idle() && may_go(entry));
        let worst =
            idle.min_by_key(|(_, entry)| (entry.named_by == NamedBy::Authority, Reverse(entry.failures)));
        let address = worst.map(|(address, _)| address.clone());
        address.is_some_and(|address| self.entries.remove(&address).is_some())
    }

    /// Somebody to call now, marked as being called.
    pub(crate) fn next(&mut self, now: Time) -> Option<Candidate> {
        let is_due = |entry: &Entry| matches!(entry.state, State::Idle { not_before } if not_before <= now);
        let is_banned = |entry: &Entry| entry.peer.is_some_and(|peer| self.banned.contains(&peer));
        let due = self.entries.iter_mut().filter(|(_, entry)| is_due(entry) && !is_banned(entry));
        let (address, entry) = due.min_by_key(|(_, entry)| entry.failures)?;
        entry.state = State::Calling;
        entry.is_tried = true;
        Some(Candidate { address: address.clone(), peer: entry.peer })
    }

    /// When somebody may be called, if not now.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let due = |entry: &Entry| match entry.state {
            State::Idle { not_before } => Some(not_before),
            State::Calling | State::Connected | State::Banned => None,
        };
        self.entries.values().filter_map(due).min()
    }

    /// The call led to a connection with `peer`.
    pub(crate) fn connected(&mut self, address: &Address, peer: PeerId) {
        let is_banned = self.is_banned(peer);
        if let Some(entry) = self.entries.get_mut(address) {
            entry.peer = Some(peer);
            entry.is_tried = true;
            entry.state = if is_banned { State::Banned } else { State::Connected };
        }
        // Where it is known by another address, it needs no call there.
        let elsewhere = self.entries.values_mut().filter(|entry| entry.peer == Some(peer) && entry.is_idle());
        elsewhere.for_each(|entry| entry.state = State::Connected);
    }

    /// `peer` has sent something that is right: what failed before no longer counts.
    pub(crate) fn proved(&mut self, peer: PeerId) {
        let of_peer = self.entries.values_mut().filter(|entry| entry.peer == Some(peer));
        of_peer.for_each(|entry| entry.failures = 0);
    }

    /// `peer` broke the protocol: it is left alone for the longest time.
    pub(crate) fn hold_off(&mut self, peer: PeerId) {
        let of_peer = self.entries.values_mut().filter(|entry| entry.peer == Some(peer));
        of_peer.for_each(|entry| entry.failures = entry.failures.max(FAILURES_TO_RETRY_MAX));
    }

    /// The call led nowhere.
    pub(crate) fn failed(&mut self, now: Time, address: &Address) {
        self.retry_later(now, |at, entry| at == address && entry.state != State::Banned);
    }

    /// The content is spoken of with `peer` no more. One that is idle or being called is so for its own reasons.
    pub(crate) fn disconnected(&mut self, now: Time, peer: PeerId) {
        self.retry_later(now, |_, entry| entry.peer == Some(peer) && entry.state == State::Connected);
    }

    fn retry_later(&mut self, now: Time, is_meant: impl Fn(&Address, &Entry) -> bool) {
        self.entries.retain(|address, entry| {
            if is_meant(address, entry) {
                let wait = (RETRY_MIN * 2u32.saturating_pow(entry.failures.min(10))).min(RETRY_MAX);
                entry.failures = entry.failures.saturating_add(1);
                entry.state = State::Idle { not_before: now + wait };
            }
            entry.named_by == NamedBy::Authority || !entry.is_idle() || entry.failures < HEARSAY_FAILURES_MAX
        });
    }

    /// Never call `peer` again.
    pub(crate) fn ban(&mut self, peer: PeerId) {
        if self.banned.len() < BANNED_MAX {
            self.banned.insert(peer);
        }
        let of_peer = self.entries.values_mut().filter(|entry| entry.peer == Some(peer));
        of_peer.for_each(|entry| entry.state = State::Banned);
    }

    /// Whether `peer` has lied.
    pub(crate) fn is_banned(&self, peer: PeerId) -> bool {
        self.banned.contains(&peer)
    }

    /// How many are being called.
    pub(crate) fn calling(&self) -> usize {
        self.entries.values().filter(|entry| entry.state == State::Calling).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::after_origin(Duration::from_millis(millis))
    }

    fn candidate(port: u16) -> Candidate {
        let address = format!("10.0.0.1:{port}").parse().unwrap();
        Candidate { address, peer: Some(PeerId::from_bytes([port as u8; 32])) }
    }

    #[test]
    fn each_is_called_once_and_again_only_after_a_wait_that_grows() {
        let mut candidates = Candidates::default();
        candidates.add(at(0), candidate(1), NamedBy::Authority);
        candidates.add(at(0), candidate(1), NamedBy::Authority);
        assert_eq!(candidates.next(at(0)), Some(candidate(1)));
        assert_eq!(candidates.next(at(0)), None);
        candidates.failed(at(0), &candidate(1).address);
        assert_eq!((candidates.next(at(499)), candidates.next_due()), (None, Some(at(500))));
        assert_eq!(candidates.next(at(500)), Some(candidate(1)));
        candidates.failed(at(500), &candidate(1).address);
        assert_eq!(candidates.next_due(), Some(at(1500)));
    }

    #[test]
    fn one_that_never_failed_comes_before_one_that_did() {
        let mut candidates = Candidates::default();
        candidates.add(at(0), candidate(1), NamedBy::Authority);
        assert_eq!(candidates.next(at(0)), Some(candidate(1)));
        candidates.failed(at(0), &candidate(1).address);
        candidates.add(at(0), candidate(2), NamedBy::Authority);
        assert_eq!(candidates.next(at(1000)), Some(candidate(2)));
    }

    #[test]
    fn a_liar_is_not_called_again() {
        let mut candidates = Candidates::default();
        candidates.add(at(0), candidate(1), NamedBy::Authority);
        let called = candidates.next(at(0)).unwrap();
        candidates.connected(&called.address, called.peer.unwrap());
        candidates.ban(called.peer.unwrap());
        candidates.disconnected(at(0), called.peer.unwrap());
        assert_eq!((candidates.next(at(100_000)), candidates.next_due()), (None, None));
        // Neither when somebody names it anew, at another address.
        candidates.add(at(0), Candidate { peer: called.peer, ..candidate(2) }, NamedBy::Authority);
        // Nor where it answers at an address that stood for nobody.
        let address_only = Candidate { peer: None, ..candidate(3) };
        candidates.add(at(0), address_only.clone(), NamedBy::Authority);
        assert_eq!(candidates.next(at(0)), Some(address_only.clone()));
        candidates.connected(&address_only.address, called.peer.unwrap());
        assert_eq!((candidates.next(at(100_000)), candidates.next_due()), (None, None));
    }

    #[test]
    fn a_peer_that_moved_is_called_where_it_is_now() {
        let mut candidates = Candidates::default();
        let moved = Candidate { peer: candidate(1).peer, ..candidate(2) };
        candidates.add(at(0), candidate(1), NamedBy::Authority);
        candidates.add(at(0), moved.clone(), NamedBy::Authority);
        assert_eq!(
            candidates.next(at(0)),
            Some(candidate(1)),
            "the first address is tried before the second"
        );
        candidates.add(at(0), moved.clone(), NamedBy::Authority);
        candidates.failed(at(0), &candidate(1).address);
        candidates.add(at(0), moved.clone(), NamedBy::Authority);
        assert_eq!((candidates.next(at(499)), candidates.next(at(500))), (None, Some(moved)));
        assert_eq!(candidates.entries.len(), 1);
    }

    #[test]
    fn the_tracker_corrects_what_peers_say() {
        let mut candidates = Candidates::default();
        let false_peer = Candidate { peer: candidate(9).peer, ..candidate(1) };
        candidates.add(at(0), false_peer.clone(), NamedBy::Hearsay);
        candidates.add(at(0), candidate(1), NamedBy::Authority);
        candidates.add(at(0), false_peer, NamedBy::Hearsay);
        assert_eq!((candidates.next(at(0)), candidates.next(at(0))), (Some(candidate(1)), None));
    }

    #[test]
    fn hearsay_takes_little_room_and_is_forgotten() {
        let mut candidates = Candidates::default();
        for port in 1..200 {
            candidates.add(at(0), candidate(port), NamedBy::Hearsay);
        }
        assert_eq!(candidates.entries.len(), HEARSAY_MAX);
        let called = candidates.next(at(0)).unwrap();
        candidates.failed(at(0), &called.address);
        assert!(candidates.entries.contains_key(&called.address));
        candidates.failed(at(0), &called.address);
        assert!(!candidates.entries.contains_key(&called.address));
    }

    #[test]
    fn a_full_list_gives_up_the_one_that_failed_most() {
        let mut candidates = Candidates::default();
        candidates.add(at(0), candidate(1), NamedBy::Authority);
        candidates.next(at(0)).unwrap();
        candidates.failed(at(0), &candidate(1).address);
        (0..CANDIDATES_MAX).for_each(|n| {
            let address = format!("10.1.{}.{}:1", n / 256, n % 256).parse().unwrap();
            candidates.add(at(0), Candidate { address, peer: None }, NamedBy::Authority);
        });
        assert_eq!(candidates.entries.len(), CANDIDATES_MAX);
        assert!(!candidates.entries.contains_key(&candidate(1).address));
    }

    #[test]
    fn one_that_is_waiting_waits_no_longer_for_a_connection_that_ends() {
        let mut candidates = Candidates::default();
        candidates.add(at(0), candidate(1), NamedBy::Authority);
        candidates.disconnected(at(0), candidate(1).peer.unwrap());
        assert_eq!(candidates.next(at(0)), Some(candidate(1)));
    }

    #[test]
    fn strangers_cannot_make_the_list_grow_without_end() {
        let mut candidates = Candidates::default();
        (0..10_000).for_each(|port| {
            let address = format!("10.0.{}.{}:1", port / 256, port % 256).parse().unwrap();
            candidates.add(at(0), Candidate { address, peer: None }, NamedBy::Authority);
        });
        assert_eq!(candidates.entries.len(), CANDIDATES_MAX);
    }
}
