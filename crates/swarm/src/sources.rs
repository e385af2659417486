//! What peers say of the chunks that they have, and what comes from them.

use alloc::vec::Vec;

use drizzle_model::{ChunkIndex, ChunkRun, Time};

use crate::config::REQUESTS_PER_PEER_MAX;
use crate::event::Output;
use crate::event::{PeerKey, Refusal};
use crate::peer::{Failing, Peer, Standing};
use crate::swarm::Swarm;

impl Swarm {
    pub(crate) fn peer_has(&mut self, now: Time, key: PeerKey, run: ChunkRun) {
        let last = run.last.min(self.have.len().saturating_sub(1));
        for number in run.first..=last {
            if let Some(chunk) = self.have.chunk(number) {
                self.peer_has_chunk(now, key, chunk);
            }
        }
    }

    fn peer_has_chunk(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        // It got from another what is on its way from here.
        if peer.stop_upload(chunk) {
            self.outputs.push_back(Output::Stop { peer: key, chunk });
        }
        if !peer.have.insert(chunk) {
            return;
        }
        if peer.is_usable() {
            self.fetch.rarity.add(chunk);
        }
        if self.fetch.free.contains(chunk) {
            self.mark_hungry(key);
        } else if !self.have.contains(chunk) {
            self.move_to_new_holder(now, key, chunk);
        }
    }

    pub(crate) fn peer_lost(&mut self, key: PeerKey, run: ChunkRun) {
        for chunk in self.chunks_of(run).collect::<Vec<_>>() {
            self.peer_lost_chunk(key, chunk);
        }
    }

    fn peer_lost_chunk(&mut self, key: PeerKey, chunk: ChunkIndex) {
        self.withdraw_request(key, chunk);
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.have.remove(chunk) && peer.is_usable() {
            self.fetch.rarity.remove(chunk);
        }
    }

    pub(crate) fn progress(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex, bytes: u32) {
        self.adopt(now, key, chunk);
        let Some(arrival) = self.with_source(key, |peer| peer.progress(now, chunk, bytes)) else { return };
        self.fetch.intake.arrived(now, arrival.bytes, self.sizes.mean_bytes());
        if let Some(wait) = arrival.waited {
            self.fetch.waited(wait);
            self.started(key, chunk);
        }
        self.tell_if_coming(now, key, chunk);
        let Some(peer) = self.peers.get_mut(key) else { return };
        if matches!(peer.standing, Standing::Resting { why: Failing::Silent, .. }) {
            self.end_rest(key);
        } else if peer.pace.arrived(now, arrival.bytes) {
            self.mark_hungry(key);
        }
    }

    /// A peer begins to send a chunk: it need not wait in the queues of others any longer.
    fn started(&mut self, key: PeerKey, chunk: ChunkIndex) {
        let Some(asked) = self.fetch.asked.get_mut(&chunk) else { return };
        asked.started += 1;
        if asked.copies == 1 {
            return;
        }
        let waits = |peer: &Peer| peer.request(chunk).is_some_and(|request| !request.is_started());
        let others = self.peers.iter().filter(|(other, peer)| *other != key && waits(peer));
        for other in others.map(|(other, _)| other).collect::<Vec<_>>() {
            self.cancel(other, chunk);
            self.mark_hungry(other);
        }
    }

    /// What was cancelled may come all the same, since the cancellation crossed its start: it counts as asked for
    /// again, and whoever was asked for it meanwhile and has not begun is let go, or it would come twice.
    fn adopt(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        let fits = |peer: &Peer| {
            peer.request(chunk).is_none()
                && peer.have.contains(chunk)
                && peer.requests.len() < REQUESTS_PER_PEER_MAX
        };
        if !self.peers.get(key).is_some_and(fits) {
            return;
        }
        let waits = || self.fetch.asked.get(&chunk).is_some_and(|asked| asked.started == 0);
        if self.fetch.free.contains(chunk) || waits() {
            self.note_request(now, key, chunk);
        }
    }

    pub(crate) fn received(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        // What was not reported as progress came now.
        self.progress(now, key, chunk, u32::MAX);
        self.note_through(now, key, chunk);
        let is_new = chunk.number() < self.have.len() && self.have.insert(chunk);
        self.withdraw_request(key, chunk);
        if is_new {
            if let Some(peer) = self.peers.get_mut(key) {
                peer.keeps_word = true;
            }
            self.got(now, chunk);
        }
        self.mark_hungry(key);
    }

    fn note_through(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(request) = peer.request(chunk) else { return };
        let (started_at, creeps) = (request.started_at, request.creeps);
        if let Some(started_at) = started_at {
            self.fetch.through.note(now, started_at, self.sizes.bytes(chunk));
        }
        if !creeps {
            peer.creeps = 0;
        }
    }

    pub(crate) fn refused(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex, reason: Refusal) {
        match reason {
            Refusal::Missing | Refusal::Changed | Refusal::Unreadable => self.peer_lost_chunk(key, chunk),
            Refusal::Busy => {
                self.withdraw_request(key, chunk);
                self.start_rest(now, key, Failing::Silent);
            }
        }
        self.mark_hungry(key);
    }

    /// The chunk has come: cancels it wherever else it was asked for. Who is sending it is told at once that it is here,
    /// and stops.
    pub(crate) fn give_up_requests(&mut self, chunk: ChunkIndex) {
        if !self.fetch.asked.contains_key(&chunk) {
            return;
        }
        let asked = self.peers.iter().filter(|(_, peer)| peer.request(chunk).is_some());
        for key in asked.map(|(key, _)| key).collect::<Vec<_>>() {
            self.cancel(key, chunk);
            if let Some(peer) = self.peers.get_mut(key) {
                peer.told_at = None;
            }
            self.mark_hungry(key);
        }
    }

    /// A peer has got a chunk that is asked of another. If it still waits at a seed, it may be had here, and leaves the seed
    /// to what nobody else has. It stays with any other: that one is about to send it, and where links are full the
    /// cancellation would come too late nearly always, and the chunk twice.
    fn move_to_new_holder(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        let Some((from, source)) = self.who_waits(chunk) else { return };
        if from == key || !source.have.is_full() {
            return;
        }
        self.cancel(from, chunk);
        self.mark_hungry(from);
        if self.peers.get(key).is_some_and(|peer| self.can_ask(peer)) {
            self.ask(now, key, chunk);
        }
    }

    /// A peer that was asked for a chunk and has not begun to send it.
    fn who_waits(&self, chunk: ChunkIndex) -> Option<(PeerKey, &Peer)> {
        let asked = self.fetch.asked.get(&chunk).filter(|asked| asked.started < asked.copies)?;
        let waits = |peer: &Peer| peer.request(chunk).is_some_and(|request| !request.is_started());
        let last = asked.last.and_then(|last| Some((last, self.peers.get(last)?)));
        match last.filter(|(_, peer)| asked.copies == 1 && waits(peer)) {
            Some(only) => Some(only),
            None => self.peers.iter().find(|(_, peer)| waits(peer)),
        }
    }

    /// Takes back all that a peer that is gone was asked for.
    pub(crate) fn forget_source(&mut self, key: PeerKey, peer: &Peer) {
        if peer.is_usable() {
            self.fetch.rarity.remove_all(&peer.have);
        }
        self.fetch.intake.count_out(peer);
        self.fetch.hungry.retain(|&hungry| hungry != key);
        for request in &peer.requests {
            self.fetch.ask_less(request);
            self.retract_if_gone(request.chunk);
        }
    }
}
