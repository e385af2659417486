//! A peer: the swarm machine, and a driver that turns its outputs into messages and transfers.
//!
//! Connections are made by `Hello` and its answer, and are over with `Bye` or when the world closes them. A peer that loses a
//! connection, whose machine is starved, or that has too few connections, dials another peer at random, as one that asks a
//! tracker does. Whoever speaks to a peer without a connection is told so by `Bye`, as by a reset of TCP.

use std::collections::BTreeSet;
use std::time::Duration;

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun, Time};
use drizzle_swarm::{ChunkSizes, Config, DropReason, Input, Output, PeerKey, Refusal, Swarm};

use crate::{Actions, Event, Haste, Host, HostId, Random};

/// The bit of a transfer's tag that says that its bytes are wrong.
const WRONG_BYTES: u64 = 1 << 32;

/// What peers say to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Opens a connection: what the sender has.
    Hello(Box<Bitmap>),
    /// Answers `Hello`.
    Welcome(Box<Bitmap>),
    /// Ends a connection.
    Bye,
    /// The sender has these now.
    Have(ChunkRun),
    /// The sender has these no longer.
    Lost(ChunkRun),
    /// The sender wants this.
    Want(ChunkIndex),
    /// The sender wants it no longer.
    Cancel(ChunkIndex),
    /// The sender begins to send this.
    Starts(ChunkIndex),
    /// The sender does not give it.
    Refuse(ChunkIndex, Refusal),
}

/// How a peer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should.
    Honest,
    /// It says it has everything, and sends wrong bytes.
    WrongBytes,
    /// It says it has everything, and has nothing.
    Boasts,
    /// It sends so many chunks, half of another, and then nothing, with its connections open.
    StallsAfter(u32),
}

/// One peer.
pub struct Peer {
    machine: Swarm,
    sizes: ChunkSizes,
    behaviour: Behaviour,
    random: Random,
    /// How many hosts there are to dial: they are numbered from 0.
    hosts: u32,
    to_dial: Vec<HostId>,
    /// It dials more, now and then, while something is missing and it has fewer connections than this or nothing came.
    connections_min: usize,
    redial_at: Option<Time>,
    chunks_at_redial: u32,
    banned: BTreeSet<HostId>,
    sent_chunks: u32,
    completed_at: Option<Time>,
    received_bytes: u64,
    blamed: BTreeSet<HostId>,
    liars: BTreeSet<HostId>,
}

impl Peer {
    /// A peer that will dial these when it starts.
    pub fn new(
        config: Config,
        sizes: ChunkSizes,
        have: Bitmap,
        behaviour: Behaviour,
        seed: u64,
        hosts: u32,
        to_dial: Vec<HostId>,
    ) -> Self {
        let have = if behaviour == Behaviour::Honest { have } else { Bitmap::full(sizes.count()) };
        let machine = Swarm::new(config, sizes.clone(), have, seed);
        Self {
            machine,
            sizes,
            behaviour,
            random: Random::new(!seed),
            hosts,
            connections_min: to_dial.len(),
            to_dial,
            redial_at: None,
            chunks_at_redial: 0,
            banned: BTreeSet::new(),
            sent_chunks: 0,
            completed_at: None,
            received_bytes: 0,
            blamed: BTreeSet::new(),
            liars: BTreeSet::new(),
        }
    }

    /// The machine.
    pub fn machine(&self) -> &Swarm {
        &self.machine
    }

    /// Whether it plays fair.
    pub fn is_honest(&self) -> bool {
        self.behaviour == Behaviour::Honest
    }

    /// When its last chunk came; the origin for one that had all.
    pub fn completed_at(&self) -> Option<Time> {
        self.completed_at
    }

    /// Content bytes that came, useful or not.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Who was found to send wrong bytes.
    pub fn blamed(&self) -> &BTreeSet<HostId> {
        &self.blamed
    }

    /// Who sent it a whole chunk of wrong bytes, whether or not the machine drew its conclusion.
    pub fn liars(&self) -> &BTreeSet<HostId> {
        &self.liars
    }

