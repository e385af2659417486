//! Telling peers what is here.
//!
//! New chunks are kept in a list in the order in which they came, of which each peer has been told up to some
//! point. A peer that lacks a chunk hears of it at once, or shortly after what it heard last; one that has it already hears
//! of it with the next that it lacks, or after a second, so that it knows how far we are.

use alloc::collections::VecDeque;
use core::time::Duration;

use drizzle_model::{ChunkIndex, ChunkRun, Time};

use crate::event::{Output, PeerKey};
use crate::fetching::Coming;
use crate::news::News;
use crate::swarm::Swarm;

/// How long a peer is left without news that it has no use for.
const IDLE_NEWS_AFTER: Duration = Duration::from_secs(1);
/// So many news that not everyone has heard are kept at most; a peer that lags further behind is told them early.
const NEWS_MAX: usize = 4096;

impl Swarm {
    /// Notes that a chunk came, and tells whom it is time to tell. Whoever was told that it is coming hears it again with what comes
    /// later: that costs less than to know of each what it was told.
    pub(crate) fn note_news(&mut self, now: Time, chunk: ChunkIndex, coming: Option<Coming>) {
        if self.peers.is_empty() {
            return;
        }
        self.news.chunks.push_back(chunk);
        let is_long = self.news.chunks.len() >= NEWS_MAX;
        let gap = self.config.announce_gap;
        let mut told_least = u64::MAX;
        for (key, peer) in self.peers.iter_mut() {
            let is_told = coming.is_some_and(|coming| coming.is_known_to(key, peer));
            let wait = if is_told || peer.have.contains(chunk) { IDLE_NEWS_AFTER } else { gap };
            let due = peer.told_at.map_or(now, |told_at| told_at + wait).max(now);
            let due = peer.tell_at.map_or(due, |tell_at| tell_at.min(due));
            if due <= now || is_long {
                tell(&self.news, &mut self.outputs, now, key, peer);
            } else {
                peer.tell_at = Some(due);
                self.news.tell_by(due);
            }
            told_least = told_least.min(peer.told);
        }
        self.wake_to_tell();
        self.news.forget_before(told_least);
    }

    /// Tells everyone for whom it is time.
    pub(crate) fn announce_due(&mut self, now: Time) {
        if self.news.due.is_some_and(|due| due <= now) {
            self.news.due = None;
            let mut told_least = self.news.end();
            for (key, peer) in self.peers.iter_mut() {
                match peer.tell_at {
                    Some(due) if due <= now => tell(&self.news, &mut self.outputs, now, key, peer),
                    Some(due) => self.news.tell_by(due),
                    None => {}
                }
                told_least = told_least.min(peer.told);
            }
            self.news.forget_before(told_least);
        }
        self.wake_to_tell();
    }

    fn wake_to_tell(&mut self) {
        if let Some(due) = self.news.due {
            self.wake_by(due);
        }
    }

    /// Tells all peers that chunks are here no longer.
    pub(crate) fn retract(&mut self, run: ChunkRun) {
        for peer in self.peers.keys() {
            self.outputs.push_back(Output::Retract { peer, run });
        }
    }
}

/// Tells a peer all that it has not been told.
pub(crate) fn tell(
    news: &News,
    outputs: &mut VecDeque<Output>,
    now: Time,
    key: PeerKey,
    peer: &mut crate::peer::Peer,
) {
    outputs.extend(news.runs_since(peer.told).into_iter().map(|run| Output::Announce { peer: key, run }));
    peer.told = news.end();
    peer.told_at = Some(now);
    peer.tell_at = None;
}
