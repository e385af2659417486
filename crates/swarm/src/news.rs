//! What came lately and may be news to some peer: a list that is as long as the one who has heard least needs.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use drizzle_model::{ChunkIndex, ChunkRun, Time};

/// Chunks that came, in order, as far as not every peer has been told.
#[derive(Default)]
pub(crate) struct News {
    /// The number of the first that is kept.
    pub(crate) first: u64,
    pub(crate) chunks: VecDeque<ChunkIndex>,
    /// No peer is to be told earlier than this; it may be later.
    pub(crate) due: Option<Time>,
}

impl News {
    /// Notes that a peer is to be told then.
    pub(crate) fn tell_by(&mut self, at: Time) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// The number that the next will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.chunks.len() as u64
    }

    /// The chunks from that number on, sorted, as runs.
    pub(crate) fn runs_since(&self, told: u64) -> Vec<ChunkRun> {
        let skip = told.saturating_sub(self.first) as usize;
        let mut numbers: Vec<_> = self.chunks.iter().skip(skip).map(|chunk| chunk.number()).collect();
        numbers.sort_unstable();
        let of_run = |run: &[u32]| ChunkRun { first: run[0], last: run[run.len() - 1] };
        numbers.chunk_by(|a, b| a + 1 == *b).map(of_run).collect()
    }

    pub(crate) fn forget_before(&mut self, number: u64) {
        let count = (number.saturating_sub(self.first) as usize).min(self.chunks.len());
        self.chunks.drain(..count);
        self.first += count as u64;
    }
}
