//! Calling those who may have a content, as long as chunks of it are missing.

use drizzle_model::{Address, NetworkId, PeerId};
use drizzle_wire::Side;
use tracing::debug;

use super::Hub;
use crate::candidates::NamedBy;
use crate::content_key::ContentId;
use crate::input::{Candidate, Input};
use crate::lane::{Greeted, LaneId};

/// Calls under way for one content at once.
const CALLS_MAX: usize = 8;

impl Hub {
    /// Calls candidates until enough peers are connected or being called.
    pub(super) fn call_candidates(&mut self, id: ContentId) {
        let now = self.now();
        loop {
            let Some(content) = self.contents.get_mut(&id) else { return };
            let engaged = content.channels.len() + content.candidates.calling();
            let has_room = engaged < self.settings.peers_max && content.candidates.calling() < CALLS_MAX;
            if self.closing || !has_room || !content.is_fetching() {
                return;
            }
            let Some(candidate) = content.candidates.next(now) else { return };
            self.call(id, candidate);
        }
    }

    fn call(&mut self, id: ContentId, candidate: Candidate) {
        let Some(network) = self.contents.get(&id).map(|content| content.key.network) else { return };
        if let Some(lane) = candidate.peer.and_then(|peer| self.lane_to(network, peer)) {
            return self.use_lane(id, lane, &candidate.address);
        }
        debug!(target: "drizzle::fetch", address = %candidate.address, "calling");
        let (caller, inputs) = (self.caller.clone(), self.own_inputs.clone());
        tokio::spawn(async move {
            let greeted = caller.call(&candidate, network).await;
            let greeted = greeted.map(Box::new).map_err(|error| error.to_string());
            // The hub may have shut down meanwhile.
            let _ = inputs.send(Input::Dialled { content: id, candidate, greeted }).await;
        });
    }

    fn lane_to(&self, network: NetworkId, peer: PeerId) -> Option<LaneId> {
        self.peers.get(&(network, peer))?.lanes.first().copied()
    }

    /// A lane to the peer that makes another connection needless. When two peers call each other at once, both must not
    /// give up their own call: then the one with the lower name keeps its own.
    fn lane_instead_of(&self, greeted: &Greeted) -> Option<LaneId> {
        let lanes = &self.peers.get(&(greeted.network, greeted.peer))?.lanes;
        let is_kept = |lane: &&LaneId| {
            let side = self.lanes.get(lane).map(|state| state.lane.side);
            side == Some(Side::Dialer) || greeted.peer < self.caller.peer()
        };
        lanes.iter().find(is_kept).copied()
    }

    pub(super) fn take_answer(
        &mut self,
        id: ContentId,
        candidate: Candidate,
        greeted: Result<Box<Greeted>, String>,
    ) {
        self.stirred.insert(id);
        match greeted {
            Ok(greeted) => self.attach_for(id, *greeted, &candidate.address),
            Err(why) => {
                debug!(target: "drizzle::fetch", address = %candidate.address, "cannot be used: {why}");
                self.note_failed(id, &candidate.address);
            }
        }
    }

    /// Uses a connection for a content that is being fetched, or the one that there is to the same peer.
    pub(super) fn attach_for(&mut self, id: ContentId, greeted: Greeted, address: &Address) {
        match self.lane_instead_of(&greeted).or_else(|| self.attach(greeted)) {
            Some(lane) => self.use_lane(id, lane, address),
            None => self.note_failed(id, address),
        }
    }

    fn use_lane(&mut self, id: ContentId, lane: LaneId, address: &Address) {
        let Some(peer) = self.lanes.get(&lane).map(|state| state.lane.peer) else { return };
        self.note_connected(id, address, peer);
        if self.contents.get(&id).is_some_and(|content| !content.candidates.is_banned(peer)) {
            self.open_channel(lane, id);
        }
        self.stirred.insert(id);
    }

    fn note_failed(&mut self, id: ContentId, address: &Address) {
        let now = self.now();
        if let Some(content) = self.contents.get_mut(&id) {
            content.candidates.failed(now, address);
        }
    }

    fn note_connected(&mut self, id: ContentId, address: &Address, peer: PeerId) {
        let now = self.now();
        if let Some(content) = self.contents.get_mut(&id) {
            let candidate = Candidate { address: address.clone(), peer: Some(peer) };
            content.candidates.add(now, candidate, NamedBy::Authority);
            content.candidates.connected(address, peer);
        }
    }

    /// A channel to a peer is no more: when it was the last one for the content, the peer may be called again later.
    pub(super) fn may_be_left(&mut self, id: ContentId, name: (NetworkId, PeerId)) {
        let now = self.now();
        let lanes = self.peers.get(&name).map_or(&[][..], |known| &known.lanes);
        let mut uses =
            lanes.iter().filter_map(|lane| self.lanes.get(lane)).flat_map(|state| state.channels.values());
        if uses.any(|used| used.content() == id) {
            return;
        }
        if let Some(content) = self.contents.get_mut(&id) {
            content.candidates.disconnected(now, name.1);
        }
        self.stirred.insert(id);
    }

    /// The last lane to a peer is gone: it may be called again later.
    pub(super) fn peer_gone(&mut self, (network, peer): (NetworkId, PeerId)) {
        let now = self.now();
        for (id, content) in self.contents.iter_mut().filter(|(_, content)| content.key.network == network) {
            content.candidates.disconnected(now, peer);
            self.stirred.insert(*id);
        }
    }
}
