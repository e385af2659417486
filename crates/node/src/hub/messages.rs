//! What peers say. Every number in a message is a stranger's: it is looked up or checked before it is used.

use std::net::{IpAddr, SocketAddr};

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun};
use drizzle_swarm::{Input as SwarmInput, Refusal};
use drizzle_wire::{
    ByeReason, CHANNELS_MAX, Channel, ChannelKind, HashCount, Held, Message, PEERS_MAX, PeerAddress, Peers,
    RefuseReason, Runs, UnavailableReason,
};
use tracing::{debug, trace};

use super::Hub;
use super::content::Content;
use super::lane_state::{Place, Standing, Use};
use crate::candidates::NamedBy;
use crate::content_key::{ContentId, ContentKey};
use crate::input::{Candidate, ContentEvent};
use crate::lane::{HashesOrder, LaneId, Order};

impl Hub {
    pub(super) fn hear(&mut self, lane: LaneId, message: Message) {
        if !self.lanes.contains_key(&lane) {
            return;
        }
        match message {
            Message::Want { .. } | Message::Cancel { .. } | Message::WantHashes { .. } => {
                trace!(target: "drizzle::serve", lane = lane.0, ?message);
            }
            _ => trace!(target: "drizzle::fetch", lane = lane.0, ?message),
        }
        match message {
            Message::Open { channel, hash, kind, have } => self.hear_open(lane, channel, (hash, kind), have),
            Message::Opened { channel, size, have, .. } => self.hear_opened((lane, channel), size, have),
            Message::Unavailable { channel, reason } => self.hear_unavailable(lane, channel, reason),
            Message::Close { channel } => self.hear_close(lane, channel),
            Message::WantHashes { channel, first, count } => {
                self.hear_want_hashes((lane, channel), first, count);
            }
            Message::Want { channel, chunks } => self.hear_chunks((lane, channel), &chunks, Self::wanted),
            Message::Cancel { channel, chunks } => self.hear_chunks((lane, channel), &chunks, Self::unwanted),
            Message::Refuse { channel, chunk, reason } => self.hear_refuse((lane, channel), chunk, reason),
            Message::Have { channel, runs } => {
                self.hear_runs((lane, channel), &runs, |peer, run| SwarmInput::Have { peer, run });
            }
            Message::Lost { channel, runs } => {
                self.hear_runs((lane, channel), &runs, |peer, run| SwarmInput::Lost { peer, run });
            }
            Message::Peers { channel, peers } => self.hear_peers((lane, channel), &peers),
            Message::Ping { nonce } => self.say(lane, Message::Pong { nonce }),
            Message::Pong { .. } => {}
            Message::Bye { reason, text } => {
                let why = format!("it says goodbye: {} ({reason:?})", text.as_str());
                self.lane_down(lane, Some(why));
            }
            _ => self.misbehaves(lane, "a message that does not belong here"),
        }
    }

    fn hear_open(
        &mut self,
        lane: LaneId,
        channel: Channel,
        (hash, kind): (drizzle_model::ContentHash, ChannelKind),
        have: Option<Held>,
    ) {
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        let open_by_remote = state.channels.keys().filter(|of| of.opener() == channel.opener()).count();
        let is_next = channel.opener() != state.lane.side && state.opened_last < Some(channel.number());
        if !is_next || open_by_remote >= CHANNELS_MAX {
            return self.misbehaves(lane, "a channel that is not free, or too many");
        }
        state.opened_last = Some(channel.number());
        let key = ContentKey { network: state.lane.network, hash, kind };
        let remote = state.lane.peer;
        let content = self.by_key.get(&key).and_then(|id| Some((*id, self.contents.get(id)?)));
        let Some((id, content)) = content.filter(|(_, content)| !content.candidates.is_banned(remote)) else {
            let reason = UnavailableReason::NotShared;
            return self.say(lane, Message::Unavailable { channel, reason });
        };
        match state.stands_for(id, channel.opener()) {
            Standing::Free => {}
            Standing::Taken => {
                let reason = UnavailableReason::Busy;
                return self.say(lane, Message::Unavailable { channel, reason });
            }
            Standing::OpenedTwice => return self.misbehaves(lane, "a second channel for the same content"),
        }
        let Some(held) = Held::new(content.have.clone()) else { return };
        let chunks = content.have.len();
        let have = have.map_or_else(|| Bitmap::empty(chunks), Held::into_bitmap);
        if have.len() != chunks {
            return self.misbehaves(lane, "a bitmap of another length than the content");
        }
        let opened = Message::Opened { channel, size: content.size, metadata: content.metadata, have: held };
        debug!(target: "drizzle::serve", peer = ?remote, content = ?hash, "opened");
        self.say(lane, opened);
        self.channel_opened((lane, channel), id, have);
        self.name_others((lane, channel), id);
    }

