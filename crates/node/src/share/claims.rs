//! What is registered, and by how many of the things shared: two paths may hold the same file under the same name, and when
//! one of them goes, the other is still there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use drizzle_model::{FileKey, NetworkId};

/// Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(Arc<Mutex<HashMap<(NetworkId, FileKey), usize>>>);

impl Claims {
    /// One more has it.
    pub(super) fn add(&self, network: NetworkId, key: &FileKey) {
        *self.counts().entry((network, key.clone())).or_default() += 1;
    }

    /// Whether no more than one has it.
    pub(super) fn is_single(&self, network: NetworkId, key: &FileKey) -> bool {
        self.counts().get(&(network, key.clone())).is_none_or(|count| *count <= 1)
    }

    /// One has it no longer; says whether that was the last.
    pub(super) fn remove(&self, network: NetworkId, key: &FileKey) -> bool {
        let mut counts = self.counts();
        let of = (network, key.clone());
        match counts.get_mut(&of) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            _ => counts.remove(&of).is_some(),
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<(NetworkId, FileKey), usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
