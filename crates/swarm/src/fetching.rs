//! The downloading half's state: which chunks are free, which are asked for, and of how many.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{Bitmap, ChunkIndex, Time};

use crate::config::Mode;
use crate::event::PeerKey;
use crate::intake::Intake;
use crate::peer::{Peer, Request};
use crate::rarity::Rarity;
use crate::through::Through;

/// Of how many peers a chunk is asked, and how many of them have begun to send it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) copies: u8,
    pub(crate) started: u8,
    /// Who was asked last, and may have been let go since: almost always the only one.
    pub(crate) last: Option<PeerKey>,
    pub(crate) last_at: Time,
}

impl Asked {
    /// What [`crate::check`] counts again.
    pub(crate) fn counts(self) -> (u8, u8) {
        (self.copies, self.started)
    }
}

/// What was told of a chunk that is not here yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coming {
    /// Who sends it, and was not told: whoever hears that a chunk is here sends no more of it. Nor was anybody who had it.
    pub(crate) source: PeerKey,
    /// How many peers had been met then; who was met later was not told.
    pub(crate) met: u64,
}

impl Coming {
    /// Whether a peer that lacked the chunk was told.
    pub(crate) fn is_known_to(self, key: PeerKey, peer: &Peer) -> bool {
        key != self.source && peer.number <= self.met
    }
}

/// The downloading half's state.
pub(crate) struct Fetch {
    /// Missing, and asked of nobody.
    pub(crate) free: Bitmap,
    /// Missing, and asked of so many peers.
    pub(crate) asked: BTreeMap<ChunkIndex, Asked>,
    /// Those of them that peers were told of already.
    pub(crate) coming: BTreeMap<ChunkIndex, Coming>,
    /// How many usable peers have each chunk.
    pub(crate) rarity: Rarity,
    /// Peers that can perhaps be asked for more.
    pub(crate) hungry: Vec<PeerKey>,
    /// How many requests are open, over all peers.
    pub(crate) requests: usize,
    /// Whether a chunk became free since all were looked at.
    pub(crate) is_freed: bool,
    pub(crate) intake: Intake,
    /// Chunks that came.
    pub(crate) through: Through,
    /// How long a request waits for its first bytes, smoothed.
    wait: Duration,
    /// When it was said last that chunks are missing that nobody has.
    pub(crate) starved_at: Option<Time>,
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
            coming: BTreeMap::new(),
            rarity: Rarity::new(chunk_count),
            hungry: Vec::new(),
            requests: 0,
            is_freed: false,
            intake: Intake::new(),
            through: Through::default(),
            wait: Duration::ZERO,
            starved_at: None,
        }
    }

    /// One peer more is asked for the chunk.
    pub(crate) fn ask_more(&mut self, now: Time, key: PeerKey, chunk: ChunkIndex) {
        self.free.remove(chunk);
        let asked = self.asked.entry(chunk).or_default();
        asked.copies += 1;
        (asked.last, asked.last_at) = (Some(key), now);
        self.requests += 1;
    }

    /// Whether a chunk is not here yet, and was told of.
    pub(crate) fn is_told_of(&self, chunk: ChunkIndex) -> bool {
        self.coming.contains_key(&chunk)
    }

    /// The first bytes of a chunk came so long after it was asked for; nothing, if it was not waited for.
    pub(crate) fn waited(&mut self, wait: Duration) {
        if wait.is_zero() {
            return;
        }
        self.wait = if self.wait.is_zero() { wait } else { (self.wait * 7 + wait) / 8 };
    }

    /// How long a request waits for its first bytes, by what others waited; zero until that is known.
    pub(crate) fn usual_wait(&self) -> Duration {
        self.wait
    }

    /// One peer less is asked for the chunk; if it was the last, the chunk is free.
    pub(crate) fn ask_less(&mut self, request: &Request) {
        self.requests -= 1;
        let Some(asked) = self.asked.get_mut(&request.chunk) else { return };
        asked.copies -= 1;
        asked.started -= u8::from(request.is_started());
        if asked.copies == 0 {
            self.asked.remove(&request.chunk);
            self.free.insert(request.chunk);
            self.is_freed = true;
        }
    }
}
