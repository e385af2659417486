//! The uploading half's state: copies that are out, uploads that run, wants that wait.

use alloc::boxed::Box;

use drizzle_model::ChunkIndex;

use crate::slots::Slots;
use crate::stuck::StuckPlaces;
use crate::through::Through;

/// The uploading half's state.
pub(crate) struct Serve {
    /// How many uploads of each chunk count as copies that are out; empty until one was asked for.
    pub(crate) copies: Box<[u8]>,
    /// How many uploads hold a place, over all peers.
    pub(crate) uploads: usize,
    /// How many wants wait, over all peers.
    pub(crate) wants: usize,
    /// How many uploads may run.
    pub(crate) slots: Slots,
    /// Whether nothing that is wanted is here, and can be sent to who wants it, as of the last look.
    pub(crate) is_idle: bool,
    pub(crate) turn: u64,
    /// Uploads that went through, and what is done about places where none does.
    pub(crate) through: Through,
    pub(crate) stuck: StuckPlaces,
}

impl Serve {
    pub(crate) fn new(uploads_min: usize, uploads_max: usize) -> Self {
        let slots = Slots::new(uploads_min, uploads_max);
        let (through, stuck) = (Through::default(), StuckPlaces::default());
        Self { copies: Box::default(), uploads: 0, wants: 0, slots, is_idle: false, turn: 0, through, stuck }
    }

    pub(crate) fn copies_of(&self, chunk: ChunkIndex) -> u8 {
        self.copies.get(chunk.position()).copied().unwrap_or(0)
    }

    pub(crate) fn count_copy(&mut self, chunk: ChunkIndex) {
        if let Some(copies) = self.copies.get_mut(chunk.position()) {
            *copies = copies.saturating_add(1);
        }
    }

    pub(crate) fn uncount_copy(&mut self, chunk: ChunkIndex) {
        if let Some(copies) = self.copies.get_mut(chunk.position()) {
            *copies = copies.saturating_sub(1);
        }
    }
}
