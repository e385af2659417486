//! Those who may have a content, and when each may be called: a small pure structure.
//!
//! A candidate is idle, being called, or connected. One that failed waits before it is called again, twice as long after
//! each failure until it has sent something right; one that lied is never called again.

use std::collections::HashMap;
use std::time::Duration;

use drizzle_model::{Address, PeerId, Time};

use crate::input::Candidate;

/// More candidates than this are not remembered: the tracker names the best first, and peers name others as needed.
const CANDIDATES_MAX: usize = 512;
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(15);
/// After so many failures the wait is the longest.
const FAILURES_TO_RETRY_MAX: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle { not_before: Time },
    Calling,
    Connected,
    Banned,
}

#[derive(Debug)]
struct Entry {
    peer: Option<PeerId>,
    state: State,
    failures: u32,
}

/// The candidates of one content, by address.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    entries: HashMap<Address, Entry>,
}

impl Candidates {
    /// Takes up a candidate, if it is new and there is room.
    pub(crate) fn add(&mut self, now: Time, candidate: Candidate) {
        let is_known_peer =
            candidate.peer.is_some() && self.entries.values().any(|e| e.peer == candidate.peer);
        if is_known_peer || self.entries.len() >= CANDIDATES_MAX {
            return;
        }
        let entry = Entry { peer: candidate.peer, state: State::Idle { not_before: now }, failures: 0 };
        self.entries.entry(candidate.address).or_insert(entry);
    }

    /// Somebody to call now, marked as being called.
    pub(crate) fn next(&mut self, now: Time) -> Option<Candidate> {
        let is_due = |entry: &Entry| matches!(entry.state, State::Idle { not_before } if not_before <= now);
        let due = self.entries.iter_mut().filter(|(_, entry)| is_due(entry));
        let (address, entry) = due.min_by_key(|(_, entry)| entry.failures)?;
        entry.state = State::Calling;
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
        if let Some(entry) = self.entries.get_mut(address) {
            entry.peer = Some(peer);
            if entry.state != State::Banned {
                entry.state = State::Connected;
            }
        }
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
        if let Some(entry) = self.entries.get_mut(address) {
            retry_later(now, entry);
        }
    }

    /// The connection with `peer` ended.
    pub(crate) fn disconnected(&mut self, now: Time, peer: PeerId) {
        let of_peer = self.entries.values_mut().filter(|entry| entry.peer == Some(peer));
        of_peer.for_each(|entry| retry_later(now, entry));
    }

    /// Never call `peer` again.
    pub(crate) fn ban(&mut self, peer: PeerId) {
        let of_peer = self.entries.values_mut().filter(|entry| entry.peer == Some(peer));
        of_peer.for_each(|entry| entry.state = State::Banned);
    }

    /// How many are being called.
    pub(crate) fn calling(&self) -> usize {
        self.entries.values().filter(|entry| entry.state == State::Calling).count()
    }
}

fn retry_later(now: Time, entry: &mut Entry) {
    if entry.state == State::Banned {
        return;
    }
    let wait = (RETRY_MIN * 2u32.saturating_pow(entry.failures.min(10))).min(RETRY_MAX);
    entry.failures += 1;
    entry.state = State::Idle { not_before: now + wait };
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
        candidates.add(at(0), candidate(1));
        candidates.add(at(0), candidate(1));
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
        candidates.add(at(0), candidate(1));
        assert_eq!(candidates.next(at(0)), Some(candidate(1)));
        candidates.failed(at(0), &candidate(1).address);
        candidates.add(at(0), candidate(2));
        assert_eq!(candidates.next(at(1000)), Some(candidate(2)));
    }

    #[test]
    fn a_liar_is_not_called_again() {
        let mut candidates = Candidates::default();
        candidates.add(at(0), candidate(1));
        let called = candidates.next(at(0)).unwrap();
        candidates.connected(&called.address, called.peer.unwrap());
        candidates.ban(called.peer.unwrap());
        candidates.disconnected(at(0), called.peer.unwrap());
        assert_eq!((candidates.next(at(100_000)), candidates.next_due()), (None, None));
    }

    #[test]
    fn strangers_cannot_make_the_list_grow_without_end() {
        let mut candidates = Candidates::default();
        (0..10_000).for_each(|port| {
            let address = format!("10.0.{}.{}:1", port / 256, port % 256).parse().unwrap();
            candidates.add(at(0), Candidate { address, peer: None });
        });
        assert_eq!(candidates.entries.len(), CANDIDATES_MAX);
    }
}
