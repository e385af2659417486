//! The endgame: no chunk is free, and a peer that could send has nothing to send.
//!
//! It is asked for a chunk that another was asked for: one that still waits, and waits longer than others did, or one
//! whose sender is so slow that this peer would be through before it. What waits no longer than usual is about to begin, and
//! to ask another for it would only bring it twice: eight peers at 100 Mbit/s lose a hundredth of their time to that.

use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{ChunkIndex, Time};

use crate::event::PeerKey;
use crate::fetching::Asked;
use crate::peer::Peer;
use crate::swarm::Swarm;

/// A chunk waits in the queues of so many peers at most.
const QUEUES_MAX: u8 = 4;
/// It waits long after so many times as long as others waited, and after this time whatever others waited.
const WAITS: u32 = 2;
const WAIT_MAX: Duration = Duration::from_secs(1);
/// It is looked again no sooner than this.
const LOOK_AFTER: Duration = Duration::from_millis(20);

impl Swarm {
    /// A chunk to ask this peer for, if it has nothing to do.
    pub(crate) fn endgame_chunk_of(&mut self, now: Time, key: PeerKey) -> Option<ChunkIndex> {
        let peer = self.peers.get(key).filter(|peer| peer.requests.is_empty())?;
        let choices = self.fetch.asked.iter().filter(|(chunk, asked)| {
            peer.have.contains(**chunk)
                && match asked.started {
                    0 => asked.copies < QUEUES_MAX && self.waits_until(asked) <= now,
                    1 => asked.copies == 1 && self.is_slow(**chunk, peer),
                    _ => false,
                }
        });
        let choices: Vec<_> = choices.map(|(&chunk, _)| chunk).collect();
        if choices.is_empty() {
            self.wake_when_one_waits_long(now);
        }
        let nth = self.random.below(choices.len().max(1) as u32);
        choices.get(nth as usize).copied()
    }

    /// Until when a chunk waits no longer than is to be expected.
    fn waits_until(&self, asked: &Asked) -> Time {
        asked.last_at + self.fetch.usual_wait().saturating_mul(WAITS).min(WAIT_MAX)
    }

    fn wake_when_one_waits_long(&mut self, now: Time) {
        let waits = |asked: &&Asked| asked.started == 0 && asked.copies < QUEUES_MAX;
        let waiting = self.fetch.asked.values().filter(waits);
        let next = waiting.map(|asked| self.waits_until(asked)).filter(|at| *at > now).min();
        if let Some(at) = next {
            self.wake_by(at.max(now + LOOK_AFTER));
        }
    }

    /// Whether the one who sends the chunk will need more than twice the time that `other` would need for all of it.
    fn is_slow(&self, chunk: ChunkIndex, other: &Peer) -> bool {
        let sender = self.peers.values().find_map(|peer| Some((peer, peer.request(chunk)?)));
        sender.is_some_and(|(peer, request)| {
            let left = u128::from(request.due_bytes) * u128::from(other.pace.rate());
            !peer.is_usable()
                || request.creeps
                || left > 2 * u128::from(self.sizes.bytes(chunk)) * u128::from(peer.pace.rate())
        })
    }
}
