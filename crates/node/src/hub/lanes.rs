//! Lanes that come and go, the channels on them, and what happens on their way.

use std::collections::HashMap;

use drizzle_model::{ChunkIndex, ChunkRun, NetworkId, PeerId};
use drizzle_store::{DiskError, SourceError};
use drizzle_swarm::{Input as SwarmInput, PeerKey, Refusal};
use drizzle_wire::{ByeReason, ByeText, Held, Message, RefuseReason, Runs, Side};
use tracing::{debug, info, warn};

use super::Hub;
use super::content::Sending;
use super::lane_state::{KnownPeer, LaneState, Place, Use};
use crate::content_key::ContentId;
use crate::input::ContentEvent;
use crate::lane::{Fault, Greeted, Lane, LaneId, Order, UploadEnd, UploadEnded};

/// Connections with one peer at once. One carries everything; a second comes when both call at once, others while the
/// peer looks for the first source of something else.
const LANES_PER_PEER_MAX: usize = 4;

impl Hub {
    /// Puts a greeted connection to use; none when there are too many already.
    pub(super) fn attach(&mut self, greeted: Greeted) -> Option<LaneId> {
        let name = (greeted.network, greeted.peer);
        let open = self.lanes.len() + self.leaving.len();
        let of_peer = self.peers.get(&name).map_or(0, |known| known.lanes.len());
        if self.closing || open >= self.settings.lanes_max || of_peer >= LANES_PER_PEER_MAX {
            info!(target: "drizzle::serve", peer = ?greeted.peer, "hung up: {open} connections are open, {of_peer} with it");
            return None;
        }
        self.numbers.lane += 1;
        let id = LaneId(self.numbers.lane);
        let limits = self.know_peer(name).limits.clone();
        let lane = Lane::open(id, greeted, self.own_news.clone(), limits);
        self.keep_lane(id, lane);
        Some(id)
    }

    pub(super) fn keep_lane(&mut self, id: LaneId, lane: Lane) {
        let known = self.know_peer((lane.network, lane.peer));
        known.lanes.push(id);
        let peer = known.key;
        self.lanes.insert(id, LaneState { lane, peer, channels: HashMap::new(), opened_last: None });
    }

    fn know_peer(&mut self, name: (NetworkId, PeerId)) -> &mut KnownPeer {
        self.peers.entry(name).or_insert_with(|| {
            self.numbers.peer = self.numbers.peer.wrapping_add(1);
            let key = PeerKey(self.numbers.peer);
            self.peer_ids.insert(key, name);
            let limits = self.limits.for_peer(self.settings.peer_rates);
            KnownPeer { key, lanes: Vec::new(), limits }
        })
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
        self.order(
            lane,
            Order::HangUp(Message::Bye { reason: ByeReason::Misbehaving, text: ByeText::clip(text) }),
        );
        self.violated(lane, text);
    }

