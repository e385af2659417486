//! Who writes a chunk in place: one writer at a time, who can be ousted between two of its writes.
//!
//! At the end of a download the same chunk is asked of several peers. The first to begin writes in place, the others
//! aside. If one of the others is done first, and right, it must become the chunk's content, and the slow one, who may
//! be lying, must never write again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use drizzle_model::ChunkIndex;

use super::lock::lock;

/// The right to write one chunk in place; says whether it was lost. It is locked during each write.
pub(super) type Right = Arc<Mutex<Standing>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Held,
    Ousted,
}

/// All rights that are held.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<HashMap<ChunkIndex, Right>>);

impl Claims {
    /// The right to the chunk, if nobody holds it.
    pub(super) fn claim(&self, chunk: ChunkIndex) -> Option<Right> {
        let mut rights = lock(&self.0);
        if rights.contains_key(&chunk) {
            return None;
        }
        let right = Right::new(Mutex::new(Standing::Held));
        rights.insert(chunk, right.clone());
        Some(right)
    }

    /// Takes the right to the chunk, whoever held it, for the time of `work`. Waits for that one's write under way.
    ///
    /// The new right is locked before anybody can see it, and until the work is done. So who ousts in turn waits for all
    /// who came before, and no write of an earlier holder can follow the work of a later one.
    pub(super) fn oust<T>(&self, chunk: ChunkIndex, work: impl FnOnce() -> T) -> T {
        let right = Right::new(Mutex::new(Standing::Held));
        let standing = lock(&right);
        let former = lock(&self.0).insert(chunk, right.clone());
        if let Some(former) = former {
            *lock(&former) = Standing::Ousted;
        }
        let done = work();
        drop(standing);
        self.release(chunk, &right);
        done
    }

    /// Waits for whoever has the right to the chunk and is doing the work for which it ousted another.
    pub(super) fn wait_for_ouster(&self, chunk: ChunkIndex) {
        let right = lock(&self.0).get(&chunk).cloned();
        if let Some(right) = right {
            drop(lock(&right));
        }
    }

    /// Gives the right back; nothing happens when it was lost.
    pub(super) fn release(&self, chunk: ChunkIndex, right: &Right) {
        let mut rights = lock(&self.0);
        if rights.get(&chunk).is_some_and(|held| Arc::ptr_eq(held, right)) {
            rights.remove(&chunk);
        }
    }
}
