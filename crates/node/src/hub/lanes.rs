//! Lanes that come and go, the channels on them, and what happens on their way.

use std::collections::HashMap;

use drizzle_model::{ChunkIndex, NetworkId, PeerId};
use drizzle_store::{DiskError, SourceError};
use drizzle_swarm::{Input as SwarmInput, PeerKey, Refusal};
use drizzle_wire::{ByeReason, ByeText, Channel, Held, Message, Side};
use tracing::{debug, info, warn};

use super::Hub;
use super::lane_state::{LaneState, Place, Use};
use crate::content_key::ContentId;
use crate::input::ContentEvent;
use crate::lane::{Greeted, Lane, LaneId, Order, UploadEnd};

impl Hub {
    /// Puts a greeted connection to use; none when there are too many already.
    pub(super) fn attach(&mut self, greeted: Greeted) -> Option<LaneId> {
        if self.closing || self.lanes.len() >= self.settings.lanes_max {
            info!(target: "drizzle::serve", peer = ?greeted.peer, "hung up: {} connections are open", self.lanes.len());
            return None;
        }
        self.numbers.lane += 1;
        let id = LaneId(self.numbers.lane);
        let name = (greeted.network, greeted.peer);
        let lane = Lane::open(id, greeted, self.own_news.clone(), self.limits.clone());
        let peer = self.know_peer(name, id);
        self.lanes.insert(id, LaneState { lane, peer, channels: HashMap::new(), opened_last: None });
        Some(id)
    }

    fn know_peer(&mut self, name: (NetworkId, PeerId), lane: LaneId) -> PeerKey {
        let (key, lanes) = self.peers.entry(name).or_insert_with(|| {
            self.numbers.peer = self.numbers.peer.wrapping_add(1);
            self.peer_ids.insert(PeerKey(self.numbers.peer), name);
            (PeerKey(self.numbers.peer), Vec::new())
        });
        lanes.push(lane);
        *key
    }

    pub(super) fn take_call(&mut self, greeted: Greeted) {
        debug!(target: "drizzle::serve", peer = ?greeted.peer, "connected");
        self.attach(greeted);
    }

    /// Says something on a lane; a lane that takes no more is closed.
    pub(super) fn say(&mut self, lane: LaneId, message: Message) {
        self.order(lane, Order::Say(message));
    }

    pub(super) fn order(&mut self, lane: LaneId, order: Order) {
        let takes = self.lanes.get(&lane).is_none_or(|state| state.lane.order(order));
        if !takes {
            self.lane_down(lane, Some("it takes nothing any more".to_owned()));
        }
    }

    /// Closes a lane, with a word why.
    pub(super) fn hang_up(&mut self, lane: LaneId, reason: ByeReason, text: &str) {
        self.order(lane, Order::HangUp(Message::Bye { reason, text: ByeText::clip(text) }));
        self.lane_down(lane, Some(text.to_owned()));
    }

    /// The remote broke the protocol: it is told, and hung up on.
    pub(super) fn misbehaves(&mut self, lane: LaneId, text: &str) {
        self.order(lane, Order::HangUp(Message::Bye { reason: ByeReason::Misbehaving, text: ByeText::clip(text) }));
        self.violated(lane, text);
    }

    /// The remote broke the protocol, and the lane is gone: those who fetch from it hear why, and leave it alone for a while.
    pub(super) fn violated(&mut self, lane: LaneId, text: &str) {
        let Some(state) = self.lanes.get(&lane) else { return };
        let peer = state.lane.peer;
        warn!(target: "drizzle::fetch", %peer, "dropped: it broke the protocol: {text}");
        for used in state.channels.values() {
            let (Use::Opening(id) | Use::Open(id)) = used;
            if let Some(content) = self.contents.get_mut(id) {
                content.candidates.hold_off(peer);
                content.tell(ContentEvent::Violation { peer, reason: text.to_owned() });
            }
        }
        self.lane_down(lane, Some(text.to_owned()));
    }

