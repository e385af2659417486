//! Room that is promised to guests, until the machine counts their files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drizzle_model::PeerId;
use drizzle_ring::Quotas;

/// The bytes that each guest was promised.
type ByGuest = Arc<Mutex<HashMap<PeerId, u64>>>;

pub(super) struct Promises {
    quotas: Quotas,
    by_guest: ByGuest,
}

/// Bytes that are promised, until this is dropped.
pub(crate) struct Reserved {
    by_guest: ByGuest,
    guest: PeerId,
    bytes: u64,
}

impl Promises {
    pub(super) fn new(quotas: Quotas) -> Self {
        Self { quotas, by_guest: ByGuest::default() }
    }

    /// Promises room for a guest's file, beside what is kept already; none when there is none.
    pub(super) fn reserve(&self, guest: PeerId, bytes: u64, kept: u64) -> Option<Reserved> {
        let quotas = &self.quotas;
        let mut promised = lock(&self.by_guest);
        let (own, all) = (promised.get(&guest).copied().unwrap_or_default(), promised.values().sum::<u64>());
        let fits = own.saturating_add(bytes) <= quotas.blob_bytes_per_publisher_max
            && kept.saturating_add(all).saturating_add(bytes) <= quotas.blob_bytes_max;
        if !fits {
            return None;
        }
        *promised.entry(guest).or_default() += bytes;
        Some(Reserved { by_guest: Arc::clone(&self.by_guest), guest, bytes })
    }
}

fn lock(by_guest: &ByGuest) -> MutexGuard<'_, HashMap<PeerId, u64>> {
    by_guest.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut promised = lock(&self.by_guest);
        if let Some(bytes) = promised.get_mut(&self.guest) {
            *bytes = bytes.saturating_sub(self.bytes);
            if *bytes == 0 {
                promised.remove(&self.guest);
            }
        }
    }
}
