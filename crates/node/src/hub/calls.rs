//! Calling those who may have a content, as long as chunks of it are missing.

use drizzle_model::{Address, NetworkId, PeerId};
use tracing::debug;

use super::Hub;
use crate::content_key::ContentId;
use crate::input::{Candidate, Input};
use crate::lane::Greeted;

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

    fn lane_to(&self, network: NetworkId, peer: PeerId) -> Option<crate::lane::LaneId> {
        self.peers.get(&(network, peer))?.1.first().copied()
    }

    pub(super) fn take_answer(
        &mut self,
        id: ContentId,
        candidate: Candidate,
        greeted: Result<Box<Greeted>, String>,
    ) {
        self.stirred.insert(id);
        match greeted {
            Ok(greeted) if candidate.peer.is_none() && self.is_connected(&greeted) => {
                // The peer has several addresses; one connection is enough.
                self.note_connected(id, &candidate.address, greeted.peer);
            }
            Ok(greeted) => self.attach_for(id, *greeted, &candidate.address),
            Err(why) => {
                debug!(target: "drizzle::fetch", address = %candidate.address, "cannot be used: {why}");
                let now = self.now();
                if let Some(content) = self.contents.get_mut(&id) {
                    content.candidates.failed(now, &candidate.address);
                }
            }
        }
    }

    /// Uses a connection for a content that is being fetched.
    pub(super) fn attach_for(&mut self, id: ContentId, greeted: Greeted, address: &Address) {
        if let Some(lane) = self.attach(greeted) {
            self.use_lane(id, lane, address);
        }
    }

    fn use_lane(&mut self, id: ContentId, lane: crate::lane::LaneId, address: &Address) {
        let Some(peer) = self.lanes.get(&lane).map(|state| state.lane.peer) else { return };
        self.note_connected(id, address, peer);
        self.open_channel(lane, id);
        self.stirred.insert(id);
    }

    fn is_connected(&self, greeted: &Greeted) -> bool {
        self.lane_to(greeted.network, greeted.peer).is_some()
    }

    fn note_connected(&mut self, id: ContentId, address: &Address, peer: PeerId) {
        let now = self.now();
        if let Some(content) = self.contents.get_mut(&id) {
            content.candidates.add(now, Candidate { address: address.clone(), peer: Some(peer) });
            content.candidates.connected(address, peer);
        }
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
