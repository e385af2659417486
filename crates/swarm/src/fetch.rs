//! Downloading: which chunk is asked of whom.
//!
//! A chunk is in exactly one of three states: here, asked for (of one peer, in the endgame of more), or free, which is
//! missing and asked of nobody. What is asked for is not asked for again before the endgame, which begins when no chunk
//! is free.
//!
//! Of the peers that can be asked one is drawn at random, of two the one with less due; it is asked for the rarest free
//! chunk that it has. A peer that is sending is asked for as much as keeps its link busy ([`crate::pace`]); others are
//! asked as long as not enough comes ([`crate::intake`]). What to do when nothing comes stands in [`crate::patience`].

use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{ChunkIndex, Time};

use crate::config::{Config, REQUESTS_PER_PEER_MAX};
use crate::event::{Output, PeerKey};
use crate::pace::CHECK_EVERY;
use crate::peer::Peer;
use crate::swarm::Swarm;

/// What is asked for at once before any rate is known, of one peer alone, and of several together: enough to start a fast link
/// at full speed. Of several it is half, so that a peer has something whole to pass on soon.
const FIRST_BYTES: u64 = 2 << 20;
const FIRST_BYTES_OF_SEVERAL: u64 = 1 << 20;
/// A peer that sent something so short a time ago is still at it, whatever stands in its queue: on a fast link there
/// are many chunks in this time.
const AT_IT: Duration = Duration::from_millis(20);

impl Swarm {
    /// Changes a peer's requests, and keeps the sums over all peers right.
    pub(crate) fn with_source<R>(&mut self, key: PeerKey, change: impl FnOnce(&mut Peer) -> R) -> Option<R> {
        let peer = self.peers.get_mut(key)?;
        self.fetch.intake.count_out(peer);
        let result = change(peer);
        self.fetch.intake.count_in(peer);
        Some(result)
    }

    pub(crate) fn mark_hungry(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && !peer.is_hungry
        {
            peer.is_hungry = true;
            self.fetch.hungry.push(key);
        }
    }

    /// Marks all who can be asked now: whoever has no room is marked when it gets some.
    pub(crate) fn mark_all_hungry(&mut self) {
        let floor = self.floor_bytes();
        let is_open = self.fetch.intake.was_open;
        for (key, peer) in self.peers.iter_mut() {
            let may_ask = is_open || !peer.requests.is_empty() || peer.have.is_full();
            if may_ask && !peer.is_hungry && has_room_for(&self.config, peer, floor) {
                peer.is_hungry = true;
                self.fetch.hungry.push(key);
            }
        }
    }

    /// Asks for as much as there is room for; takes back what is not needed.
    pub(crate) fn ask_around(&mut self, now: Time) {
        if !self.is_fetching() {
            return;
        }
        self.look_at_intake(now);
        while self.fetch.requests < self.config.requests_max
            && let Some(at) = self.draw_hungry()
        {
            let key = self.fetch.hungry[at];
            if let Some(chunk) = self.next_chunk_of(now, key) {
                self.ask(now, key, chunk);
                self.fetch.intake.was_open &= self.fetch.intake.has_room();
            } else {
                self.fetch.hungry.swap_remove(at);
                if let Some(peer) = self.peers.get_mut(key) {
                    peer.is_hungry = false;
                }
            }
        }
    }

    fn look_at_intake(&mut self, now: Time) {
        let has_enough = self.fetch.intake.is_enough(self.sizes.mean_bytes());
        if has_enough && !self.fetch.intake.had_enough {
            self.fetch.intake.narrow();
            self.leave_queues(now);
        }
        let is_open = !has_enough && self.fetch.intake.has_room();
        let opens = is_open && !self.fetch.intake.was_open;
        (self.fetch.intake.had_enough, self.fetch.intake.was_open) = (has_enough, is_open);
        if core::mem::take(&mut self.fetch.is_freed) || opens {
            self.mark_all_hungry();
        }
    }

    /// Takes back what was asked of peers that have not begun to send.
    fn leave_queues(&mut self, now: Time) {
        let is_at_it = |peer: &Peer| peer.progress_at.is_some_and(|at| now - at < AT_IT);
        let is_left = |peer: &Peer| peer.is_queue() && !is_at_it(peer);
        let queues = self.peers.iter().filter(|(_, peer)| is_left(peer));
        let requests =
            queues.flat_map(|(key, peer)| peer.requests.iter().map(move |of| (key, peer, of.chunk)));
        let requests = requests.filter(|(_, peer, chunk)| !self.is_from_source(peer, *chunk));
        for (key, chunk) in requests.map(|(key, _, chunk)| (key, chunk)).collect::<Vec<_>>() {
            self.cancel(key, chunk);
        }
    }