    /// Tells a peer who else speaks of the content, so that they find each other without a tracker.
    fn name_others(&mut self, (lane, channel): Place, id: ContentId) {
        let Some(content) = self.contents.get(&id) else { return };
        let lanes = content.channels.values().filter_map(|places| self.lanes.get(&places.first()?.0));
        let own = self.lanes.get(&lane).map(|state| state.peer);
        let others = lanes.filter(|state| Some(state.peer) != own);
        let addresses = others.filter_map(|state| PeerAddress::new(state.lane.peer, state.lane.listens_at?));
        if let Some(peers) = Peers::new(addresses.take(PEERS_MAX).collect()) {
            self.say(lane, Message::Peers { channel, peers });
        }
    }

    fn hear_opened(&mut self, (lane, channel): Place, size: u64, have: Held) {
        // An answer for a channel that was closed from here meanwhile crossed with that.
        let Some(Use::Opening { content: id, told }) = self.use_of(lane, channel) else { return };
        let (id, told) = (*id, told.clone());
        let Some(content) = self.contents.get(&id) else { return };
        if size != content.size {
            debug!(target: "drizzle::fetch", lane = lane.0, "expected {} bytes, received {size}", content.size);
            self.not_opened((lane, channel), id);
            return self.say(lane, Message::Close { channel });
        }
        let have = have.into_bitmap();
        if have.len() != content.have.len() {
            return self.misbehaves(lane, "a bitmap of another length than the content");
        }
        let (come, gone) = (less(&content.have, &told), less(&told, &content.have));
        self.channel_opened((lane, channel), id, have);
        // What the machine says of itself from now on, the peer hears; the rest is what changed since it was asked.
        Runs::split(come.runs()).for_each(|runs| self.say(lane, Message::Have { channel, runs }));
        Runs::split(gone.runs()).for_each(|runs| self.say(lane, Message::Lost { channel, runs }));
    }

    fn hear_unavailable(&mut self, lane: LaneId, channel: Channel, reason: UnavailableReason) {
        let Some(Use::Opening { content, .. }) = self.use_of(lane, channel) else { return };
        debug!(target: "drizzle::fetch", lane = lane.0, "does not serve it: {reason:?}");
        self.not_opened((lane, channel), *content);
    }

    /// A channel that this side wanted is not to be.
    fn not_opened(&mut self, (lane, channel): Place, id: ContentId) {
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        state.channels.remove(&channel);
        let name = (state.lane.network, state.lane.peer);
        self.may_be_left(id, name);
    }

    fn hear_close(&mut self, lane: LaneId, channel: Channel) {
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        // Closing may cross with closing from here.
        state.lane.expectations.forget(channel);
        let name = (state.lane.network, state.lane.peer);
        let Some(used) = state.channels.remove(&channel) else { return };
        self.order(lane, Order::Forget { channel });
        if let Use::Open(id) = used {
            self.channel_closed((lane, channel), id);
        }
        self.may_be_left(used.content(), name);
    }

