//! Recounts all that the machine keeps count of.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use drizzle_model::ChunkIndex;

use crate::config::{Mode, REQUESTS_PER_PEER_MAX};
use crate::event::PeerKey;
use crate::fetching::Asked;
use crate::peer::{Peer, Request, Upload};
use crate::swarm::Swarm;

impl Swarm {
    /// Recounts everything: an error says which law does not hold, and is a bug. It looks at every chunk and every peer, and
    /// is meant for simulations and tests.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.check_chunks()?;
        self.check_rarity()?;
        self.check_uploads()?;
        self.check_hungry()?;
        self.peers.values().try_for_each(|peer| self.check_peer(peer))
    }

    /// A chunk is here, asked for, or free, and just one of them.
    fn check_chunks(&self) -> Result<(), String> {
        let asked = self.count_asked();
        let kept = self.fetch.asked.iter().map(|(&chunk, asked)| (chunk, asked.counts()));
        let counted = asked.iter().map(|(&chunk, asked)| (chunk, asked.counts()));
        law(counted.eq(kept), "the chunks asked for are those in the peers' requests")?;
        let requests: usize = self.peers.values().map(|peer| peer.requests.len()).sum();
        same("open requests", requests, self.fetch.requests)?;
        let queues = self.peers.values().filter(|peer| peer.is_queue()).count();
        same("queues", queues, self.fetch.intake.queues)?;
        let soon: u64 = self.peers.values().map(|peer| peer.soon_bytes).sum();
        law(soon == self.fetch.intake.soon_bytes, "the bytes to come soon are those of all peers")?;
        let is_sent = |chunk: &ChunkIndex| self.is_on_its_way(*chunk);
        law(self.fetch.coming.keys().all(is_sent), "what was told of before it is here is being sent")?;
        for chunk in self.sizes_chunks() {
            let states =
                [self.have.contains(chunk), asked.contains_key(&chunk), self.fetch.free.contains(chunk)];
            let count = states.iter().filter(|is| **is).count();
            let is_right = count == 1 || (count == 0 && self.config.mode == Mode::ServeOnly);
            if !is_right {
                return Err(format!("chunk {chunk} is (here, asked for, free): {states:?}"));
            }
        }
        Ok(())
    }

    fn count_asked(&self) -> BTreeMap<ChunkIndex, Asked> {
        let mut asked = BTreeMap::<_, Asked>::new();
        for request in self.peers.values().flat_map(|peer| &peer.requests) {
            let asked = asked.entry(request.chunk).or_default();
            asked.copies += 1;
            asked.started += u8::from(request.is_started());
        }
        asked
    }

    fn check_rarity(&self) -> Result<(), String> {
        for chunk in self.sizes_chunks() {
            let holders = self.peers.values().filter(|peer| peer.is_usable() && peer.have.contains(chunk));
            same("holders of a chunk", holders.count(), self.fetch.rarity.count(chunk) as usize)?;
        }
        Ok(())
    }

    fn check_uploads(&self) -> Result<(), String> {
        let has_place = |upload: &&Upload| !upload.is_aside;
        let uploads = self.peers.values().flat_map(|peer| &peer.uploads).filter(has_place).count();
        same("uploads that have a place", uploads, self.serve.uploads)?;
        let wants = self.peers.values().map(|peer| peer.wants.len()).sum();
        same("wants", wants, self.serve.wants)
    }

    fn check_hungry(&self) -> Result<(), String> {
        let hungry = self.peers.values().filter(|peer| peer.is_hungry).count();
        same("hungry peers", hungry, self.fetch.hungry.len())?;
        let is_marked = |key: &PeerKey| self.peers.get(*key).is_some_and(|peer| peer.is_hungry);
        law(self.fetch.hungry.iter().all(is_marked), "whoever is in the hungry list is marked so")
    }

    fn check_peer(&self, peer: &Peer) -> Result<(), String> {
        let due: u64 = peer.requests.iter().map(|request| u64::from(request.due_bytes)).sum();
        law(due == peer.due_bytes, "the bytes due are those of the requests")?;
        let soon: u64 = peer.requests.iter().map(Request::soon_bytes).sum();
        law(soon == peer.soon_bytes, "the bytes to come soon are those of the requests")?;
        let started = peer.requests.iter().filter(|request| request.is_started()).count();
        same("requests started", started, peer.started)?;
        law(peer.requests.len() <= REQUESTS_PER_PEER_MAX, "no peer is asked for too much")?;
        let is_had = peer.requests.iter().all(|request| peer.have.contains(request.chunk));
        law(is_had, "a peer is asked only for what it has")?;
        let is_ours = |chunk| self.have.contains(chunk) || self.fetch.is_told_of(chunk);
        let are_ours = peer.wants.iter().all(|want| is_ours(want.chunk));
        law(are_ours, "only what is here or was told of waits to be sent")?;
        law(peer.quiet_since.is_some() != peer.requests.is_empty(), "who owes something is watched")
    }

    fn sizes_chunks(&self) -> impl Iterator<Item = ChunkIndex> + '_ {
        (0..self.have.len()).filter_map(|number| self.have.chunk(number))
    }
}

fn law(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("it does not hold that {what}")) }
}

fn same(what: &str, counted: usize, kept: usize) -> Result<(), String> {
    if counted == kept { Ok(()) } else { Err(format!("{what}: counted {counted}, kept {kept}")) }
}