    /// A random one of the hungry peers: of two, the one with less due; of equals, the one with fewer chunks, since
    /// others have less reason to ask it.
    fn draw_hungry(&mut self) -> Option<usize> {
        let count = self.fetch.hungry.len() as u32;
        if count == 0 {
            return None;
        }
        let (a, b) = (self.random.below(count) as usize, self.random.below(count) as usize);
        let load = |at: usize| {
            let peer = self.peers.get(self.fetch.hungry[at]);
            peer.map(|peer| (peer.due_bytes, peer.have.count()))
        };
        Some(if a == b || load(a) <= load(b) { a } else { b })
    }

    fn next_chunk_of(&mut self, now: Time, key: PeerKey) -> Option<ChunkIndex> {
        let peer = self.peers.get(key)?;
        if !self.has_room_for(peer) || !(self.is_open_to(peer) || peer.have.is_full()) {
            return None;
        }
        let tie_break = self.config.policy.tie_break;
        let rarest = self.fetch.rarity.rarest(&self.fetch.free, &peer.have, tie_break, &mut self.random);
        if !self.is_open_to(peer) {
            return rarest.filter(|&chunk| self.is_from_source(peer, chunk));
        }
        if rarest.is_none() && self.fetch.free.is_empty() { self.endgame_chunk_of(now, key) } else { rarest }
    }

    /// Whether a chunk is to be had only of this peer, who has everything: the source of a swarm. It is asked for such
    /// a chunk even when enough comes from others. Were it not, its queue would run dry now and then, and what it does
    /// not send in that time the whole swarm waits for in the end.
    fn is_from_source(&self, peer: &Peer, chunk: ChunkIndex) -> bool {
        peer.have.is_full() && self.fetch.rarity.count(chunk) == 1
    }

    fn is_open_to(&self, peer: &Peer) -> bool {
        self.fetch.intake.was_open || !peer.requests.is_empty()
    }

    /// Whether a peer can be asked for one chunk more.
    pub(crate) fn can_ask(&self, peer: &Peer) -> bool {
        self.is_open_to(peer) && self.has_room_for(peer)
    }

    fn has_room_for(&self, peer: &Peer) -> bool {
        has_room_for(&self.config, peer, self.floor_bytes())
    }

    /// What may be asked of a peer before its rate is known.
    fn floor_bytes(&self) -> u64 {
        match self.peers.len() {
            0 | 1 => FIRST_BYTES,
            several => (FIRST_BYTES_OF_SEVERAL / several as u64).max(1),
        }
    }

    pub(crate) fn ask(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        self.note_request(now, key, chunk);
        self.outputs.push_back(Output::Request { peer: key, chunk });
        self.wake_by(now + CHECK_EVERY);
    }

    pub(crate) fn note_request(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        let bytes = self.sizes.bytes(chunk);
        if self.with_source(key, |peer| peer.add_request(now, chunk, bytes)).is_some() {
            self.fetch.ask_more(now, key, chunk);
        }
    }

    pub(crate) fn cancel(&mut self, key: PeerKey, chunk: ChunkIndex) {
        if self.withdraw_request(key, chunk) {
            self.outputs.push_back(Output::Cancel { peer: key, chunk });
        }
    }

    /// Forgets a request; says whether there was one.
    pub(crate) fn withdraw_request(&mut self, key: PeerKey, chunk: ChunkIndex) -> bool {
        let request = self.with_source(key, |peer| peer.remove_request(chunk)).flatten();
        if let Some(request) = &request {
            self.fetch.ask_less(request);
            self.retract_if_gone(chunk);
        }
        request.is_some()
    }
}

fn has_room_for(config: &Config, peer: &Peer, floor_bytes: u64) -> bool {
    let budget = if peer.failures > 0 { 1 } else { peer.pace.budget_bytes(floor_bytes) };
    let requests_max = config.requests_per_peer.min(REQUESTS_PER_PEER_MAX);
    peer.is_usable() && peer.due_bytes < budget && peer.requests.len() < requests_max
}

#[cfg(test)]
mod tests {
    use drizzle_model::{Bitmap, Geometry};

    use super::*;
    use crate::event::Input;
    use crate::sizes::ChunkSizes;

    /// Would fail if only the sum over all peers were limited: a peer alone would be asked for all at once.
    #[test]
    fn one_peer_is_asked_for_as_much_as_the_owner_allows() {
        for limit in [1, 3] {
            let geometry = Geometry::for_size(1 << 20).unwrap();
            let mut all = Bitmap::empty(geometry.chunk_count());
            geometry.chunks().for_each(|chunk| _ = all.insert(chunk));
            let config = Config { requests_per_peer: limit, ..Config::default() };
            let sizes = ChunkSizes::of_file(geometry);
            let mut swarm = Swarm::new(config, sizes, Bitmap::empty(geometry.chunk_count()), 1);
            swarm.handle(Time::ORIGIN, Input::Connected { peer: PeerKey(1), have: all });
            let asked = core::iter::from_fn(|| swarm.poll()).filter(|o| matches!(o, Output::Request { .. }));
            assert_eq!(asked.count(), limit);
        }
    }
}
