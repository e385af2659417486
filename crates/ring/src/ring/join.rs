//! How a node comes into the ring and goes out of it.

use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::Time;

use super::purpose::{Aim, Purpose};
use super::stage::Stage;
use super::{Departed, Ring};
use crate::calls::Tries;
use crate::contact::Contact;
use crate::event::{JoinError, Notice, Output};
use crate::message::{Answer, Ask, Tell};
use crate::neighbours::{Neighbours, Step};

/// How long a node tries to join before it says that nobody answered.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to join, when the first met somebody busy or nobody.
const JOIN_AGAIN: Duration = Duration::from_millis(300);
/// How long a leaving node sees to it that its records have their replicas. A clean exit takes at most 2 s in all.
const LEAVE_PATIENCE: Duration = Duration::from_millis(1500);

/// Who has left is not believed to be there for so long, unless it speaks: the others have heard its goodbye by then.
const DEPARTED: Duration = Duration::from_secs(3);
/// Whoever says goodbye again and again is heard so often at the most.
const DEPARTED_MAX: usize = 16;

impl Ring {
    pub(super) fn form(&mut self, now: Time, others: &[Contact]) {
        if self.stage != Stage::Outside {
            return;
        }
        let space = self.config.space;
        let mut known: Vec<Contact> = others
            .iter()
            .copied()
            .filter(|one| space.contains(one.position) && *one != self.config.me)
            .collect();
        if let Some(&twin) = known.iter().find(|one| one.position == self.config.me.position) {
            self.outputs.push_back(Output::JoinFailed(JoinError::Taken(twin)));
            return;
        }
        known.sort_by_key(|one| one.position);
        known.dedup_by_key(|one| one.position);
        self.neighbours = Neighbours::among(self.config.me, self.config.successors, &known);
        self.know_all_fingers(&known);
        self.become_member(now);
    }

    /// With all members known, fingers need no look-ups.
    fn know_all_fingers(&mut self, known: &[Contact]) {
        let last = self.neighbours.successors().last().map(|one| one.position);
        for _ in 0..self.config.space.bits() {
            let Some((exponent, target)) = self.fingers.next_target(last) else { return };
            let at = known.partition_point(|one| one.position < target);
            if let Some(&owner) = known.get(at).or(known.first()) {
                self.fingers.set(exponent, owner);
            }
        }
    }

    pub(super) fn begin_join(&mut self, now: Time, through: Vec<Contact>) {
        if self.stage != Stage::Outside {
            return;
        }
        self.through = self.sound(through);
        self.stage = Stage::Joining { since: now };
        self.timers.join = Some(now);
    }

    pub(super) fn join_on_time(&mut self, now: Time) {
        let Stage::Joining { since } = self.stage else { return };
        if now - since >= JOIN_PATIENCE {
            return self.give_up(JoinError::NoAnswer(JOIN_PATIENCE));
        }
        if self.timers.join.is_some_and(|at| at <= now) {
            self.timers.join = Some(since + JOIN_PATIENCE);
            let through = self.through.clone();
            self.begin_search(now, self.config.me.position, &through, Aim::Join);
        }
    }

    /// The look-up of the own place has ended.
    pub(super) fn place_found(&mut self, now: Time, predecessor: Option<Contact>) {
        match predecessor {
            Some(predecessor) => self.join_after(now, predecessor),
            None => self.try_join_again(now),
        }
    }

    pub(super) fn try_join_again(&mut self, now: Time) {
        if matches!(self.stage, Stage::Joining { .. }) {
            self.timers.join = Some(now + self.random.around(JOIN_AGAIN));
        }
    }

    fn join_after(&mut self, now: Time, at: Contact) {
        match self.neighbours.join(at) {
            Step::Ask(at) => self.ask(now, at, Ask::Join, Purpose::Join, Tries::Thrice),
            _ => self.try_join_again(now),
        }
    }

