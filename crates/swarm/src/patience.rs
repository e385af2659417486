//! What to do when nothing comes.
//!
//! A peer that stops in the middle of a chunk rests for a while; what it owes is asked of others, if others have it. So
//! does one that creeps, which brings a byte now and then to look alive: a chunk that was begun and is left behind
//! ([`crate::through`]) moves to another peer, and counts for nothing in what is to come soon. A
//! request that waits too long in a queue moves to another peer. A peer that owes bytes for a minute and sends none
//! is disconnected.

use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{ChunkIndex, Time};

use crate::event::{DropReason, Output, PeerKey};
use crate::pace::CHECK_EVERY;
use crate::peer::{Failing, Peer, Request, Standing};
use crate::swarm::Swarm;

/// A request that waits this long in a queue moves to another peer that can be asked.
const QUEUE_PATIENCE: Duration = Duration::from_secs(2);
/// A peer that owed bytes all this time and sent none is disconnected.
const DROP_AFTER: Duration = Duration::from_secs(60);
/// Where nothing comes at all, a chunk creeps if its rest needs so many times as long as what has come.
const STUCK_TIMES: u32 = 4;
/// As long as chunks are missing that nobody has, it is said this often.
const STARVED_EVERY: Duration = Duration::from_secs(5);

impl Swarm {
    /// Looks at every peer: who rests long enough, who stalls, whose queue is too long.
    pub(crate) fn check_on_peers(&mut self, now: Time) {
        // Of whom nothing is due and who does not rest, there is nothing to look at.
        let is_watched = |peer: &Peer| peer.quiet_since.is_some() || !peer.is_usable();
        let watched = self.peers.iter().filter(|(_, peer)| is_watched(peer));
        for key in watched.map(|(key, _)| key).collect::<Vec<_>>() {
            self.check_on(now, key);
        }
        if !self.is_fetching() || self.peers.is_empty() {
            return;
        }
        if !self.fetch.intake.had_enough {
            self.fetch.intake.widen();
            self.mark_all_hungry();
        }
        self.say_if_starved(now);
        self.wake_by(now + CHECK_EVERY);
    }

    fn check_on(&mut self, now: Time, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        if matches!(peer.standing, Standing::Resting { until, .. } if until <= now) {
            self.end_rest(key);
        }
        let Some(peer) = self.peers.get(key) else { return };
        let Some(quiet) = peer.quiet_since.map(|since| now - since) else { return };
        let in_work = peer.requests.iter().find(|request| request.is_started());
        if quiet >= DROP_AFTER && (in_work.is_some() || peer.failures > 0) {
            self.drop_peer(key, DropReason::Stalled);
        } else if let Some(request) = in_work {
            if peer.is_usable() && quiet >= peer.pace.stall_after(self.sizes.bytes(request.chunk)) {
                self.stalled(now, key);
            } else {
                self.check_for_creeping(now, key);
            }
        } else {
            self.move_long_waiting(now, key);
        }
    }

    /// A peer stopped in the middle of a chunk. What nobody else has stays with it: a slow source is better than none.
    fn stalled(&mut self, now: Time, key: PeerKey) {
        self.start_rest(now, key, Failing::Silent);
        let Some(peer) = self.peers.get(key) else { return };
        for chunk in peer.requests.iter().map(|request| request.chunk).collect::<Vec<_>>() {
            if self.fetch.rarity.count(chunk) > 0 {
                self.cancel(key, chunk);
            } else {
                self.mark_creeping(key, chunk);
            }
        }
    }

    /// Looks whether a chunk that was begun comes so slowly that it is held hostage.
    fn check_for_creeping(&mut self, now: Time, key: PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        let creeping = peer.requests.iter().filter(|request| self.creeps(now, request));
        for chunk in creeping.map(|request| request.chunk).collect::<Vec<_>>() {
            self.mark_creeping(key, chunk);
            self.leave_creeping(now, key, chunk);
        }
    }

    fn mark_creeping(&mut self, key: PeerKey, chunk: ChunkIndex) {
        self.with_source(key, |peer| peer.mark_creeping(chunk));
        self.retract_if_gone(chunk);
    }

    /// Whether others bring chunks in a fraction of its time, and could bring this one before the rest of it comes.
    fn creeps(&self, now: Time, request: &Request) -> bool {
        let Some(started_at) = request.started_at else { return false };
        let bytes = self.sizes.bytes(request.chunk);
        if let Some(time) = self.fetch.through.leaves_behind(now, started_at, bytes) {
            return request.needs_more_than(time, now, bytes);
        }
        let more = (now - started_at).saturating_mul(STUCK_TIMES);
        self.fetch.through.is_stuck(now, started_at, bytes) && request.needs_more_than(more, now, bytes)
    }

    /// Asks another for the chunk, if one has it. If it comes all the same, it is taken. What waits behind it goes
    /// elsewhere as well, and the peer rests. A peer that is the only one to have the chunk goes on.
    fn leave_creeping(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        if !self.move_to_any(now, chunk, key) {
            return;
        }
        self.start_rest(now, key, Failing::Creeping);
        let Some(peer) = self.peers.get(key) else { return };
        let waiting = peer.requests.iter().filter(|request| !request.is_started());
        let is_elsewhere = |chunk: &ChunkIndex| self.fetch.rarity.count(*chunk) > 0;
        for chunk in waiting.map(|request| request.chunk).filter(is_elsewhere).collect::<Vec<_>>() {
            self.cancel(key, chunk);
        }
    }

    fn move_long_waiting(&mut self, now: Time, from: PeerKey) {
        let Some(peer) = self.peers.get(from) else { return };
        let waiting = peer.requests.iter().filter(|request| now - request.asked_at >= QUEUE_PATIENCE);
        for chunk in waiting.map(|request| request.chunk).collect::<Vec<_>>() {
            self.move_to_any(now, chunk, from);
        }
    }

    /// Says whether there was another to ask.
    fn move_to_any(&mut self, now: Time, chunk: ChunkIndex, from: PeerKey) -> bool {
        let fits =
            |peer: &Peer| peer.have.contains(chunk) && peer.request(chunk).is_none() && self.can_ask(peer);
        let others = self.peers.iter().filter(|(_, peer)| fits(peer)).map(|(key, _)| key);
        let others: Vec<_> = others.collect();
        if others.is_empty() {
            return false;
        }
        let to = others[self.random.below(others.len() as u32) as usize];
        self.cancel(from, chunk);
        self.ask(now, to, chunk);
        true
    }

    pub(crate) fn start_rest(&mut self, now: Time, key: PeerKey, why: Failing) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.is_usable() {
            self.fetch.rarity.remove_all(&peer.have);
        }
        peer.rest(now, why);
        self.wake_by(now + CHECK_EVERY);
    }

    pub(crate) fn end_rest(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if !peer.is_usable() {
            peer.standing = Standing::Usable;
            self.fetch.rarity.add_all(&peer.have);
        }
        self.mark_hungry(key);
    }

    fn say_if_starved(&mut self, now: Time) {
        let is_nowhere = |(at, free): (usize, &u64)| free & !self.fetch.rarity.held(at) != 0;
        let is_starved = self.fetch.free.words().iter().enumerate().any(is_nowhere);
        let is_said = self.fetch.starved_at.is_some_and(|at| now - at < STARVED_EVERY);
        if is_starved && !is_said {
            self.outputs.push_back(Output::Starved);
            self.fetch.starved_at = Some(now);
        }
        if !is_starved {
            self.fetch.starved_at = None;
        }
    }
}
