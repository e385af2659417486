//! The machine itself: its state, what comes in, what goes out, and when it wants to be woken.

use alloc::collections::VecDeque;

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun, Time};

use crate::config::{Config, Mode};
use crate::event::{DropReason, Input, Output, PeerKey, Refusal};
use crate::fetching::Fetch;
use crate::news::News;
use crate::pace::CHECK_EVERY;
use crate::peer::Peer;
use crate::peers::Peers;
use crate::random::Random;
use crate::serving::Serve;
use crate::sizes::ChunkSizes;

/// What a machine is doing, in figures: for logs, metrics and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Requests that are open.
    pub requests: usize,
    /// Those of them that have started to come.
    pub started: usize,
    /// How many half chunks must have started so that no more are asked for.
    pub ahead_half_chunks: usize,
    /// Chunks that others want and that wait for an upload place.
    pub wants: usize,
    /// Uploads that run.
    pub uploads: usize,
    /// Uploads that may run at present.
    pub uploads_max: usize,
}

/// One content on one peer. See the crate's documentation for the contract.
pub struct Swarm {
    pub(crate) config: Config,
    pub(crate) is_seed: bool,
    pub(crate) sizes: ChunkSizes,
    pub(crate) random: Random,
    /// What is here.
    pub(crate) have: Bitmap,
    pub(crate) peers: Peers,
    /// How many peers were met.
    pub(crate) met: u64,
    pub(crate) fetch: Fetch,
    pub(crate) serve: Serve,
    pub(crate) news: News,
    pub(crate) outputs: VecDeque<Output>,
    /// Never later than the first thing that is due; it may be earlier, and nothing comes of it then.
    wake: Option<Time>,
}

impl Swarm {
    /// A machine for a content of chunks of these sizes, some of which are here. Give each machine another seed, or
    /// all of a network ask for the same chunks at the same time. A bitmap of another length than `sizes` counts as
    /// empty.
    pub fn new(config: Config, sizes: ChunkSizes, have: Bitmap, seed: u64) -> Self {
        let count = sizes.count();
        let have = if have.len() == count { have } else { Bitmap::empty(count) };
        let mut swarm = Self {
            is_seed: have.is_full(),
            random: Random::new(seed),
            fetch: Fetch::new(count, &have, config.mode),
            serve: Serve::new(config.uploads, config.uploads_max),
            news: News::default(),
            peers: Peers::default(),
            met: 0,
            outputs: VecDeque::new(),
            wake: None,
            config,
            sizes,
            have,
        };
        swarm.say_if_complete();
        swarm
    }

