//! The downloading half's state: which chunks are free, which are asked for, and of how many.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use drizzle_model::{Bitmap, ChunkIndex, Time};

use crate::config::Mode;
use crate::event::PeerKey;
use crate::intake::Intake;
use crate::peer::Request;
use crate::rarity::Rarity;
use crate::through::Through;

/// Of how many peers a chunk is asked, and how many of them have begun to send it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) copies: u8,
    pub(crate) started: u8,
    /// Who was asked last, and may have been let go since: almost always the only one.
    pub(crate) last: Option<PeerKey>,
}

impl Asked {
    /// What [`crate::check`] counts again.
    pub(crate) fn counts(self) -> (u8, u8) {
        (self.copies, self.started)
    }
}

/// The downloading half's state.
pub(crate) struct Fetch {
    /// Missing, and asked of nobody.
    pub(crate) free: Bitmap,
    /// Missing, and asked of so many peers.
    pub(crate) asked: BTreeMap<ChunkIndex, Asked>,
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
            rarity: Rarity::new(chunk_count),
            hungry: Vec::new(),
            requests: 0,
            is_freed: false,
            intake: Intake::new(),
            through: Through::default(),
            starved_at: None,
        }
    }

    /// One peer more is asked for the chunk.
    pub(crate) fn ask_more(&mut self, key: PeerKey, chunk: ChunkIndex) {
        self.free.remove(chunk);
        let asked = self.asked.entry(chunk).or_default();
        asked.copies += 1;
        asked.last = Some(key);
        self.requests += 1;
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
