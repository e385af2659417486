//! Carrying out what the machines say.

use std::iter::from_fn;
use std::sync::Arc;

use drizzle_model::{ChunkIndex, ChunkRun};
use drizzle_swarm::{DropReason, Input as SwarmInput, Output, PeerKey, Refusal};
use drizzle_wire::{ByeReason, Channel, Chunks, Message, RefuseReason, Runs};
use tracing::{debug, trace, warn};

use super::Hub;
use super::content::Sending;
use crate::content_key::ContentId;
use crate::input::ContentEvent;
use crate::lane::{Expected, LaneId, Order, Upload, UploadId};

impl Hub {
    /// Does what the content's machine says, until it is quiet.
    pub(super) fn carry_out(&mut self, id: ContentId) {
        while let Some(output) = self.contents.get_mut(&id).and_then(|content| content.swarm.poll()) {
            match output {
                Output::Send { .. } | Output::Stop { .. } | Output::Refuse { .. } => {
                    trace!(target: "drizzle::serve", content = id.0, ?output);
                }
                _ => trace!(target: "drizzle::fetch", content = id.0, ?output),
            }
            match output {
                Output::Request { peer, chunk } => self.request(id, peer, chunk),
                Output::Cancel { peer, chunk } => self.cancel(id, peer, chunk),
                Output::Send { peer, chunk } => self.send(id, peer, chunk),
                Output::Stop { peer, chunk } => self.stop(id, peer, chunk),
                Output::Refuse { peer, chunk, reason } => self.refuse(id, peer, chunk, reason),
                Output::Announce { peer, run } => {
                    let mut runs = vec![run];
                    if let Some(content) = self.contents.get_mut(&id) {
                        runs.extend(from_fn(|| content.swarm.poll_announced_to(peer)));
                    }
                    self.announce(id, peer, runs, |channel, runs| Message::Have { channel, runs });
                }
                Output::Retract { peer, run } => {
                    self.announce(id, peer, vec![run], |channel, runs| Message::Lost { channel, runs });
                }
                Output::Drop { peer, why } => self.drop_peer(id, peer, why),
                Output::Starved => self.tell(id, ContentEvent::Starved),
                Output::Complete => self.tell(id, ContentEvent::Complete),
            }
        }
    }

    fn tell(&self, id: ContentId, event: ContentEvent) {
        if let Some(content) = self.contents.get(&id) {
            content.tell(event);
        }
    }

    fn request(&mut self, id: ContentId, peer: PeerKey, chunk: ChunkIndex) {
        let Some(content) = self.contents.get_mut(&id) else { return };
        let Some(download) = content.download.clone() else { return };
        let Some((lane, channel)) = content.least_busy(peer) else { return };
        content.requested.insert((peer, chunk), (lane, channel));
        if let Some(state) = self.lanes.get(&lane) {
            state.lane.expectations.insert(channel, Expected { content: id, chunk, download });
        }
        if let Some(chunks) = Chunks::new(vec![chunk.number()]) {
            self.say(lane, Message::Want { channel, chunks });
        }
    }

    fn cancel(&mut self, id: ContentId, peer: PeerKey, chunk: ChunkIndex) {
        let Some(content) = self.contents.get_mut(&id) else { return };
        // The expectation stays: if the chunk comes all the same, it is not wasted.
        let Some((lane, channel)) = content.requested.remove(&(peer, chunk)) else { return };
        if let Some(state) = self.lanes.get(&lane) {
            state.lane.expectations.forgive((channel, chunk.number()));
        }
        if let Some(chunks) = Chunks::new(vec![chunk.number()]) {
            self.say(lane, Message::Cancel { channel, chunks });
        }
    }

    fn send(&mut self, id: ContentId, peer: PeerKey, chunk: ChunkIndex) {
        let now = self.now();
        let Some(content) = self.contents.get_mut(&id) else { return };
        let Some(place) = content.wanted.remove(&(peer, chunk)) else {
            return content.swarm.handle(now, SwarmInput::Unsent { peer, chunk });
        };
        self.numbers.upload += 1;
        let upload = UploadId(self.numbers.upload);
        content.sending.insert((peer, chunk), Sending { place, upload });
        let (lane, channel) = place;
        let source = Arc::clone(&content.source);
        self.order(lane, Order::Upload(Upload { id: upload, channel, chunk, source }));
    }

    fn stop(&mut self, id: ContentId, peer: PeerKey, chunk: ChunkIndex) {
        let now = self.now();
        let Some(content) = self.contents.get_mut(&id) else { return };
        let sending = content.sending.remove(&(peer, chunk));
        content.swarm.handle(now, SwarmInput::Sent { peer, chunk });
        if let Some(Sending { place: (lane, _), upload }) = sending {
            self.order(lane, Order::Stop(upload));
        }
    }

    fn refuse(&mut self, id: ContentId, peer: PeerKey, chunk: ChunkIndex, reason: Refusal) {
        let Some(content) = self.contents.get_mut(&id) else { return };
        let Some((lane, channel)) = content.wanted.remove(&(peer, chunk)) else { return };
        let reason = match reason {
            Refusal::Missing => RefuseReason::Missing,
            Refusal::Changed => RefuseReason::Changed,
            Refusal::Busy => RefuseReason::Busy,
            Refusal::Unreadable => RefuseReason::Unreadable,
        };
        self.say(lane, Message::Refuse { channel, chunk: chunk.number(), reason });
    }

    fn announce(
        &mut self,
        id: ContentId,
        peer: PeerKey,
        runs: Vec<ChunkRun>,
        message: fn(Channel, Runs) -> Message,
    ) {
        let Some((lane, channel)) = self.contents.get(&id).and_then(|content| content.first_channel(peer))
        else {
            return;
        };
        Runs::split(runs).for_each(|runs| self.say(lane, message(channel, runs)));
    }

    /// Hangs up on a peer. A liar is banned from the content, the others may come again.
    fn drop_peer(&mut self, id: ContentId, peer: PeerKey, why: DropReason) {
        let Some(&(network, remote)) = self.peer_ids.get(&peer) else { return };
        let reason = match why {
            DropReason::Corrupt { chunk } => {
                warn!(target: "drizzle::fetch", peer = %remote, "dropped: its chunk {chunk} is not what was asked for");
                ByeReason::Misbehaving
            }
            DropReason::Stalled => {
                debug!(target: "drizzle::fetch", peer = ?remote, "dropped: it sends nothing");
                ByeReason::Idle
            }
            _ => ByeReason::Misbehaving,
        };
        // The machine has forgotten it, and must not be told again.
        if let Some(content) = self.contents.get_mut(&id) {
            content.channels.remove(&peer);
            content.requested.retain(|(of, _), _| *of != peer);
            content.wanted.retain(|(of, _), _| *of != peer);
            content.sending.retain(|(of, _), _| *of != peer);
            content.tell(ContentEvent::Sources { connected: content.channels.len() });
        }
        let lanes: Vec<LaneId> =
            self.peers.get(&(network, remote)).map(|known| known.lanes.clone()).unwrap_or_default();
        lanes.into_iter().for_each(|lane| self.hang_up(lane, reason, &format!("{why:?}")));
        self.stirred.insert(id);
    }
}
