//! Downloading: which chunk to ask of whom, and what to do when it does not come.
//!
//! A chunk is in exactly one of three states: here, asked for (of one peer, in the endgame of more), or free, which is
//! missing and asked of nobody. What is asked for does not count as to be had, so nothing is fetched twice before
//! the endgame, which begins when no chunk is free.
//!
//! A peer is asked for as many bytes at once as keep its link busy ([`crate::pace`]). Among the peers with room one is
//! drawn at random, the one with more room of two; it is asked for the rarest free chunk that it has. A request that has
//! not been answered is in a queue at the other end: it moves to another peer when that peer says it has the
//! chunk, or when its time is up. A peer that stops in the middle of a chunk rests, and what it owes is asked of others.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun, Time};

use crate::config::Mode;
use crate::event::{DropReason, Output, PeerKey, Refusal};
use crate::peer::{Peer, Standing};
use crate::rarity::Rarity;
use crate::swarm::Swarm;

/// How often peers that owe something are looked at.
pub(crate) const CHECK_EVERY: Duration = Duration::from_millis(250);
/// A request that waits this long in a queue moves to another peer that has room.
const QUEUE_PATIENCE: Duration = Duration::from_secs(2);
/// A peer that owed bytes all this time and sent none is disconnected.
const DROP_AFTER: Duration = Duration::from_secs(60);
/// As long as chunks are missing that nobody has, it is said this often.
const STARVED_EVERY: Duration = Duration::from_secs(5);
/// The most chunks asked of one peer at once. The protocol allows this many, so that an uploader's queue is bounded.
pub const REQUESTS_PER_PEER_MAX: usize = 256;
/// What is asked for at once before any rate is known, of all peers together: enough to start a fast link at full speed.
const FIRST_BYTES: u64 = 2 << 20;
/// In the endgame a chunk is asked of so many peers at most.
const ENDGAME_COPIES: u8 = 2;

/// The downloading half's state.
pub(crate) struct Fetch {
    /// Missing, and asked of nobody.
    pub(crate) free: Bitmap,
    /// Missing, and asked of so many peers.
    pub(crate) asked: BTreeMap<ChunkIndex, u8>,
    /// How many usable peers have each chunk.
    pub(crate) rarity: Rarity,
    /// Peers that can perhaps be asked for more.
    pub(crate) hungry: Vec<PeerKey>,
    /// How many requests are open, over all peers.
    pub(crate) requests: usize,
    starved_at: Option<Time>,
}

impl Fetch {
    pub(crate) fn new(chunk_count: u32, have: &Bitmap, mode: Mode) -> Self {
        let mut free = Bitmap::empty(chunk_count);
        if mode == Mode::Fetch {
            have.missing().for_each(|chunk| _ = free.insert(chunk));
        }
        Self {
            free,
            asked: BTreeMap::new(),
            rarity: Rarity::new(chunk_count),
            hungry: Vec::new(),
            requests: 0,
            starved_at: None,
        }
    }

    pub(crate) fn missing_again(&mut self, chunk: ChunkIndex, mode: Mode) {
        if mode == Mode::Fetch {
            self.free.insert(chunk);
        }
    }

    pub(crate) fn not_missing(&mut self, chunk: ChunkIndex) {
        self.free.remove(chunk);
    }

    /// One peer less is asked for the chunk; says whether it is free now.
    fn ask_less(&mut self, chunk: ChunkIndex) -> bool {
        self.requests -= 1;
        match self.asked.get_mut(&chunk) {
            Some(copies @ 2..) => {
                *copies -= 1;
                false
            }
            _ => self.asked.remove(&chunk).is_some() && self.free.insert(chunk),
        }
    }
}

impl Swarm {
    pub(crate) fn peer_has(&mut self, now: Time, key: PeerKey, run: ChunkRun) {
        for chunk in self.chunks_of(run).collect::<Vec<_>>() {
            let Some(peer) = self.peers.get_mut(&key) else { return };
            if !peer.have.insert(chunk) {
                continue;
            }
            if peer.is_usable() {
                self.fetch.rarity.add(chunk);
            }
            if self.fetch.free.contains(chunk) {
                self.mark_hungry(key);
            } else if self.fetch.asked.contains_key(&chunk) {
                self.move_to_new_holder(now, key, chunk);
            }
        }
    }

    pub(crate) fn peer_lost(&mut self, key: PeerKey, run: ChunkRun) {
        for chunk in self.chunks_of(run).collect::<Vec<_>>() {
            self.holder_lost(key, chunk);
        }
    }

