//! Whose turn it is to have a file fetched: each peer has one at a time, and all together have so many places.
//!
//! Nobody who offers what it does not give holds all places.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use drizzle_model::PeerId;
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

pub(super) struct Turns {
    places: Semaphore,
    /// Of whom something is fetched, or waits to be.
    peers: Mutex<HashMap<PeerId, Arc<tokio::sync::Mutex<()>>>>,
}

/// A peer's turn, which ends when this is dropped.
pub(super) struct Turn<'a> {
    /// Given back first, as it was taken last.
    _place: SemaphorePermit<'a>,
    _of_peer: OwnedMutexGuard<()>,
}

impl Turns {
    pub(super) fn new(places: usize) -> Self {
        Self { places: Semaphore::new(places), peers: Mutex::default() }
    }

    /// Waits for a peer's turn, and for a place. None only where the places are closed, which nobody does.
    pub(super) async fn turn_of(&self, peer: PeerId) -> Option<Turn<'_>> {
        let turn = {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            peers.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(peers.entry(peer).or_default())
        };
        let _of_peer = turn.lock_owned().await;
        let _place = self.places.acquire().await.ok()?;
        Some(Turn { _place, _of_peer })
    }
}