    /// With whom it is connected.
    pub fn connected(&self) -> impl Iterator<Item = HostId> + '_ {
        self.machine.peers().map(host)
    }

    fn is_connected(&self, other: HostId) -> bool {
        self.machine.is_connected(PeerKey(other.0))
    }

    /// Says goodbye to all.
    pub fn leave(&mut self, actions: &mut Actions<Message>) {
        for peer in self.connected() {
            actions.send(peer, Message::Bye);
        }
    }

    /// Gives the machine an input and does what it says.
    pub fn input(&mut self, now: Time, input: Input, actions: &mut Actions<Message>) {
        self.machine.handle(now, input);
        self.carry_out(now, actions);
    }

    fn carry_out(&mut self, now: Time, actions: &mut Actions<Message>) {
        while let Some(output) = self.machine.poll() {
            self.act(now, output, actions);
        }
    }

    fn act(&mut self, now: Time, output: Output, actions: &mut Actions<Message>) {
        match output {
            Output::Request { peer, chunk } => actions.send(host(peer), Message::Want(chunk)),
            Output::Cancel { peer, chunk } => actions.send(host(peer), Message::Cancel(chunk)),
            Output::Send { peer, chunk } => self.send_chunk(host(peer), chunk, actions),
            Output::Stop { peer, chunk } => actions.stop(host(peer), self.tag(chunk)),
            Output::Refuse { peer, chunk, reason } => {
                actions.send(host(peer), Message::Refuse(chunk, reason));
            }
            Output::Announce { peer, run } => actions.send(host(peer), Message::Have(run)),
            Output::Retract { peer, run } => actions.send(host(peer), Message::Lost(run)),
            Output::Drop { peer, why } => self.drop_peer(host(peer), why, actions),
            Output::Starved => self.dial_another(actions),
            Output::Complete => self.completed_at = Some(now),
        }
    }

    fn send_chunk(&mut self, to: HostId, chunk: ChunkIndex, actions: &mut Actions<Message>) {
        let bytes = u64::from(self.sizes.bytes(chunk));
        match self.behaviour {
            Behaviour::Boasts => actions.send(to, Message::Refuse(chunk, Refusal::Missing)),
            Behaviour::StallsAfter(limit) if self.sent_chunks == limit => {
                // A tag that no chunk has: the bytes come, and the chunk is never whole.
                actions.transfer(to, u64::from(chunk.number()) | HALF, bytes.div_ceil(2));
            }
            Behaviour::StallsAfter(limit) if self.sent_chunks > limit => {}
            _ => {
                actions.send(to, Message::Starts(chunk));
                actions.transfer(to, self.tag(chunk), bytes);
            }
        }
        self.sent_chunks += 1;
    }

    fn tag(&self, chunk: ChunkIndex) -> u64 {
        let wrong = if self.behaviour == Behaviour::WrongBytes { WRONG_BYTES } else { 0 };
        u64::from(chunk.number()) | wrong
    }

    fn drop_peer(&mut self, peer: HostId, why: DropReason, actions: &mut Actions<Message>) {
        // The others may come again.
        if matches!(why, DropReason::Corrupt { .. }) {
            self.banned.insert(peer);
            self.blamed.insert(peer);
        }
        actions.send(peer, Message::Bye);
        self.dial_another(actions);
    }

    fn dial_another(&mut self, actions: &mut Actions<Message>) {
        let other = HostId(self.random.below(u64::from(self.hosts)) as u32);
        self.dial(other, actions);
    }

    fn dial(&mut self, other: HostId, actions: &mut Actions<Message>) {
        if !self.is_connected(other) && !self.banned.contains(&other) {
            actions.send(other, Message::Hello(Box::new(self.machine.have().clone())));
        }
    }

    fn message(&mut self, now: Time, from: HostId, message: Message, actions: &mut Actions<Message>) {
        let peer = PeerKey(from.0);
        let opens = matches!(message, Message::Hello(_) | Message::Welcome(_) | Message::Bye);
        if !opens && !self.is_connected(from) {
            return actions.send(from, Message::Bye);
        }
        let input = match message {
            Message::Hello(_) if self.banned.contains(&from) => return actions.send(from, Message::Bye),
            Message::Hello(have) => {
                actions.send(from, Message::Welcome(Box::new(self.machine.have().clone())));
                Input::Connected { peer, have: *have }
            }
            Message::Welcome(have) => Input::Connected { peer, have: *have },
            Message::Bye => return self.lost(now, from, actions),
            Message::Have(run) => Input::Have { peer, run },
            Message::Lost(run) => Input::Lost { peer, run },
            Message::Want(chunk) => Input::Wanted { peer, chunk },
            Message::Cancel(chunk) => Input::Unwanted { peer, chunk },
            Message::Starts(chunk) => Input::Progress { peer, chunk, bytes: 0 },
            Message::Refuse(chunk, reason) => Input::Refused { peer, chunk, reason },
        };
        self.input(now, input, actions);
    }

    fn redial(&mut self, now: Time, actions: &mut Actions<Message>) {
        if self.redial_at.is_none_or(|at| at > now) {
            return;
        }
        let chunks = self.machine.have().count();
        if self.machine.peer_count() < self.connections_min || chunks == self.chunks_at_redial {
            self.dial_another(actions);
        }
        self.chunks_at_redial = chunks;
        self.redial_at = (!self.machine.is_complete()).then(|| now + REDIAL_EVERY);
    }

    fn lost(&mut self, now: Time, peer: HostId, actions: &mut Actions<Message>) {
        if self.is_connected(peer) {
            self.input(now, Input::Disconnected { peer: PeerKey(peer.0) }, actions);
            self.dial_another(actions);
        }
    }

    fn arrived(&mut self, now: Time, from: HostId, part: (u64, u32, bool), actions: &mut Actions<Message>) {
        let (tag, bytes, is_last) = part;
        let (peer, chunk) = (PeerKey(from.0), self.machine.have().chunk(tag as u32));
        let (Some(chunk), true) = (chunk, self.is_connected(from)) else { return };
        self.received_bytes += u64::from(bytes);
        self.input(now, Input::Progress { peer, chunk, bytes }, actions);
        match tag {
            _ if !is_last || tag & HALF != 0 => {}
            _ if tag & WRONG_BYTES != 0 => {
                self.liars.insert(from);
                self.input(now, Input::Corrupt { peer, chunk }, actions);
            }
            _ => self.input(now, Input::Received { peer, chunk }, actions),
        }
    }

    fn sent(&mut self, now: Time, to: HostId, tag: u64, actions: &mut Actions<Message>) {
        if let Some(chunk) = self.machine.have().chunk(tag as u32) {
            self.input(now, Input::Sent { peer: PeerKey(to.0), chunk }, actions);
        }
    }
}