    /// Opens a channel for a content on a lane, to fetch.
    pub(super) fn open_channel(&mut self, lane: LaneId, id: ContentId) {
        let Some(content) = self.contents.get(&id) else { return };
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        let is_used = |used: &Use| matches!(used, Use::Opening(of) | Use::Open(of) if *of == id);
        if state.channels.values().any(is_used) {
            return;
        }
        let Some(channel) = state.lane.next_channel() else { return };
        state.channels.insert(channel, Use::Opening(id));
        let (hash, kind, have) = (content.key.hash, content.key.kind, Held::new(content.have.clone()));
        self.say(lane, Message::Open { channel, hash, kind, have });
    }

    /// A channel is open: the peer can be asked, and can ask.
    pub(super) fn channel_opened(&mut self, place: Place, id: ContentId, have: drizzle_model::Bitmap) {
        let now = self.now();
        let Some(state) = self.lanes.get_mut(&place.0) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        state.channels.insert(place.1, Use::Open(id));
        let channels = content.channels.entry(state.peer).or_default();
        channels.push(place);
        if channels.len() == 1 {
            content.swarm.handle(now, SwarmInput::Connected { peer: state.peer, have });
            content.tell(ContentEvent::Sources { connected: content.channels.len() });
        }
        self.stirred.insert(id);
    }

    /// A channel is no more: what was asked for on it is asked for elsewhere.
    pub(super) fn channel_closed(&mut self, place: Place, id: ContentId) {
        let now = self.now();
        let Some(peer) = self.lanes.get(&place.0).map(|state| state.peer) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        let Some(channels) = content.channels.get_mut(&peer) else { return };
        channels.retain(|of| *of != place);
        let is_last = channels.is_empty();
        let lost: Vec<ChunkIndex> =
            content.requested.iter().filter(|(_, at)| **at == place).map(|((_, chunk), _)| *chunk).collect();
        content.requested.retain(|_, at| *at != place);
        content.wanted.retain(|_, at| *at != place);
        if is_last {
            content.channels.remove(&peer);
            content.swarm.handle(now, SwarmInput::Disconnected { peer });
            content.tell(ContentEvent::Sources { connected: content.channels.len() });
        } else {
            for chunk in lost {
                content.swarm.handle(now, SwarmInput::Refused { peer, chunk, reason: Refusal::Busy });
            }
        }
        self.stirred.insert(id);
    }

    pub(super) fn lane_down(&mut self, id: LaneId, why: Option<String>) {
        let Some(state) = self.lanes.get(&id) else { return };
        let (peer, why) = (state.lane.peer, why.as_deref().unwrap_or("it left"));
        match state.lane.side {
            Side::Dialer => debug!(target: "drizzle::fetch", ?peer, "disconnected: {why}"),
            Side::Acceptor => debug!(target: "drizzle::serve", ?peer, "disconnected: {why}"),
        }
        let channels: Vec<_> = state.channels.iter().map(|(channel, used)| (*channel, *used)).collect();
        for (channel, used) in channels {
            match used {
                Use::Open(content) => self.channel_closed((id, channel), content),
                Use::Opening(content) => drop(self.stirred.insert(content)),
            }
        }
        let Some(state) = self.lanes.remove(&id) else { return };
        let name = (state.lane.network, state.lane.peer);
        let Some((_, lanes)) = self.peers.get_mut(&name) else { return };
        lanes.retain(|lane| *lane != id);
        if lanes.is_empty() {
            self.peers.remove(&name);
            self.peer_ids.remove(&state.peer);
            self.peer_gone(name);
        }
    }

    /// The content and the peer that an input from a lane speaks of.
    fn of_lane(&self, lane: LaneId) -> Option<(PeerKey, PeerId)> {
        self.lanes.get(&lane).map(|state| (state.peer, state.lane.peer))
    }