    fn holder_lost(&mut self, key: PeerKey, chunk: ChunkIndex) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.have.remove(chunk) && peer.is_usable() {
            self.fetch.rarity.remove(chunk);
        }
        self.withdraw_request(key, chunk);
    }

    pub(crate) fn progress(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex, bytes: u32) {
        let chunk_bytes = self.sizes.bytes(chunk);
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let has_room = peer.progress(now, chunk, bytes, chunk_bytes);
        if !peer.is_usable() {
            self.end_rest(key);
        } else if has_room {
            self.mark_hungry(key);
        }
    }

    pub(crate) fn received(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        // What was not reported as progress arrived now: a small chunk comes in one read.
        self.progress(now, key, chunk, u32::MAX);
        self.withdraw_request(key, chunk);
        if let Some(peer) = self.peers.get_mut(&key)
            && peer.have.insert(chunk)
            && peer.is_usable()
        {
            self.fetch.rarity.add(chunk);
        }
        if !self.have.contains(chunk) && chunk.number() < self.have.len() {
            self.got(now, chunk);
        }
        self.mark_hungry(key);
    }

    pub(crate) fn refused(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex, reason: Refusal) {
        match reason {
            Refusal::Missing | Refusal::Changed | Refusal::Unreadable => self.holder_lost(key, chunk),
            Refusal::Busy => {
                self.withdraw_request(key, chunk);
                self.start_rest(now, key);
            }
        }
        self.mark_hungry(key);
    }

    /// Takes back all that a peer that is gone was asked for.
    pub(crate) fn forget_source(&mut self, key: PeerKey, peer: &Peer) {
        if peer.is_usable() {
            self.fetch.rarity.remove_all(&peer.have);
        }
        self.fetch.hungry.retain(|&hungry| hungry != key);
        let mut is_freed = false;
        for request in &peer.requests {
            is_freed |= self.fetch.ask_less(request.chunk);
        }
        if is_freed {
            self.mark_all_hungry();
        }
    }

    /// The chunk has come: cancels it wherever else it was asked for.
    pub(crate) fn give_up_requests(&mut self, chunk: ChunkIndex) {
        if !self.fetch.asked.contains_key(&chunk) {
            return;
        }
        let is_asked =
            |(&key, peer): (&PeerKey, &alloc::boxed::Box<Peer>)| peer.request(chunk).is_some().then_some(key);
        for key in self.peers.iter().filter_map(is_asked).collect::<Vec<_>>() {
            self.cancel(key, chunk);
        }
    }

    fn cancel(&mut self, key: PeerKey, chunk: ChunkIndex) {
        if self.withdraw_request(key, chunk) {
            self.outputs.push_back(Output::Cancel { peer: key, chunk });
            self.mark_hungry(key);
        }
    }

    /// Forgets a request; says whether there was one.
    fn withdraw_request(&mut self, key: PeerKey, chunk: ChunkIndex) -> bool {
        let bytes = self.sizes.bytes(chunk);
        let was_asked = self.peers.get_mut(&key).is_some_and(|peer| peer.remove_request(chunk, bytes));
        if was_asked && self.fetch.ask_less(chunk) {
            self.mark_all_hungry();
        }
        was_asked
    }

    pub(crate) fn mark_hungry(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key)
            && !peer.is_hungry
        {
            peer.is_hungry = true;
            self.fetch.hungry.push(key);
        }
    }

    pub(crate) fn mark_all_hungry(&mut self) {
        for (&key, peer) in &mut self.peers {
            if !peer.is_hungry {
                peer.is_hungry = true;
                self.fetch.hungry.push(key);
            }
        }
    }

    /// Asks for as much as there is room for.
    pub(crate) fn ask_more(&mut self, now: Time) {
        if !self.is_fetching() {
            return;
        }
        while self.fetch.requests < self.config.requests_max
            && let Some(at) = self.draw_hungry()
        {
            let key = self.fetch.hungry[at];
            if let Some(chunk) = self.next_chunk_of(key) {
                self.ask(now, key, chunk);
            } else {
                self.fetch.hungry.swap_remove(at);
                if let Some(peer) = self.peers.get_mut(&key) {
                    peer.is_hungry = false;
                }
            }
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
            let peer = self.peers.get(&self.fetch.hungry[at]);
            peer.map(|peer| (peer.due_bytes, peer.have.count()))
        };
        Some(if load(a) <= load(b) { a } else { b })
    }

    fn next_chunk_of(&mut self, key: PeerKey) -> Option<ChunkIndex> {
        let peer = self.peers.get(&key)?;
        if !self.has_room(peer) {
            return None;
        }
        let tie_break = self.config.policy.tie_break;
        let rarest = self.fetch.rarity.rarest(&self.fetch.free, &peer.have, tie_break, &mut self.random);
        if rarest.is_none() && self.fetch.free.is_empty() { self.endgame_chunk_of(key) } else { rarest }
    }

    fn has_room(&self, peer: &Peer) -> bool {
        let floor = FIRST_BYTES / self.peers.len().max(1) as u64;
        let budget = if peer.failures > 0 { 1 } else { peer.pace.budget_bytes(floor.max(1)) };
        peer.is_usable() && peer.due_bytes < budget && peer.requests.len() < REQUESTS_PER_PEER_MAX
    }

    /// A chunk that another peer was asked for, when nothing else is missing and this one has nothing to do.
    fn endgame_chunk_of(&mut self, key: PeerKey) -> Option<ChunkIndex> {
        let peer = self.peers.get(&key).filter(|peer| peer.requests.is_empty())?;
        let fits =
            |&(&chunk, &copies): &(&ChunkIndex, &u8)| copies < ENDGAME_COPIES && peer.have.contains(chunk);
        let choices = self.fetch.asked.iter().filter(fits).count() as u32;
        if choices == 0 {
            return None;
        }
        let nth = self.random.below(choices) as usize;
        self.fetch.asked.iter().filter(fits).nth(nth).map(|(&chunk, _)| chunk)
    }

    fn ask(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        let bytes = self.sizes.bytes(chunk);
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.add_request(now, chunk, bytes);
        self.fetch.free.remove(chunk);
        *self.fetch.asked.entry(chunk).or_insert(0) += 1;
        self.fetch.requests += 1;
        self.outputs.push_back(Output::Request { peer: key, chunk });
        self.wake_by(now + CHECK_EVERY);
    }

    /// A peer has got a chunk that is asked of another. If it still waits there, it may be had here sooner, and leaves
    /// the other, who may be the only one to have what it has, to do something else.
    fn move_to_new_holder(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        let has_waiting = |peer: &Peer| peer.request(chunk).is_some_and(|request| !request.has_started());
        let Some((&from, source)) = self.peers.iter().find(|(_, peer)| has_waiting(peer)) else { return };
        let is_seed = source.have.is_full();
        let is_drawn = is_seed || self.random.below(self.fetch.rarity.count(chunk).max(1)) == 0;
        if from != key && is_drawn && self.peers.get(&key).is_some_and(|peer| self.has_room(peer)) {
            self.move_request(now, chunk, from, key);
        }
    }

    fn move_request(&mut self, now: Time, chunk: ChunkIndex, from: PeerKey, to: PeerKey) {
        self.cancel(from, chunk);
        self.ask(now, to, chunk);
    }

    /// Looks at every peer: who rests long enough, who stalls, whose queue is too long.
    pub(crate) fn check_on_peers(&mut self, now: Time) {
        for key in self.peers.keys().copied().collect::<Vec<_>>() {
            self.check_on(now, key);
        }
        if !self.is_fetching() {
            return;
        }
        if self.fetch.free.is_empty() {
            self.mark_all_hungry();
        }
        self.say_if_starved(now);
        if !self.peers.is_empty() {
            self.wake_by(now + CHECK_EVERY);
        }
    }

    fn check_on(&mut self, now: Time, key: PeerKey) {
        let Some(peer) = self.peers.get(&key) else { return };
        match peer.standing {
            Standing::Resting { until } if until <= now => self.end_rest(key),
            Standing::Resting { .. } => {}
            Standing::Usable => {}
        }
        let Some(peer) = self.peers.get(&key) else { return };
        let Some(quiet) = peer.quiet_since.map(|since| now - since) else { return };
        let in_work = peer.requests.iter().find(|request| request.has_started());
        if quiet >= DROP_AFTER && (in_work.is_some() || peer.failures > 0) {
            self.drop_peer(key, DropReason::Stalled);
        } else if let Some(request) = in_work {
            if peer.is_usable() && quiet >= peer.pace.stall_after(self.sizes.bytes(request.chunk)) {
                self.stalled(now, key);
            }
        } else {
            self.move_long_waiting(now, key);
        }
    }

    /// A peer stopped in the middle of a chunk. It rests; what others have is asked of them; what nobody else has stays
    /// with it, since a slow source is better than none.
    fn stalled(&mut self, now: Time, key: PeerKey) {
        self.start_rest(now, key);
        let Some(peer) = self.peers.get(&key) else { return };
        let is_elsewhere = |chunk: &ChunkIndex| self.fetch.rarity.count(*chunk) > 0;
        let owed = peer.requests.iter().map(|request| request.chunk).filter(is_elsewhere);
        for chunk in owed.collect::<Vec<_>>() {
            self.cancel(key, chunk);
        }
    }

    fn move_long_waiting(&mut self, now: Time, from: PeerKey) {
        let Some(peer) = self.peers.get(&from) else { return };
        let is_due = |request: &&crate::peer::Request| now - request.asked_at >= QUEUE_PATIENCE;
        let waiting = peer.requests.iter().filter(is_due).map(|request| request.chunk);
        for chunk in waiting.collect::<Vec<_>>() {
            let fits = |peer: &Peer| {
                peer.have.contains(chunk) && peer.request(chunk).is_none() && self.has_room(peer)
            };
            let others = self.peers.iter().filter(|(_, peer)| fits(peer)).map(|(&key, _)| key);
            let others: Vec<_> = others.collect();
            if !others.is_empty() {
                let to = others[self.random.below(others.len() as u32) as usize];
                self.move_request(now, chunk, from, to);
            }
        }
    }

    fn start_rest(&mut self, now: Time, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.is_usable() {
            self.fetch.rarity.remove_all(&peer.have);
        }
        peer.rest(now);
        self.wake_by(now + CHECK_EVERY);
    }

    fn end_rest(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
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
        }
        match (is_starved, is_said) {
            (true, false) => self.fetch.starved_at = Some(now),
            (false, _) => self.fetch.starved_at = None,
            (true, true) => {}
        }
    }
}