/// The bit of a transfer's tag that says that it is not the whole chunk.
const HALF: u64 = 1 << 33;

fn host(peer: PeerKey) -> HostId {
    HostId(peer.0)
}

impl Host for Peer {
    type Message = Message;

    fn handle(&mut self, now: Time, event: Event<Message>, actions: &mut Actions<Message>) {
        match event {
            Event::Started => {
                for other in std::mem::take(&mut self.to_dial) {
                    self.dial(other, actions);
                }
                self.redial_at = Some(now + REDIAL_EVERY);
                self.input(now, Input::Tick, actions);
            }
            Event::Message { from, message } => self.message(now, from, message, actions),
            Event::Arrived { from, tag, bytes, is_last } => {
                self.arrived(now, from, (tag, bytes, is_last), actions);
            }
            Event::Sent { to, tag } => self.sent(now, to, tag, actions),
            Event::Closed { peer } => self.lost(now, peer, actions),
            Event::Wake => {
                self.redial(now, actions);
                self.input(now, Input::Tick, actions);
            }
        }
    }

    fn haste(message: &Message) -> Haste {
        match message {
            // What a peer has and what it wants are worth nothing on another connection.
            Message::Hello(_) | Message::Welcome(_) | Message::Bye => Haste::Follows,
            Message::Have(_) | Message::Lost(_) => Haste::Waits,
            Message::Want(_) | Message::Cancel(_) | Message::Starts(_) | Message::Refuse(..) => Haste::Passes,
        }
    }

    fn handle_gathered(
        &mut self,
        now: Time,
        messages: std::vec::Drain<'_, (HostId, Message)>,
        actions: &mut Actions<Message>,
    ) {
        let inputs = messages.filter_map(|(from, message)| {
            let peer = PeerKey(from.0);
            // What comes from one who is not connected any more is passed over by the machine.
            match message {
                Message::Have(run) => Some(Input::Have { peer, run }),
                Message::Lost(run) => Some(Input::Lost { peer, run }),
                _ => None,
            }
        });
        self.machine.handle_all(now, inputs);
        self.carry_out(now, actions);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.machine.next_deadline().into_iter().chain(self.redial_at).min()
    }

    fn check(&self) -> Result<(), String> {
        self.machine.check_invariants()
    }

    fn message_bytes(message: &Message) -> u32 {
        match message {
            Message::Hello(have) | Message::Welcome(have) => 16 + have.len().div_ceil(8),
            Message::Have(_) | Message::Lost(_) => 19,
            Message::Bye
            | Message::Want(_)
            | Message::Cancel(_)
            | Message::Starts(_)
            | Message::Refuse(..) => 15,
        }
    }
}

/// How often a peer with few connections, or to which nothing comes, looks for more: the interval of the tracker's news.
const REDIAL_EVERY: Duration = Duration::from_secs(3);

/// How long it takes until a crash is noticed by those who were connected: the operating system closes its sockets.
pub(crate) const CLOSED_AFTER: Duration = Duration::from_millis(2);
