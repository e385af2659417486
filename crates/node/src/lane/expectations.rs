//! What was asked for on a lane: the hub writes it, the reader looks it up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drizzle_model::ChunkIndex;
use drizzle_store::Download;
use drizzle_wire::Channel;

use crate::content_key::ContentId;

/// A chunk that was asked for.
#[derive(Clone)]
pub(crate) struct Expected {
    pub(crate) content: ContentId,
    pub(crate) chunk: ChunkIndex,
    pub(crate) download: Arc<Download>,
}

/// Expected chunks by channel and chunk number. Put in before they are asked for; one that is cancelled stays, since it may
/// come all the same and is not wasted then. So there are no more than the content has chunks.
#[derive(Clone, Default)]
pub(crate) struct Expectations(Arc<Mutex<HashMap<(Channel, u32), Expected>>>);

impl Expectations {
    pub(crate) fn insert(&self, channel: Channel, expected: Expected) {
        self.lock().insert((channel, expected.chunk.number()), expected);
    }

    /// Says whether it was there.
    pub(crate) fn remove(&self, key: (Channel, u32)) -> bool {
        self.lock().remove(&key).is_some()
    }

    pub(crate) fn find(&self, key: (Channel, u32)) -> Option<Expected> {
        self.lock().get(&key).cloned()
    }

    /// The channel is no more: nothing is expected on it.
    pub(crate) fn forget(&self, channel: Channel) {
        self.lock().retain(|(of, _), _| *of != channel);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Channel, u32), Expected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
