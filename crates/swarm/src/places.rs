//! Uploads that hold a place for too long.
//!
//! A place is for a reader that reads. One that takes nothing, or a byte now and then, would keep it for good, and a few of
//! them all places. So while others wait, an upload that is left behind by those that go through, or under which nothing
//! goes through at all, loses its place. It goes on beside the places, since a slow reader may be an honest one
//! that would never get a chunk if it were cut off at each; but its peer gets nothing else until it is through, and
//! the copy no longer counts as one that is out. So a peer holds one such upload at most, and a place for a few seconds.

use alloc::vec::Vec;

use drizzle_model::{ChunkIndex, Time};

use crate::config::CountCopies;
use crate::event::PeerKey;
use crate::pace::CHECK_EVERY;
use crate::peer::Upload;
use crate::swarm::Swarm;

impl Swarm {
    /// Looks at what holds the places, as long as others wait for them.
    pub(crate) fn check_on_places(&mut self, now: Time) {
        if self.serve.wants == 0 || self.serve.uploads == 0 {
            return;
        }
        while let Some((key, chunk)) = self.behind(now) {
            self.set_aside(key, chunk);
        }
        if self.serve.uploads < self.serve.slots.open() || now < self.serve.stuck.next {
            return;
        }
        let is_stuck =
            |upload: &Upload| self.serve.through.is_stuck(now, upload.since, self.sizes.bytes(upload.chunk));
        let stuck = self.placed().filter(|(_, upload)| is_stuck(upload));
        let stuck: Vec<_> = stuck.map(|(key, upload)| (key, upload.chunk)).collect();
        if !stuck.is_empty() {
            self.serve.stuck.freed(now);
        }
        stuck.into_iter().for_each(|(key, chunk)| self.set_aside(key, chunk));
    }

    /// Asks to be woken for the next look, if there is something to look at.
    pub(crate) fn watch_places(&mut self, now: Time) {
        if self.serve.wants > 0 && self.serve.uploads > 0 {
            self.wake_by(now + CHECK_EVERY);
        }
    }

    fn behind(&self, now: Time) -> Option<(PeerKey, ChunkIndex)> {
        let is_behind = |upload: &Upload| {
            let bytes = self.sizes.bytes(upload.chunk);
            self.serve.through.leaves_behind(now, upload.since, bytes).is_some()
        };
        self.placed().find(|(_, upload)| is_behind(upload)).map(|(key, upload)| (key, upload.chunk))
    }

    fn placed(&self) -> impl Iterator<Item = (PeerKey, &Upload)> {
        self.peers
            .iter()
            .map(|(key, peer)| (key, &peer.uploads))
            .flat_map(|(key, uploads)| uploads.iter().map(move |upload| (key, upload)))
            .filter(|(_, upload)| !upload.is_aside)
    }

    fn set_aside(&mut self, key: PeerKey, chunk: ChunkIndex) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(upload) = peer.uploads.iter_mut().find(|upload| upload.chunk == chunk) else { return };
        upload.is_aside = true;
        self.serve.uploads -= 1;
        if self.config.policy.copies == CountCopies::InFlight {
            self.serve.uncount_copy(chunk);
        }
    }
}
