//! One content as the hub knows it: its machine, who speaks of it on which channels, and what is under way.

use std::collections::HashMap;
use std::sync::Arc;

use drizzle_model::{Bitmap, ChunkHashes, ChunkIndex, Metadata, Time};
use drizzle_store::{Download, Source};
use drizzle_swarm::{PeerKey, Swarm};
use tokio::sync::mpsc;

use super::lane_state::Place;
use crate::candidates::Candidates;
use crate::content_key::ContentKey;
use crate::input::ContentEvent;
use crate::lane::UploadId;

pub(super) struct Content {
    pub(super) key: ContentKey,
    pub(super) size: u64,
    pub(super) metadata: Metadata,
    pub(super) have: Bitmap,
    pub(super) source: Arc<dyn Source>,
    pub(super) hashes: Option<Arc<ChunkHashes>>,
    /// There while it is fetched; its chunks come from peers.
    pub(super) download: Option<Arc<Download>>,
    pub(super) swarm: Swarm,
    pub(super) watcher: mpsc::UnboundedSender<ContentEvent>,
    pub(super) candidates: Candidates,
    pub(super) deadline: Option<Time>,
    /// The open channels to each peer, the oldest first.
    pub(super) channels: HashMap<PeerKey, Vec<Place>>,
    /// Where each chunk was asked for.
    pub(super) requested: HashMap<(PeerKey, ChunkIndex), Place>,
    /// Where each peer asked for chunks of which nothing is being sent yet.
    pub(super) wanted: HashMap<(PeerKey, ChunkIndex), Place>,
    /// What lanes were told to send, and have not said to be over.
    pub(super) sending: HashMap<(PeerKey, ChunkIndex), Sending>,
}

/// A chunk that a lane was told to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) place: Place,
    /// The same chunk may be sent again after it was stopped: this tells the one from the other.
    pub(super) upload: UploadId,
}

impl Content {
    /// The peer's channel on which the least is asked for.
    pub(super) fn least_busy(&self, peer: PeerKey) -> Option<Place> {
        let asked_on =
            |place: &&Place| self.requested.iter().filter(|((of, _), at)| *of == peer && at == place).count();
        match &self.channels.get(&peer)?[..] {
            [only] => Some(*only),
            several => several.iter().min_by_key(asked_on).copied(),
        }
    }

    /// The peer's oldest channel.
    pub(super) fn first_channel(&self, peer: PeerKey) -> Option<Place> {
        self.channels.get(&peer)?.first().copied()
    }

    /// The chunk of that number, if the content has one.
    pub(super) fn chunk(&self, number: u32) -> Option<ChunkIndex> {
        self.have.chunk(number)
    }

    /// When a candidate is to be called, if chunks are missing.
    pub(super) fn calls_due(&self) -> Option<Time> {
        self.candidates.next_due().filter(|_| self.is_fetching())
    }

    pub(super) fn is_fetching(&self) -> bool {
        self.download.is_some() && !self.have.is_full()
    }

    /// Tells the owner, who may be gone.
    pub(super) fn tell(&self, event: ContentEvent) {
        let _ = self.watcher.send(event);
    }
}