    fn hear_want_hashes(&mut self, (lane, channel): Place, first: u32, count: HashCount) {
        // A channel that was closed from here meanwhile: the question crossed with that.
        let Some((_, content)) = self.open_content((lane, channel)) else { return };
        let hashes = content.hashes.as_ref();
        let hashes =
            hashes.filter(|hashes| first.saturating_add(count.number()) as usize <= hashes.as_slice().len());
        let Some(hashes) = hashes.cloned() else {
            return self.misbehaves(lane, "hashes that are not there were asked for");
        };
        let Some(unanswered) = self.lanes.get(&lane).and_then(|state| state.lane.ask_hashes()) else {
            return self.misbehaves(lane, "too many hashes asked for at once");
        };
        self.order(lane, Order::Hashes(HashesOrder { channel, hashes, first, count, unanswered }));
    }

    /// The content that an open channel stands for.
    fn open_content(&self, (lane, channel): Place) -> Option<(ContentId, &Content)> {
        match self.use_of(lane, channel)? {
            Use::Open(id) => Some((*id, self.contents.get(id)?)),
            Use::Opening { .. } => None,
        }
    }

    fn use_of(&self, lane: LaneId, channel: Channel) -> Option<&Use> {
        self.lanes.get(&lane)?.channels.get(&channel)
    }

    /// Looks up the chunks that a message names, and does something for each. Messages for a channel that was closed
    /// from here meanwhile are passed over.
    fn hear_chunks(
        &mut self,
        place: Place,
        numbers: &[u32],
        act: fn(&mut Self, Place, ContentId, ChunkIndex),
    ) {
        let Some((id, content)) = self.open_content(place) else { return };
        let chunks: Option<Vec<_>> = numbers.iter().map(|&number| content.chunk(number)).collect();
        match chunks {
            Some(chunks) => chunks.into_iter().for_each(|chunk| act(self, place, id, chunk)),
            None => self.misbehaves(place.0, "a chunk that the content does not have"),
        }
        self.stirred.insert(id);
    }

    fn wanted(&mut self, place: Place, id: ContentId, chunk: ChunkIndex) {
        let now = self.now();
        let Some(peer) = self.lanes.get(&place.0).map(|state| state.peer) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        // While it is being sent the wish is fulfilled already, and the machine does not keep it.
        if !content.sending.contains_key(&(peer, chunk)) {
            content.wanted.insert((peer, chunk), place);
        }
        content.swarm.handle(now, SwarmInput::Wanted { peer, chunk });
        // At once, so that a peer that asks for too much is dropped before more of its wishes are taken.
        self.carry_out(id);
    }

    fn unwanted(&mut self, place: Place, id: ContentId, chunk: ChunkIndex) {
        let now = self.now();
        let Some(peer) = self.lanes.get(&place.0).map(|state| state.peer) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        content.swarm.handle(now, SwarmInput::Unwanted { peer, chunk });
        self.carry_out(id);
        if let Some(content) = self.contents.get_mut(&id) {
            content.wanted.remove(&(peer, chunk));
        }
    }

    fn hear_refuse(&mut self, place: Place, number: u32, reason: RefuseReason) {
        let now = self.now();
        let Some((peer, remote)) = self.lanes.get(&place.0).map(|state| (state.peer, state.lane.peer)) else {
            return;
        };
        let Some((id, _)) = self.open_content(place) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        let Some(chunk) = content.chunk(number) else {
            return self.misbehaves(place.0, "a chunk that the content does not have");
        };
        if let Some(state) = self.lanes.get(&place.0) {
            state.lane.expectations.remove((place.1, number));
        }
        // What was cancelled, or never asked for here, concerns nobody.
        if content.requested.get(&(peer, chunk)) != Some(&place) {
            return;
        }
        content.requested.remove(&(peer, chunk));
        let reason = match reason {
            RefuseReason::Missing => Refusal::Missing,
            RefuseReason::Changed => Refusal::Changed,
            RefuseReason::Busy => Refusal::Busy,
            // Whatever else a later version says, the chunk does not come from there now.
            _ => Refusal::Unreadable,
        };
        if reason == Refusal::Changed {
            content.tell(ContentEvent::SourceChanged { peer: remote });
        }
        content.swarm.handle(now, SwarmInput::Refused { peer, chunk, reason });
        self.stirred.insert(id);
    }