    /// The remote broke the protocol, and the lane is gone: those who fetch from it hear why, and leave it alone for a while.
    pub(super) fn violated(&mut self, lane: LaneId, text: &str) {
        let Some(state) = self.lanes.get(&lane) else { return };
        let peer = state.lane.peer;
        warn!(target: "drizzle::fetch", %peer, "dropped: it broke the protocol: {text}");
        for used in state.channels.values() {
            if let Some(content) = self.contents.get_mut(&used.content()) {
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
        if state.channels.values().any(|used| used.content() == id) {
            return;
        }
        let Some(channel) = state.lane.next_channel() else { return };
        state.channels.insert(channel, Use::Opening { content: id, told: content.have.clone() });
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
        let on_it = |at: &Place| *at == place;
        let asked = take_if(&mut content.requested, peer, on_it);
        let wanted = take_if(&mut content.wanted, peer, on_it);
        let sending = take_if(&mut content.sending, peer, |sending| on_it(&sending.place));
        if is_last {
            content.channels.remove(&peer);
            content.swarm.handle(now, SwarmInput::Disconnected { peer });
            content.tell(ContentEvent::Sources { connected: content.channels.len() });
        } else {
            // The machine knows the peer, not its channels: it hears what became of what was under way on this one.
            let unasked =
                asked.into_iter().map(|chunk| SwarmInput::Refused { peer, chunk, reason: Refusal::Busy });
            let unwanted = wanted.into_iter().map(|chunk| SwarmInput::Unwanted { peer, chunk });
            let unsent = sending.into_iter().map(|chunk| SwarmInput::Unsent { peer, chunk });
            unasked.chain(unwanted).chain(unsent).for_each(|input| content.swarm.handle(now, input));
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
        let name = (state.lane.network, state.lane.peer);
        let open = state.channels.iter().filter(|(_, used)| matches!(used, Use::Open(_)));
        let open: Vec<_> = open.map(|(channel, used)| (*channel, used.content())).collect();
        open.into_iter().for_each(|(channel, content)| self.channel_closed((id, channel), content));
        let Some(state) = self.lanes.remove(&id) else { return };
        // Dropping its end lets the lane say what it was told to say, for a moment.
        self.leaving.insert(id);
        let Some(known) = self.peers.get_mut(&name) else { return };
        known.lanes.retain(|lane| *lane != id);
        if known.lanes.is_empty() {
            self.peers.remove(&name);
            self.peer_ids.remove(&state.peer);
            self.peer_gone(name);
        }
        state.channels.values().for_each(|used| self.may_be_left(used.content(), name));
    }

    /// The lane has ended, and holds nothing any more.
    pub(super) fn lane_ended(&mut self, id: LaneId, why: Option<String>, fault: Fault) {
        match fault {
            Fault::Violation => self.violated(id, &why.unwrap_or_default()),
            Fault::None => self.lane_down(id, why),
        }
        self.leaving.remove(&id);
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

    pub(super) fn verified(
        &mut self,
        (lane, peer_id): (LaneId, PeerId),
        id: ContentId,
        chunk: ChunkIndex,
        bytes: u64,
    ) {
        let now = self.now();
        let of_lane = self.of_lane(lane);
        let Some(content) = self.contents.get_mut(&id) else { return };
        // One that was cancelled may come all the same, after another peer has sent it.
        if content.have.insert(chunk) {
            content.candidates.proved(peer_id);
            content.tell(ContentEvent::Verified { peer: peer_id, chunk, bytes });
        }
        match of_lane {
            Some((peer, _)) => {
                content.requested.remove(&(peer, chunk));
                content.swarm.handle(now, SwarmInput::Received { peer, chunk });
            }
            // The lane went down in the moment between; the chunk is here all the same.
            None => content.swarm.handle(now, SwarmInput::Available { run: only(chunk) }),
        }
        self.stirred.insert(id);
    }

    pub(super) fn corrupt(&mut self, lane: LaneId, id: ContentId, chunk: ChunkIndex) {
        let now = self.now();
        let Some((peer, peer_id)) = self.of_lane(lane) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        content.requested.remove(&(peer, chunk));
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

    pub(super) fn upload_ended(&mut self, lane: LaneId, ended: UploadEnded) {
        let now = self.now();
        let UploadEnded { id: upload, channel, chunk, end } = ended;
        let Some(state) = self.lanes.get(&lane) else { return };
        let Some(&Use::Open(id)) = state.channels.get(&channel) else { return };
        let (peer, place) = (state.peer, (lane, channel));
        let Some(content) = self.contents.get_mut(&id) else { return };
        // Stopped meanwhile, and perhaps begun anew: the machine has its answer already.
        if content.sending.get(&(peer, chunk)) != Some(&Sending { place, upload }) {
            return;
        }
        content.sending.remove(&(peer, chunk));
        self.stirred.insert(id);
        match end {
            UploadEnd::Sent => content.swarm.handle(now, SwarmInput::Sent { peer, chunk }),
            UploadEnd::Failed(error) => {
                content.swarm.handle(now, SwarmInput::Unsent { peer, chunk });
                self.unsendable(place, id, chunk, error);
            }
        }
    }

    /// A chunk cannot be read here. Only where the file is another one now is anything withdrawn: a disk may fail for a moment.
    fn unsendable(&mut self, (lane, channel): Place, id: ContentId, chunk: ChunkIndex, error: SourceError) {
        let refuse = |reason| Message::Refuse { channel, chunk: chunk.number(), reason };
        match &error {
            SourceError::Changed { lost, .. } => {
                info!(target: "drizzle::serve", %error, "withdrawn");
                self.say(lane, refuse(RefuseReason::Changed));
                self.changed((lane, channel), id, lost, error.to_string());
            }
            SourceError::Missing { .. } => self.say(lane, refuse(RefuseReason::Missing)),
            _ => {
                info!(target: "drizzle::serve", %error, "refused");
                self.say(lane, refuse(RefuseReason::Unreadable));
            }
        }
    }

    fn changed(&mut self, (lane, channel): Place, id: ContentId, lost: &[ChunkRun], reason: String) {
        let now = self.now();
        let Some(content) = self.contents.get_mut(&id) else { return };
        content.tell(ContentEvent::Changed { reason });
        if content.download.is_some() {
            // Were it withdrawn, the machine would fetch it again, and again find it changed. It stays; the peer hears that
            // it is not to be had here.
            return Runs::split(lost.iter().copied())
                .for_each(|runs| self.say(lane, Message::Lost { channel, runs }));
        }
        for &run in lost {
            let numbers = run.first..=run.last.min(content.have.len().saturating_sub(1));
            for chunk in numbers.filter_map(|number| content.have.chunk(number)).collect::<Vec<_>>() {
                content.have.remove(chunk);
            }
            content.swarm.handle(now, SwarmInput::Withdrawn { run });
        }
        self.stirred.insert(id);
    }
}

fn only(chunk: ChunkIndex) -> ChunkRun {
    ChunkRun { first: chunk.number(), last: chunk.number() }
}

/// Takes out what `is_meant` of what is under way with a peer, and says which chunks these are.
fn take_if<V>(
    under_way: &mut HashMap<(PeerKey, ChunkIndex), V>,
    peer: PeerKey,
    is_meant: impl Fn(&V) -> bool,
) -> Vec<ChunkIndex> {
    under_way
        .extract_if(|(of, _), value| *of == peer && is_meant(value))
        .map(|((_, chunk), _)| chunk)
        .collect()
}