    pub(super) fn join_answered(&mut self, now: Time, from: Contact, answer: Answer) {
        let Answer::State { predecessor, successors, .. } = answer else {
            self.neighbours.busy(from);
            return self.try_join_again(now);
        };
        let view = self.sound_view(predecessor, successors);
        match self.neighbours.answered(from, view) {
            Step::Joined => {
                for through in core::mem::take(&mut self.through) {
                    self.old.add(through);
                }
                self.become_member(now);
            }
            Step::JoinAfter(closer) => self.join_after(now, closer),
            Step::Taken(twin) => self.ask(now, twin, Ask::Ping, Purpose::CheckTwin, Tries::Thrice),
            _ => self.try_join_again(now),
        }
    }

    pub(super) fn join_unanswered(&mut self, now: Time, from: Contact) {
        let _closed = self.neighbours.failed(from);
        self.try_join_again(now);
    }

    /// Another peer has this node's place. If it lives, it keeps it.
    pub(super) fn twin_lives(&mut self, twin: Contact, answer: &Answer) {
        if *answer == Answer::Pong && twin.position == self.config.me.position {
            self.give_up(JoinError::Taken(twin));
        }
    }

    fn give_up(&mut self, error: JoinError) {
        self.stage = Stage::Outside;
        self.forget_ring();
        self.outputs.push_back(Output::JoinFailed(error));
    }

    fn become_member(&mut self, now: Time) {
        self.stage = Stage::Member;
        self.timers.join = None;
        self.heard_predecessor = now;
        self.timers.stabilize = now;
        // The first fingers are wanted soon; after that they come one by one.
        self.timers.finger = now + self.random.around(self.config.finger / 4);
        self.timers.reunite = now + self.random.around(self.config.reunite);
        self.timers.compare = now + self.random.around(self.config.compare / 8);
        self.outputs.push_back(Output::Joined);
    }

    pub(super) fn quit(&mut self, now: Time) {
        match self.stage {
            Stage::Member => self.stage = Stage::Leaving { until: now + LEAVE_PATIENCE },
            Stage::Leaving { .. } => {}
            _ => self.leave(),
        }
        self.compare_soon(now);
    }

    pub(super) fn leave_on_time(&mut self, now: Time) {
        let Stage::Leaving { until } = self.stage else { return };
        self.keep_on_time(now);
        if now >= until || self.shelf.len() == 0 || self.may_leave_records() {
            self.leave();
        }
    }

    fn leave(&mut self) {
        let mut told: Vec<Contact> = self.predecessors();
        told.extend(self.neighbours.successors().iter().take(2));
        told.sort_by_key(|one| one.peer);
        told.dedup();
        for neighbour in told {
            self.tell(neighbour, Tell::Quit);
        }
        self.stage = Stage::Left;
        self.forget_ring();
        self.outputs.push_back(Output::Left);
    }

    fn forget_ring(&mut self) {
        self.neighbours.leave();
        self.further_before.clear();
        self.calls.clear();
        self.searches.clear();
        self.fingers.clear();
        self.timers.join = None;
        self.fail_all_jobs();
    }

    /// Whoever leaves tells those that it is a neighbour of; a list without it may have come before its goodbye.
    pub(super) fn peer_quit(&mut self, now: Time, peer: Contact) {
        let known = self.known_places(peer.peer);
        let before = self.departed.iter_mut().find(|one| one.peer == peer.peer);
        let is_new = before.map(|one| one.is_back = false).is_none();
        if self.is_member() && is_new && self.departed.len() < DEPARTED_MAX {
            self.departed.push(Departed { peer: peer.peer, until: now + DEPARTED, is_back: false });
            self.notice(Notice::Quit(peer));
        } else if !known.is_empty() {
            self.notice(Notice::Quit(peer));
        }
        for neighbour in known {
            self.remove_peer(now, neighbour);
        }
        self.old.forget(peer);
    }
}
