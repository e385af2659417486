//! What keeps the ring in order: stabilizing, pings, fingers, and what follows when a peer is gone.

use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::Time;

use super::Ring;
use super::purpose::{Aim, Purpose};
use super::stage::Stage;
use crate::calls::Tries;
use crate::contact::Contact;
use crate::event::{JoinError, Notice, Output};
use crate::message::{Answer, Ask, Tell};
use crate::neighbours::{Rectified, Step};

/// Successors that are pinged each period: the first by stabilizing, the others by a plain ping.
const PINGED: usize = 2;
/// Until the next attempt, when the other was busy.
const BUSY_WAIT: Duration = Duration::from_millis(120);
/// Between two rounds of stabilizing that others ask for: no stranger makes this node work without rest.
const ROUND_GAP: Duration = Duration::from_millis(100);

impl Ring {
    pub(super) fn upkeep_on_time(&mut self, now: Time) {
        if self.timers.stabilize <= now {
            self.timers.stabilize = now + self.random.around(self.config.ping);
            self.check_silent_predecessor(now);
            self.ping_further_successors(now);
            self.stabilize(now);
        }
        if self.timers.finger <= now {
            self.timers.finger = now + self.random.around(self.config.finger);
            self.refresh_finger(now);
        }
        if self.timers.reunite <= now {
            self.timers.reunite = now + self.random.around(self.config.reunite);
            self.look_for_other_ring(now);
        }
    }

    pub(super) fn stabilize_soon(&mut self, now: Time) {
        let at = (self.last_stabilized + ROUND_GAP).max(now);
        self.timers.stabilize = self.timers.stabilize.min(at);
    }

    fn stabilize(&mut self, now: Time) {
        self.last_stabilized = now;
        let step = self.neighbours.stabilize();
        self.follow(now, step);
    }

    pub(super) fn follow(&mut self, now: Time, step: Step<Contact>) {
        match step {
            Step::Ask(whom) => {
                let seen = self
                    .seen
                    .as_ref()
                    .filter(|(peer, ..)| *peer == whom.peer)
                    .map(|&(_, version, _)| version);
                self.ask(now, whom, Ask::State { seen }, Purpose::Stabilize, Tries::Thrice);
            }
            Step::Notify(whom) => {
                let predecessors = self.predecessors();
                self.tell(whom, Tell::Notify { predecessors });
            }
            Step::Again => self.stabilize(now),
            Step::Taken(twin) => self.yield_place(twin),
            Step::Rest | Step::Joined | Step::JoinAfter(_) => {}
        }
    }

    /// Two came to one place at the same time, and the ring knows the other.
    fn yield_place(&mut self, twin: Contact) {
        if self.stage == Stage::Member {
            self.quit_silently();
            self.outputs.push_back(Output::JoinFailed(JoinError::Taken(twin)));
        }
    }

    fn quit_silently(&mut self) {
        self.stage = Stage::Outside;
        self.neighbours.leave();
        self.calls.clear();
        self.searches.clear();
        self.fail_all_jobs();
    }

    pub(super) fn stabilize_answered(
        &mut self,
        now: Time,
        from: Contact,
        round_trip: Duration,
        answer: Answer,
    ) {
        let view = match answer {
            Answer::State { version, predecessor, successors } => {
                let view = self.sound_view(predecessor, successors);
                self.seen = Some((from.peer, version, view.clone()));
                view
            }
            Answer::Unchanged => match &self.seen {
                Some((peer, _, view)) if *peer == from.peer => view.clone(),
                // It was asked with what was seen, which has been replaced since: ask in full.
                _ => return self.not_now(now, from),
            },
            Answer::NotMember => return self.remove_peer(now, from),
            _ => return self.not_now(now, from),
        };
        if self.neighbours.successors().first() == Some(&from) {
            self.notice(Notice::Alive { peer: from, round_trip });
        }
        let step = self.neighbours.answered(from, view);
        self.follow(now, step);
    }

    fn not_now(&mut self, now: Time, from: Contact) {
        self.neighbours.busy(from);
        let soon = now + self.random.around(BUSY_WAIT);
        self.timers.stabilize = self.timers.stabilize.min(soon);
    }

    /// A question went unanswered for the first or second time. If it was to the first successor, the others may be
    /// gone with it: all are asked at once, so that a ring that lost half of its nodes repairs in one go.
    pub(super) fn call_missed(&mut self, now: Time, to: Contact, purpose: Purpose) {
        match purpose {
            Purpose::Stabilize | Purpose::Ping => {}
            Purpose::Owner(search) => return self.owner_late(now, search),
            _ => return,
        }
        self.notice(Notice::Missed(to));
        if self.neighbours.successors().first() == Some(&to) {
            for successor in self.neighbours.successors().to_vec() {
                self.ping(now, successor);
            }
        }
    }

