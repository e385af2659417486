//! Questions that wait for an answer, and how long to wait.
//!
//! A call is open until it is answered, its last try times out, or its peer proves unreachable. The wait follows
//! the round trips that were measured: per peer, and over all peers for one that is new (RFC 6298's estimator); it
//! doubles with each try.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{PeerId, Time};

use crate::contact::Contact;
use crate::message::{Ask, CallId};

/// The shortest and the longest wait for one try. The shortest leaves a busy machine time to be scheduled.
const WAIT_MIN: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(3);
/// The wait before anything was measured.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// Peers whose round trips are remembered: more than any node talks to in its routine.
const PEERS_MEASURED_MAX: usize = 256;

/// How often a question is put before its peer counts as gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tries {
    /// Look-ups go round a silent peer.
    Once,
    /// What would change the ring must be sure.
    Thrice,
}

/// A question that is open, and what it is for.
#[derive(Debug, Clone)]
pub(crate) struct Call<T> {
    pub(crate) to: Contact,
    pub(crate) ask: Ask,
    pub(crate) purpose: T,
    tries_left: u8,
    wait: Duration,
    sent_at: Time,
    deadline: Time,
}

/// What a deadline led to.
#[derive(Debug)]
pub(crate) enum Overdue<T> {
    /// The question goes out again.
    Retry { id: CallId, to: Contact, ask: Ask, purpose: T },
    /// There was no answer to any try.
    Failed(Call<T>),
}

#[derive(Debug, Clone, Copy)]
struct RoundTrip {
    smoothed: Duration,
    variation: Duration,
}

impl RoundTrip {
    fn first(sample: Duration) -> Self {
        Self { smoothed: sample, variation: sample / 2 }
    }

    fn add(&mut self, sample: Duration) {
        self.variation = self.variation * 3 / 4 + self.smoothed.abs_diff(sample) / 4;
        self.smoothed = self.smoothed * 7 / 8 + sample / 8;
    }

    fn wait(self) -> Duration {
        (self.smoothed + 4 * self.variation).clamp(WAIT_MIN, WAIT_MAX)
    }
}

#[derive(Debug)]
pub(crate) struct Calls<T> {
    next_id: u64,
    open: BTreeMap<CallId, Call<T>>,
    deadlines: BTreeSet<(Time, CallId)>,
    measured: BTreeMap<PeerId, RoundTrip>,
    overall: Option<RoundTrip>,
}

impl<T: Copy> Calls<T> {
    pub(crate) fn new(first_id: u64) -> Self {
        Self {
            next_id: first_id,
            open: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            measured: BTreeMap::new(),
            overall: None,
        }
    }

    /// Opens a call; the caller sends the question.
    pub(crate) fn open(&mut self, now: Time, to: Contact, ask: Ask, purpose: T, tries: Tries) -> CallId {
        let id = CallId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let wait =
            self.measured.get(&to.peer).or(self.overall.as_ref()).map_or(WAIT_FIRST, |trip| trip.wait());
        let tries_left = if tries == Tries::Thrice { 2 } else { 0 };
        let deadline = now + wait;
        self.deadlines.insert((deadline, id));
        self.open.insert(id, Call { to, ask, purpose, tries_left, wait, sent_at: now, deadline });
        id
    }

    /// Closes the call that an answer belongs to, with the round trip; `None` when it was not asked of this peer.
    pub(crate) fn answered(&mut self, now: Time, id: CallId, from: PeerId) -> Option<(Call<T>, Duration)> {
        if self.open.get(&id)?.to.peer != from {
            return None;
        }
        let call = self.close(id)?;
        let round_trip = now - call.sent_at;
        self.measure(from, round_trip);
        Some((call, round_trip))
    }

    /// Takes one call whose deadline has come.
    pub(crate) fn overdue(&mut self, now: Time) -> Option<Overdue<T>> {
        let &(deadline, id) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        self.deadlines.remove(&(deadline, id));
        let call = self.open.get_mut(&id)?;
        if call.tries_left == 0 {
            return self.open.remove(&id).map(Overdue::Failed);
        }
        call.tries_left -= 1;
        call.wait = (call.wait * 2).min(WAIT_MAX);
        (call.sent_at, call.deadline) = (now, now + call.wait);
        self.deadlines.insert((call.deadline, id));
        Some(Overdue::Retry { id, to: call.to, ask: call.ask.clone(), purpose: call.purpose })
    }

    /// Closes all calls to a peer at a place: one key may be named at several by those who lie.
    pub(crate) fn close_all(&mut self, to: Contact) -> Vec<Call<T>> {
        let ids: Vec<CallId> =
            self.open.iter().filter(|(_, call)| call.to == to).map(|(&id, _)| id).collect();
        ids.into_iter().filter_map(|id| self.close(id)).collect()
    }

    /// Where a peer was asked something that is open.
    pub(crate) fn places_of(&self, peer: PeerId) -> Vec<Contact> {
        self.open.values().map(|call| call.to).filter(|to| to.peer == peer).collect()
    }

    pub(crate) fn any(&self, wanted: impl FnMut(&Call<T>) -> bool) -> bool {
        self.open.values().any(wanted)
    }

    pub(crate) fn count(&self, mut wanted: impl FnMut(&Call<T>) -> bool) -> usize {
        self.open.values().filter(|call| wanted(call)).count()
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
        self.deadlines.clear();
    }

    /// Every open call has its deadline, and every deadline its call.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let paired = self.open.iter().all(|(&id, call)| self.deadlines.contains(&(call.deadline, id)));
        let bounded = self.measured.len() <= PEERS_MEASURED_MAX;
        match paired && self.deadlines.len() == self.open.len() && bounded {
            true => Ok(()),
            false => Err("calls and deadlines differ, or too many peers are measured"),
        }
    }

    fn close(&mut self, id: CallId) -> Option<Call<T>> {
        let call = self.open.remove(&id)?;
        self.deadlines.remove(&(call.deadline, id));
        Some(call)
    }

    fn measure(&mut self, peer: PeerId, sample: Duration) {
        match &mut self.overall {
            Some(trip) => trip.add(sample),
            None => self.overall = Some(RoundTrip::first(sample)),
        }
        if self.measured.len() >= PEERS_MEASURED_MAX && !self.measured.contains_key(&peer) {
            // Keys have no order that means anything, so the first is as good a victim as any.
            self.measured.pop_first();
        }
        self.measured.entry(peer).and_modify(|trip| trip.add(sample)).or_insert(RoundTrip::first(sample));
    }
}
