//! What was asked for on a lane: the hub writes it, the reader looks it up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drizzle_model::ChunkIndex;
use drizzle_store::{Download, Source};
use drizzle_wire::Channel;

use crate::content_key::ContentId;

/// A chunk that was asked for.
#[derive(Clone)]
pub(crate) struct Expected {
    pub(crate) content: ContentId,
    pub(crate) chunk: ChunkIndex,
    pub(crate) download: Arc<Download>,
}

impl Expected {
    fn bytes(&self) -> u64 {
        self.download.chunk_bytes(self.chunk)
    }
}

/// Expected chunks by channel and chunk number. Put in before they are asked for; one that is cancelled stays, since it may
/// come all the same and is not wasted then. So there are no more than the content has chunks.
#[derive(Clone, Default)]
pub(crate) struct Expectations(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    expected: HashMap<(Channel, u32), Expected>,
    /// Bytes that were asked for, and may come although they are expected no longer.
    forgiven: u64,
}

impl Expectations {
    pub(crate) fn insert(&self, channel: Channel, expected: Expected) {
        self.lock().expected.insert((channel, expected.chunk.number()), expected);
    }

    /// Says whether it was there.
    pub(crate) fn remove(&self, key: (Channel, u32)) -> bool {
        self.lock().expected.remove(&key).is_some()
    }

    pub(crate) fn find(&self, key: (Channel, u32)) -> Option<Expected> {
        self.lock().expected.get(&key).cloned()
    }

    /// The chunk is given up, but may be under way: should it be asked for again, it may come twice.
    pub(crate) fn forgive(&self, key: (Channel, u32)) {
        let mut state = self.lock();
        state.forgiven += state.expected.get(&key).map_or(0, Expected::bytes);
    }

    /// The channel is no more: nothing is expected on it, and what was may still be under way.
    pub(crate) fn forget(&self, channel: Channel) {
        let State { expected, forgiven } = &mut *self.lock();
        let forgotten = expected.extract_if(|(of, _), _| *of == channel);
        *forgiven += forgotten.map(|(_, expected)| expected.bytes()).sum::<u64>();
    }

    /// So many bytes may come that are not expected, since they were asked for once.
    pub(crate) fn forgiven_bytes(&self) -> u64 {
        self.lock().forgiven
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