    /// A look-up met silence: if it was a neighbour's, that is to be made sure of.
    pub(super) fn suspect(&mut self, now: Time, peer: Contact) {
        if self.neighbours.successors().contains(&peer) {
            self.ping(now, peer);
        }
        if self.neighbours.predecessor() == Some(peer) {
            self.check_predecessor(now, peer, None);
        }
    }

    fn ping_further_successors(&mut self, now: Time) {
        let further: Vec<Contact> =
            self.neighbours.successors().iter().take(PINGED).skip(1).copied().collect();
        for successor in further {
            self.ping(now, successor);
        }
    }

    fn ping(&mut self, now: Time, whom: Contact) {
        let is_asked = |purpose: Purpose| matches!(purpose, Purpose::Ping | Purpose::Stabilize);
        if !self.calls.any(|call| call.to == whom && is_asked(call.purpose)) {
            self.ask(now, whom, Ask::Ping, Purpose::Ping, Tries::Thrice);
        }
    }

    pub(super) fn ping_answered(&mut self, now: Time, from: Contact, round_trip: Duration, answer: &Answer) {
        match answer {
            Answer::NotMember => self.remove_peer(now, from),
            _ => self.notice(Notice::Alive { peer: from, round_trip }),
        }
    }

    /// A predecessor that lives stabilizes with this node in every period.
    fn check_silent_predecessor(&mut self, now: Time) {
        let Some(predecessor) = self.neighbours.predecessor() else { return };
        if now - self.heard_predecessor >= 2 * self.config.ping {
            self.check_predecessor(now, predecessor, None);
        }
    }

    fn check_predecessor(&mut self, now: Time, predecessor: Contact, notifier: Option<Contact>) {
        let is_check = |purpose: Purpose| matches!(purpose, Purpose::CheckPredecessor { .. });
        if !self.calls.any(|call| call.to == predecessor && is_check(call.purpose)) {
            let purpose = Purpose::CheckPredecessor { notifier };
            self.ask(now, predecessor, Ask::Ping, purpose, Tries::Thrice);
        }
    }

    pub(super) fn notified(&mut self, now: Time, from: Contact, predecessors: Vec<Contact>) {
        match self.neighbours.rectify(from) {
            Rectified::Check(predecessor) => return self.check_predecessor(now, predecessor, Some(from)),
            Rectified::Replaced(before) => {
                self.heard_predecessor = now;
                if let Some(before) = before {
                    self.tell(before, Tell::Stabilize);
                }
                // Alone until now: the one who came is the first successor too.
                if self.neighbours.successors().is_empty() {
                    self.stabilize_soon(now);
                }
            }
            Rectified::Unchanged => {}
        }
        if self.neighbours.predecessor() == Some(from) {
            let me = self.config.me;
            let mut predecessors = self.sound(predecessors);
            predecessors.truncate(self.config.replicas);
            let until_round = predecessors.iter().take_while(|one| **one != me && **one != from).count();
            predecessors.truncate(until_round);
            self.further_before = predecessors;
        }
    }

    pub(super) fn predecessor_answered(
        &mut self,
        now: Time,
        from: Contact,
        notifier: Option<Contact>,
        answer: &Answer,
    ) {
        if *answer == Answer::NotMember {
            self.predecessor_gone(now, from, notifier);
        }
    }

    pub(super) fn predecessor_gone(&mut self, now: Time, predecessor: Contact, notifier: Option<Contact>) {
        self.neighbours.predecessor_failed(predecessor, notifier);
        self.heard_predecessor = now;
        self.peer_gone(now, predecessor);
    }

    /// A peer did not answer to any try.
    pub(super) fn peer_gone(&mut self, now: Time, peer: Contact) {
        self.notice(Notice::Gone(peer));
        self.old.add(peer);
        self.remove_peer(now, peer);
    }

    /// Takes a peer out of everything; whoever waits for it waits no longer.
    pub(super) fn remove_peer(&mut self, now: Time, peer: Contact) {
        self.fingers.drop_peer(peer);
        self.further_before.retain(|before| *before != peer);
        let calls = self.calls.close_all(peer);
        let step = self.neighbours.failed(peer);
        let was_first = self.neighbours.successors().first() == Some(&peer);
        self.neighbours.lost(peer);
        if was_first {
            self.timers.stabilize = self.timers.stabilize.min(now);
        }
        self.follow(now, step);
        // What was asked to find out whether it lives is answered by this.
        let is_check = |purpose: Purpose| {
            matches!(purpose, Purpose::Stabilize | Purpose::Ping | Purpose::CheckPredecessor { .. })
        };
        for call in calls.into_iter().filter(|call| !is_check(call.purpose)) {
            self.call_failed(now, call);
        }
    }

    fn refresh_finger(&mut self, now: Time) {
        let last = self.neighbours.successors().last().map(|one| one.position);
        if let Some((exponent, target)) = self.fingers.next_target(last) {
            self.begin_own_search(now, target, Aim::Finger(exponent));
        }
    }

    pub(super) fn finger_found(&mut self, exponent: u16, owner: Contact) {
        if owner != self.config.me {
            self.fingers.set(exponent, owner);
        }
    }
}
