//! What the node's owner wants.

use std::collections::HashMap;

use drizzle_swarm::{Config, Mode, Swarm};
use drizzle_wire::{Channel, Message};

use super::Hub;
use super::content::Content;
use super::lane_state::LaneState;
use crate::candidates::{Candidates, NamedBy};
use crate::content_key::ContentId;
use crate::input::{Command, NewContent};
use crate::lane::{LaneId, Order};

impl Hub {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Add { content, reply } => {
                // Whoever asked may have given up waiting: then nobody holds the number, and it is taken out again.
                let id = self.add(*content);
                if reply.send(id).is_err() {
                    self.remove(id);
                }
            }
            Command::Remove { content } => self.remove(content),
            Command::Candidates { content, candidates } => {
                let now = self.now();
                let own = self.caller.peer();
                if let Some(entry) = self.contents.get_mut(&content) {
                    let others = candidates.into_iter().filter(|candidate| candidate.peer != Some(own));
                    others.for_each(|candidate| entry.candidates.add(now, candidate, NamedBy::Authority));
                    self.stirred.insert(content);
                }
            }
            Command::Attach { content, greeted, address } => self.attach_for(content, *greeted, &address),
            Command::ShutDown => {
                self.closing = true;
                self.leave_all();
            }
        }
    }

    fn add(&mut self, new: NewContent) -> ContentId {
        self.numbers.content += 1;
        let id = ContentId(self.numbers.content);
        let mode = if new.download.is_some() { Mode::Fetch } else { Mode::ServeOnly };
        let mut config = Config::default();
        config.mode = mode;
        config.requests_per_peer = self.settings.requests_max;
        config.requests_max = self.settings.requests_max.saturating_mul(self.settings.peers_max);
        let swarm =
            Swarm::new(config, new.sizes, new.have.clone(), self.settings.seed ^ self.numbers.content);
        let content = Content {
            key: new.key,
            size: new.size,
            metadata: new.metadata,
            have: new.have,
            source: new.source,
            hashes: new.hashes,
            download: new.download,
            swarm,
            watcher: new.watcher,
            candidates: Candidates::new(new.banned),
            deadline: None,
            channels: HashMap::new(),
            requested: HashMap::new(),
            wanted: HashMap::new(),
            sending: HashMap::new(),
        };
        self.contents.insert(id, content);
        self.by_key.insert(new.key, id);
        self.stirred.insert(id);
        id
    }

    fn remove(&mut self, id: ContentId) {
        let Some(content) = self.contents.remove(&id) else { return };
        content.deadline.map(|deadline| self.deadlines.remove(&(deadline, id)));
        if self.by_key.get(&content.key) == Some(&id) {
            self.by_key.remove(&content.key);
            // The same content may be here twice, for two owners: the other goes on serving it.
            if let Some((&other, _)) = self.contents.iter().find(|(_, other)| other.key == content.key) {
                self.by_key.insert(content.key, other);
            }
        }
        for (lane, channel) in self.channels_of(id) {
            if let Some(state) = self.lanes.get_mut(&lane) {
                state.channels.remove(&channel);
                state.lane.expectations.forget(channel);
            }
            self.order(lane, Order::Forget { channel });
            self.say(lane, Message::Close { channel });
        }
    }

    fn channels_of(&self, id: ContentId) -> Vec<(LaneId, Channel)> {
        let of_lane = |(lane, state): (&LaneId, &LaneState)| {
            let lane = *lane;
            let channels = state.channels.iter().filter(move |(_, used)| used.content() == id);
            channels.map(|(channel, _)| (lane, *channel)).collect::<Vec<_>>()
        };
        self.lanes.iter().flat_map(of_lane).collect()
    }
}
