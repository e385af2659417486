//! Uploading: whom to send what, of all that was asked for.
//!
//! First the chunk that was sent least often, so that a seed sends each chunk once before any twice: who waits for a
//! chunk that has left already finds it at another peer. Then the peer to which least is being sent, then the neediest,
//! which has the fewest chunks, then who asked first. Copies count from the start of their upload.

use alloc::vec;

use drizzle_model::{ChunkIndex, Time};

use crate::config::{CountCopies, REQUESTS_PER_PEER_MAX, UploadOrder};
use crate::event::{DropReason, Output, PeerKey, Refusal};
use crate::peer::{Peer, Upload, Want};
use crate::swarm::Swarm;

/// A peer that asks for more chunks at once than this is dropped: the protocol allows it half, the rest is for
/// cancellations under way.
const WANTS_PER_PEER_MAX: usize = 2 * REQUESTS_PER_PEER_MAX;
/// More wants than this, over all peers, are refused as busy: the next upload is found by looking at all of them.
const WANTS_MAX: usize = 8192;

/// Copies out, uploads to the peer, chunks it has, its turn.
type Rank = (u8, usize, u32, u32, u64);

impl Swarm {
    pub(crate) fn wanted(&mut self, key: PeerKey, chunk: ChunkIndex) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.wants.iter().any(|want| want.chunk == chunk) || peer.is_sent(chunk) {
            return;
        }
        if peer.wants.len() >= WANTS_PER_PEER_MAX {
            self.drop_peer(key, DropReason::Flooding);
        } else if !self.have.contains(chunk) && !self.fetch.is_told_of(chunk) {
            self.outputs.push_back(Output::Refuse { peer: key, chunk, reason: Refusal::Missing });
        } else if self.serve.wants >= WANTS_MAX {
            self.outputs.push_back(Output::Refuse { peer: key, chunk, reason: Refusal::Busy });
        } else {
            self.serve.turn += 1;
            self.serve.wants += 1;
            self.serve.is_idle &= !self.have.contains(chunk);
            peer.wants.push(Want { chunk, turn: self.serve.turn });
        }
    }

    /// An upload that has begun goes on: the cancellation crossed its start, and who cancelled takes it. A peer that
    /// has the chunk from another says so, and that stops it.
    pub(crate) fn unwanted(&mut self, key: PeerKey, chunk: ChunkIndex) {
        self.take_want(key, chunk);
    }

    pub(crate) fn sent(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        let Some(upload) = self.end_upload(key, chunk) else { return };
        if self.serve.wants > 0 && self.is_seed {
            self.serve.slots.finished(now, upload.since, self.sizes.bytes(chunk));
        }
        if !upload.is_stopped {
            self.serve.through.note(now, upload.since, self.sizes.bytes(chunk));
            self.serve.stuck.reset();
        }
        if upload.is_aside || self.config.policy.copies == CountCopies::Delivered {
            self.serve.count_copy(chunk);
        }
    }

    pub(crate) fn unsent(&mut self, key: PeerKey, chunk: ChunkIndex) {
        let Some(upload) = self.end_upload(key, chunk) else { return };
        if !upload.is_aside && self.config.policy.copies == CountCopies::InFlight {
            self.serve.uncount_copy(chunk);
        }
    }

    fn end_upload(&mut self, key: PeerKey, chunk: ChunkIndex) -> Option<Upload> {
        let peer = self.peers.get_mut(key)?;
        let at = peer.uploads.iter().position(|upload| upload.chunk == chunk)?;
        let upload = peer.uploads.swap_remove(at);
        self.serve.is_idle = false;
        self.serve.uploads -= usize::from(!upload.is_aside);
        Some(upload)
    }

    fn take_want(&mut self, key: PeerKey, chunk: ChunkIndex) -> bool {
        let Some(peer) = self.peers.get_mut(key) else { return false };
        let Some(at) = peer.wants.iter().position(|want| want.chunk == chunk) else { return false };
        peer.wants.swap_remove(at);
        self.serve.wants -= 1;
        true
    }

    /// A peer is gone: nothing is sent to it, and what was on the way did not arrive.
    pub(crate) fn forget_uploads(&mut self, peer: &Peer) {
        self.serve.wants -= peer.wants.len();
        let placed = || peer.uploads.iter().filter(|upload| !upload.is_aside);
        self.serve.uploads -= placed().count();
        if self.config.policy.copies == CountCopies::InFlight {
            placed().for_each(|upload| self.serve.uncount_copy(upload.chunk));
        }
    }

    /// A chunk is valid no longer, or will not be here: who wants it is refused, who gets it gets no more of it.
    pub(crate) fn take_back_offers(&mut self, chunk: ChunkIndex, reason: Refusal) {
        for (key, peer) in self.peers.iter_mut() {
            if peer.stop_upload(chunk) {
                self.outputs.push_back(Output::Stop { peer: key, chunk });
            }
            let waiting = peer.wants.len();
            peer.wants.retain(|want| want.chunk != chunk);
            if peer.wants.len() < waiting {
                self.serve.wants -= waiting - peer.wants.len();
                self.outputs.push_back(Output::Refuse { peer: key, chunk, reason });
            }
        }
    }

    pub(crate) fn start_uploads(&mut self, now: Time) {
        while self.serve.uploads < self.serve.slots.open() && !self.serve.is_idle {
            match self.next_upload() {
                Some((key, chunk)) => self.start_upload(now, key, chunk),
                None => self.serve.is_idle = true,
            }
        }
        self.watch_places(now);
    }

    fn start_upload(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        self.take_want(key, chunk);
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.uploads.push(Upload { chunk, since: now, is_stopped: false, is_aside: false });
        self.serve.uploads += 1;
        if self.serve.copies.is_empty() {
            self.serve.copies = vec![0; self.have.len() as usize].into();
        }
        if self.config.policy.copies == CountCopies::InFlight {
            self.serve.count_copy(chunk);
        }
        self.outputs.push_back(Output::Send { peer: key, chunk });
    }

    fn next_upload(&self) -> Option<(PeerKey, ChunkIndex)> {
        if self.serve.wants == 0 {
            return None;
        }
        let mean = (self.peers.values().map(|p| p.have.count() as u64).sum::<u64>()
            / self.peers.len().max(1) as u64) as u32;
        let best = self.peers.iter().filter_map(|(key, peer)| {
            let (rank, chunk) = self.best_want(peer, mean)?;
            Some((rank, key, chunk))
        });
        best.min().map(|(_, key, chunk)| (key, chunk))
    }

    fn best_want(&self, peer: &Peer, mean: u32) -> Option<(Rank, ChunkIndex)> {
        // Whoever reads slowly gets one at a time.
        if peer.uploads.iter().any(|upload| upload.is_aside) {
            return None;
        }
        let here = peer.wants.iter().filter(|want| self.have.contains(want.chunk));
        here.map(|want| (self.rank(peer, want, mean), want.chunk)).min()
    }

    /// The lowest is sent first.
    fn rank(&self, peer: &Peer, want: &Want, mean: u32) -> Rank {
        match self.config.policy.upload_order {
            UploadOrder::LeastSentFirst => {
                let c = self.serve.copies_of(want.chunk).min(2);
                let out = self.fetch.rarity.count(want.chunk) + u32::from(c);
                let class = if out == 0 {
                    0
                } else if peer.have.count() + self.have.len() / 64 < mean {
                    1
                } else {
                    2
                };
                (class, out as usize, peer.uploads.len() as u32, peer.have.count(), want.turn)
            }
            UploadOrder::FirstCome => (0, 0, 0, 0, want.turn),
        }
    }
}