    pub(super) fn arrived(&mut self, lane: LaneId, id: ContentId, chunk: ChunkIndex, bytes: u64) {
        let now = self.now();
        let Some((peer, _)) = self.of_lane(lane) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        content.swarm.handle(now, SwarmInput::Progress { peer, chunk, bytes: bytes as u32 });
        content.tell(ContentEvent::Arrived { bytes });
        self.stirred.insert(id);
    }

    pub(super) fn verified(&mut self, lane: LaneId, id: ContentId, chunk: ChunkIndex, bytes: u64) {
        let now = self.now();
        let of_lane = self.of_lane(lane);
        let Some(content) = self.contents.get_mut(&id) else { return };
        let is_new = content.have.insert(chunk);
        match of_lane {
            Some((peer, peer_id)) => {
                content.requested.remove(&(peer, chunk));
                content.swarm.handle(now, SwarmInput::Received { peer, chunk });
                // One that was cancelled may come all the same, after another peer has sent it.
                if is_new {
                    content.candidates.proved(peer_id);
                    content.tell(ContentEvent::Verified { peer: peer_id, chunk, bytes });
                }
            }
            // The lane went down in the moment between; the chunk is here all the same.
            None => {
                let run = drizzle_model::ChunkRun { first: chunk.number(), last: chunk.number() };
                content.swarm.handle(now, SwarmInput::Available { run });
            }
        }
        self.stirred.insert(id);
    }

    pub(super) fn corrupt(&mut self, lane: LaneId, id: ContentId, chunk: ChunkIndex) {
        let now = self.now();
        let Some((peer, peer_id)) = self.of_lane(lane) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        content.requested.remove(&(peer, chunk));
        content.banned.push(peer_id);
        content.candidates.ban(peer_id);
        content.tell(ContentEvent::Corrupt { peer: peer_id, chunk });
        content.swarm.handle(now, SwarmInput::Corrupt { peer, chunk });
        self.stirred.insert(id);
    }

    pub(super) fn disk_failed(&mut self, id: ContentId, error: DiskError) {
        if let Some(content) = self.contents.get(&id) {
            content.tell(ContentEvent::DiskFailed(error));
        }
    }

    pub(super) fn upload_ended(&mut self, lane: LaneId, channel: Channel, chunk: ChunkIndex, end: UploadEnd) {
        let now = self.now();
        let Some(state) = self.lanes.get(&lane) else { return };
        let Some(Use::Open(id)) = state.channels.get(&channel).copied() else { return };
        let peer = state.peer;
        let Some(content) = self.contents.get_mut(&id) else { return };
        // Stopped meanwhile: the machine has its answer already.
        if content.wanted.remove(&(peer, chunk)).is_none() {
            return;
        }
        self.stirred.insert(id);
        let error = match end {
            UploadEnd::Sent => return content.swarm.handle(now, SwarmInput::Sent { peer, chunk }),
            UploadEnd::Failed(error) => error,
        };
        content.swarm.handle(now, SwarmInput::Unsent { peer, chunk });
        info!(target: "drizzle::serve", %error, "withdrawn");
        let (reason, chunks) = match error {
            SourceError::Changed { ref lost, .. } => (drizzle_wire::RefuseReason::Changed, lost.clone()),
            _ => {
                let run = drizzle_model::ChunkRun { first: chunk.number(), last: chunk.number() };
                (drizzle_wire::RefuseReason::Unreadable, vec![run])
            }
        };
        for &run in &chunks {
            let lost: Vec<ChunkIndex> =
                (run.first..=run.last).filter_map(|number| content.have.chunk(number)).collect();
            for chunk in lost {
                content.have.remove(chunk);
            }
            content.swarm.handle(now, SwarmInput::Withdrawn { run });
        }
        content.tell(ContentEvent::Changed { reason: error.to_string() });
        self.say(lane, Message::Refuse { channel, chunk: chunk.number(), reason });
    }
}
