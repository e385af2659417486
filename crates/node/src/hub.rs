//! The hub: the one event loop of a node. It owns the swarm machines and drives them.
//!
//! Whatever happens comes as an [`Input`] or as [`LaneNews`]; it is given to the machines of the contents that it concerns, and what they
//! then say is carried out as orders to lanes, calls to candidates and events to the owner of the content. Nothing here
//! waits for a disk or a peer.
//!
//! Laws: a peer is known to a content's machine exactly while a channel for that content is open on one of its lanes; a
//! lane that breaks the protocol is closed, with a word why.

mod calls;
mod commands;
mod content;
mod lane_state;
mod lanes;
mod messages;
mod outputs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};

use drizzle_model::{NetworkId, PeerId, Time};
use drizzle_swarm::PeerKey;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::calling::Caller;
use crate::content_key::{ContentId, ContentKey};
use crate::input::Input;
use crate::lane::{Happening, LaneId, LaneNews, Limits, PeerRates};
use content::Content;
use lane_state::{KnownPeer, LaneState};

/// Inputs that may wait. Lanes wait in their turn when there are more.
const INPUTS_MAX: usize = 1024;

/// What a hub is told at its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HubSettings {
    pub(crate) peers_max: usize,
    pub(crate) requests_max: usize,
    pub(crate) lanes_max: usize,
    pub(crate) peer_rates: PeerRates,
    pub(crate) seed: u64,
}

/// All state of the event loop.
pub(crate) struct Hub {
    settings: HubSettings,
    origin: Instant,
    inputs: mpsc::Receiver<Input>,
    /// For the calls that this hub starts.
    own_inputs: mpsc::Sender<Input>,
    news: mpsc::Receiver<LaneNews>,
    /// For the lanes that this hub opens.
    own_news: mpsc::Sender<LaneNews>,
    caller: Caller,
    limits: Limits,
    contents: HashMap<ContentId, Content>,
    by_key: HashMap<ContentKey, ContentId>,
    lanes: HashMap<LaneId, LaneState>,
    /// Lanes that are given up, and have not ended yet: they say goodbye.
    leaving: HashSet<LaneId>,
    /// Everyone with whom there is a lane, in each network.
    peers: HashMap<(NetworkId, PeerId), KnownPeer>,
    peer_ids: HashMap<PeerKey, (NetworkId, PeerId)>,
    deadlines: BTreeSet<(Time, ContentId)>,
    /// Contents whose machines may have something to say.
    stirred: BTreeSet<ContentId>,
    numbers: Numbers,
    closing: bool,
}

/// The next free numbers.
#[derive(Debug, Default)]
struct Numbers {
    content: u64,
    lane: u64,
    peer: u32,
    upload: u64,
}

impl Hub {
    pub(crate) fn new(settings: HubSettings, caller: Caller, limits: Limits) -> (Self, mpsc::Sender<Input>) {
        let (own_inputs, inputs) = mpsc::channel(INPUTS_MAX);
        let (own_news, news) = mpsc::channel(INPUTS_MAX);
        let hub = Self {
            settings,
            origin: Instant::now(),
            inputs,
            own_inputs: own_inputs.clone(),
            news,
            own_news,
            caller,
            limits,
            contents: HashMap::new(),
            by_key: HashMap::new(),
            lanes: HashMap::new(),
            leaving: HashSet::new(),
            peers: HashMap::new(),
            peer_ids: HashMap::new(),
            deadlines: BTreeSet::new(),
            stirred: BTreeSet::new(),
            numbers: Numbers::default(),
            closing: false,
        };
        (hub, own_inputs)
    }

    /// Runs until it is told to shut down.
    pub(crate) async fn run(mut self) {
        while !self.closing || !self.lanes.is_empty() || !self.leaving.is_empty() {
            let deadline = self.deadlines.first().map(|(at, _)| self.origin + at.since_origin());
            tokio::select! {
                biased;
                Some(input) = self.inputs.recv() => self.handle(input),
                Some(news) = self.news.recv() => self.hear_of(news),
                () = sleep_until(deadline.unwrap_or(self.origin)), if deadline.is_some() => {}
                else => return,
            }
            // Each time, so that what is due is not put off by a flood of news.
            self.wake_due();
            self.settle();
        }
    }

    fn now(&self) -> Time {
        Time::after_origin(self.origin.elapsed())
    }

    fn wake_due(&mut self) {
        let now = self.now();
        while let Some(&(at, content)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, content));
            if let Some(entry) = self.contents.get_mut(&content) {
                entry.deadline = None;
                entry.swarm.handle(now, drizzle_swarm::Input::Tick);
                self.stirred.insert(content);
            }
        }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Called(greeted) => self.take_call(*greeted),
            Input::Dialled { content, candidate, greeted } => self.take_answer(content, candidate, greeted),
            Input::Command(command) => self.obey(command),
        }
    }

    fn hear_of(&mut self, LaneNews { lane, peer, what }: LaneNews) {
        match what {
            Happening::Message(message) => self.hear(lane, message),
            Happening::Arrived { content, chunk, bytes } => self.arrived(lane, content, chunk, bytes),
            Happening::Verified { content, chunk, bytes } => {
                self.verified((lane, peer), content, chunk, bytes);
            }
            Happening::Corrupt { content, chunk } => self.corrupt(lane, content, chunk),
            Happening::DiskFailed { content, error } => self.disk_failed(content, error),
            Happening::UploadEnded(ended) => self.upload_ended(lane, ended),
            Happening::Down { why, fault } => self.lane_ended(lane, why, fault),
        }
    }

    /// Carries out what the machines that were stirred say, until all are quiet.
    fn settle(&mut self) {
        while let Some(content) = self.stirred.pop_first() {
            self.carry_out(content);
            self.call_candidates(content);
            self.reset_deadline(content);
        }
    }

    fn reset_deadline(&mut self, id: ContentId) {
        let Some(content) = self.contents.get_mut(&id) else { return };
        let deadline = [content.swarm.next_deadline(), content.calls_due()].into_iter().flatten().min();
        if content.deadline != deadline {
            content.deadline.map(|old| self.deadlines.remove(&(old, id)));
            deadline.map(|new| self.deadlines.insert((new, id)));
            content.deadline = deadline;
        }
    }
}