    fn hear_runs(
        &mut self,
        place: Place,
        runs: &[ChunkRun],
        input: fn(drizzle_swarm::PeerKey, ChunkRun) -> SwarmInput,
    ) {
        let now = self.now();
        let Some(peer) = self.lanes.get(&place.0).map(|state| state.peer) else { return };
        let Some((id, _)) = self.open_content(place) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        if runs.iter().any(|run| run.last >= content.have.len()) {
            return self.misbehaves(place.0, "a chunk that the content does not have");
        }
        runs.iter().for_each(|&run| content.swarm.handle(now, input(peer, run)));
        self.stirred.insert(id);
    }

    fn hear_peers(&mut self, place: Place, peers: &[PeerAddress]) {
        let now = self.now();
        let own = self.caller.peer();
        let Some((id, _)) = self.open_content(place) else { return };
        let Some(from) = self.lanes.get(&place.0).map(|state| state.lane.remote_ip) else { return };
        let Some(content) = self.contents.get_mut(&id) else { return };
        for peer in peers.iter().filter(|peer| peer.peer() != own && is_callable(peer.address(), from)) {
            let candidate = Candidate { address: peer.address().into(), peer: Some(peer.peer()) };
            content.candidates.add(now, candidate, NamedBy::Hearsay);
        }
        self.stirred.insert(id);
    }

    /// The remote left a lane for good in its own words; its candidates wait before they are called again.
    pub(super) fn leave_all(&mut self) {
        let lanes: Vec<LaneId> = self.lanes.keys().copied().collect();
        lanes.into_iter().for_each(|lane| self.hang_up(lane, ByeReason::Leaving, "shutting down"));
    }
}

/// A stranger must not make this peer call addresses where no peer can be, nor what is near to this peer alone.
fn is_callable(address: SocketAddr, from: IpAddr) -> bool {
    let (ip, from) = (address.ip().to_canonical(), from.to_canonical());
    let is_somewhere = !(ip.is_unspecified() || ip.is_multicast() || is_broadcast(ip) || address.port() == 0);
    is_somewhere && (!ip.is_loopback() || from.is_loopback()) && (!is_link_local(ip) || is_link_local(from))
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// What is in `all` and not in `part`.
fn less(all: &Bitmap, part: &Bitmap) -> Bitmap {
    let mut rest = all.clone();
    for chunk in part.iter() {
        rest.remove(chunk);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_to_this_peer_alone_is_called_only_when_a_neighbour_names_it() {
        let callable =
            |address: &str, from: &str| is_callable(address.parse().unwrap(), from.parse().unwrap());
        for near in
            ["127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "169.254.169.254:80", "[fe80::1]:80"]
        {
            assert!(!callable(near, "10.0.0.1"), "{near}");
        }
        assert!(callable("127.0.0.1:80", "127.0.0.1") && callable("[fe80::1]:80", "fe80::2"));
        assert!(!callable("169.254.1.1:80", "127.0.0.1") && !callable("[::1]:80", "fe80::2"));
        assert!(callable("10.0.0.2:80", "10.0.0.1") && callable("[2001:db8::1]:80", "10.0.0.1"));
        for nowhere in ["0.0.0.0:80", "[::]:80", "224.0.0.1:80", "255.255.255.255:80", "10.0.0.2:0"] {
            assert!(!callable(nowhere, "127.0.0.1"), "{nowhere}");
        }
    }
}