    /// Takes an input in. Afterwards, [`Swarm::poll`] until nothing more comes out.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.handle_all(now, [input]);
    }

    /// Takes inputs in that came together, and draws the conclusions from all of them at once, which is cheaper than from
    /// one after the other. Afterwards, [`Swarm::poll`] until nothing more comes out.
    pub fn handle_all(&mut self, now: Time, inputs: impl IntoIterator<Item = Input>) {
        for input in inputs {
            self.take(now, input);
        }
        if self.wake.is_some_and(|wake| wake <= now) {
            self.wake = None;
            self.check_on_peers(now);
            self.check_on_places(now);
            self.announce_due(now);
        }
        self.ask_around(now);
        self.start_uploads(now);
    }

    /// The next thing to be done, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next thing to be done, if it is to tell that peer of more chunks: so a driver tells of many at once.
    pub fn poll_announced_to(&mut self, to: PeerKey) -> Option<ChunkRun> {
        let run = match self.outputs.front() {
            Some(Output::Announce { peer, run }) if *peer == to => *run,
            _ => return None,
        };
        self.outputs.pop_front();
        Some(run)
    }

    /// When [`Swarm::handle`] has to be called at the latest, with [`Input::Tick`] if there is nothing else.
    pub fn next_deadline(&self) -> Option<Time> {
        self.wake
    }

    /// Which chunks are here.
    pub fn have(&self) -> &Bitmap {
        &self.have
    }

    /// Which chunks a peer has, as far as known.
    pub fn have_of(&self, peer: PeerKey) -> Option<&Bitmap> {
        self.peers.get(peer).map(|peer| &peer.have)
    }

    /// Who is connected.
    pub fn peers(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.peers.keys()
    }

    /// Whether a peer is connected.
    pub fn is_connected(&self, peer: PeerKey) -> bool {
        self.peers.contains_key(peer)
    }

    /// How many peers are connected.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.have.is_full()
    }

    /// What is going on, in figures.
    pub fn status(&self) -> Status {
        Status {
            requests: self.fetch.requests,
            started: self.peers.values().map(|peer| peer.started).sum(),
            ahead_half_chunks: self.fetch.intake.ahead_half_chunks(),
            wants: self.serve.wants,
            uploads: self.serve.uploads,
            uploads_max: self.serve.slots.open(),
        }
    }

    fn take(&mut self, now: Time, input: Input) {
        match input {
            Input::Connected { peer, have } => self.connected(now, peer, have),
            Input::Disconnected { peer } => self.forget(peer),
            Input::Have { peer, run } => self.peer_has(now, peer, run),
            Input::Lost { peer, run } => self.peer_lost(peer, run),
            Input::Progress { peer, chunk, bytes } => self.progress(now, peer, chunk, bytes),
            Input::Received { peer, chunk } => self.received(now, peer, chunk),
            Input::Corrupt { peer, chunk } => self.drop_peer(peer, DropReason::Corrupt { chunk }),
            Input::Refused { peer, chunk, reason } => self.refused(now, peer, chunk, reason),
            Input::Wanted { peer, chunk } => self.wanted(peer, chunk),
            Input::Unwanted { peer, chunk } => self.unwanted(peer, chunk),
            Input::Sent { peer, chunk } => self.sent(now, peer, chunk),
            Input::Unsent { peer, chunk } => self.unsent(peer, chunk),
            Input::Withdrawn { run } => self.withdrawn(run),
            Input::Available { run } => self.available(now, run),
            Input::Tick => {}
        }
    }

    fn connected(&mut self, now: Time, key: PeerKey, have: Bitmap) {
        self.forget(key);
        if have.len() != self.sizes.count() {
            self.outputs.push_back(Output::Drop { peer: key, why: DropReason::Misfit });
            return;
        }
        self.fetch.rarity.add_all(&have);
        self.met += 1;
        self.peers.insert(key, Peer::new(self.met, have, self.news.end()));
        self.mark_hungry(key);
        self.wake_by(now + CHECK_EVERY);
    }

    pub(crate) fn drop_peer(&mut self, key: PeerKey, why: DropReason) {
        if self.peers.contains_key(key) {
            self.forget(key);
            self.outputs.push_back(Output::Drop { peer: key, why });
        }
    }

    fn forget(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.remove(key) else { return };
        self.forget_uploads(&peer);
        self.forget_source(key, &peer);
    }

    fn withdrawn(&mut self, run: ChunkRun) {
        let chunks = self.chunks_of(run).filter(|&chunk| self.have.contains(chunk));
        for chunk in chunks.collect::<alloc::vec::Vec<_>>() {
            self.have.remove(chunk);
            if self.config.mode == Mode::Fetch {
                self.fetch.free.insert(chunk);
            }
            self.take_back_offers(chunk, Refusal::Changed);
        }
        self.retract(run);
        self.mark_all_hungry();
    }

    fn available(&mut self, now: Time, run: ChunkRun) {
        let chunks = self.chunks_of(run).filter(|&chunk| !self.have.contains(chunk));
        for chunk in chunks.collect::<alloc::vec::Vec<_>>() {
            self.got(now, chunk);
        }
    }

    /// A chunk is here now: nobody is asked for it any more, and the peers are told.
    pub(crate) fn got(&mut self, now: Time, chunk: ChunkIndex) {
        self.have.insert(chunk);
        self.give_up_requests(chunk);
        let coming = self.fetch.coming.remove(&chunk);
        self.note_news(now, chunk, coming);
        self.fetch.free.remove(chunk);
        self.serve.is_idle = false;
        self.say_if_complete();
    }

    fn say_if_complete(&mut self) {
        if self.have.is_full() {
            self.outputs.push_back(Output::Complete);
        }
    }

    /// The chunks of a run, as far as it is within the content.
    pub(crate) fn chunks_of(&self, run: ChunkRun) -> impl Iterator<Item = ChunkIndex> + use<'_> {
        let last = run.last.min(self.have.len().saturating_sub(1));
        (run.first..=last).filter_map(|number| self.have.chunk(number))
    }

    /// Asks to be woken then or earlier.
    pub(crate) fn wake_by(&mut self, at: Time) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.config.mode == Mode::Fetch && !self.have.is_full()
    }
}
