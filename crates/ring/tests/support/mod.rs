//! Rings in the simulated world: the machine with the least driver around it, what its messages weigh, and what is
//! true of all of them together.
#![allow(dead_code)] // Each test binary uses its part.
#![allow(clippy::unwrap_used, clippy::panic)] // A broken scenario is a failed test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use drizzle_model::{ContentHash, PeerId, Time};
use drizzle_ring::{
    Answer, Ask, Config, Contact, Content, Input, Key, Lease, Message, Operation, Output, Position, Record,
    RecordId, Ring, Space, Tell,
};
use drizzle_sim::{Actions, Delivery, Event, Failure, Host, HostId, Link, Random, World};

/// What hosts send: the ring's messages with their sender, and blobs.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
    Ring(Contact, Message),
    WantBlob(ContentHash),
    Blob { blob: ContentHash, from: PeerId, is_here: bool },
}

/// A node and its disk.
pub(crate) struct Peer {
    pub(crate) ring: Ring,
    pub(crate) blobs: BTreeSet<ContentHash>,
    /// Blobs that were asked for, of whom, and when that counts as failed.
    wanted: BTreeMap<ContentHash, (PeerId, Time)>,
    pub(crate) outcomes: BTreeMap<Operation, Output>,
    pub(crate) hops: Vec<(Operation, Contact, Contact)>,
    pub(crate) events: Vec<Output>,
}

impl Peer {
    pub(crate) fn new(now: Time, config: Config) -> Self {
        let ring = Ring::new(now, config);
        let (blobs, wanted) = (BTreeSet::new(), BTreeMap::new());
        Self { ring, blobs, wanted, outcomes: BTreeMap::new(), hops: Vec::new(), events: Vec::new() }
    }

    pub(crate) fn take(&mut self, now: Time, input: Input, actions: &mut Actions<Wire>) {
        self.ring.handle(now, input);
        while let Some(output) = self.ring.poll() {
            self.carry_out(now, output, actions);
        }
    }

    fn carry_out(&mut self, now: Time, output: Output, actions: &mut Actions<Wire>) {
        match output {
            Output::Send { to, message } => actions.send(host_of(to), Wire::Ring(self.ring.me(), message)),
            Output::FetchBlob { blob, from, .. } if from == self.ring.me() => {
                self.blob_came(now, blob, actions);
            }
            Output::FetchBlob { blob, from, .. } => {
                self.wanted.insert(blob, (from.peer, now + BLOB_PATIENCE));
                actions.send(host_of(from), Wire::WantBlob(blob));
            }
            Output::DropBlob(blob) => _ = self.blobs.remove(&blob),
            Output::Hop { operation, from, to } => self.hops.push((operation, from, to)),
            Output::Found { operation, .. }
            | Output::Stored { operation, .. }
            | Output::Received { operation, .. }
            | Output::Failed { operation, .. } => _ = self.outcomes.insert(operation, output),
            Output::Neighbours { .. } | Output::Noticed(_) => {}
            Output::Joined | Output::JoinFailed(_) | Output::Left => self.events.push(output),
        }
    }

    fn blob_came(&mut self, now: Time, blob: ContentHash, actions: &mut Actions<Wire>) {
        self.wanted.remove(&blob);
        self.blobs.insert(blob);
        self.take(now, Input::BlobArrived(blob), actions);
    }

    fn blob_missed(&mut self, now: Time, blob: ContentHash, from: PeerId, actions: &mut Actions<Wire>) {
        self.wanted.remove(&blob);
        self.take(now, Input::BlobNotGiven { blob, from }, actions);
    }
}

/// How long a simulated driver waits for a blob, which takes no time of its own.
const BLOB_PATIENCE: Duration = Duration::from_secs(2);

impl Host for Peer {
    type Message = Wire;

    fn handle(&mut self, now: Time, event: Event<Wire>, actions: &mut Actions<Wire>) {
        match event {
            Event::Started => {}
            Event::Message { message: Wire::Ring(from, message), .. } => {
                self.take(now, Input::Message { from, message }, actions);
            }
            Event::Message { from, message: Wire::WantBlob(blob) } => {
                let is_here = self.blobs.contains(&blob);
                actions.send(from, Wire::Blob { blob, from: self.ring.me().peer, is_here });
            }
            Event::Message { message: Wire::Blob { blob, is_here: true, .. }, .. } => {
                self.blob_came(now, blob, actions);
            }
            Event::Message { message: Wire::Blob { blob, from, .. }, .. } => {
                self.blob_missed(now, blob, from, actions);
            }
            _ => {
                let late = self.wanted.iter().find(|(_, (_, until))| *until <= now);
                match late.map(|(&blob, &(from, _))| (blob, from)) {
                    Some((blob, from)) => self.blob_missed(now, blob, from, actions),
                    None => self.take(now, Input::Wake, actions),
                }
            }
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.wanted.values().map(|&(_, until)| until).chain(self.ring.next_deadline()).min()
    }

    fn check(&self) -> Result<(), String> {
        self.ring.check_invariants().map_err(String::from)
    }

    fn message_bytes(message: &Wire) -> u32 {
        match message {
            Wire::Ring(_, message) => FRAME_BYTES + message_bytes(message),
            Wire::WantBlob(_) | Wire::Blob { .. } => 0,
        }
    }
}

/// TCP, IP and Ethernet headers, a TLS record's own bytes, a frame's head, and as much again for the acknowledgement.
const FRAME_BYTES: u32 = 20 + 20 + 14 + 22 + 8 + 54;
/// A key, an address and a port; the position is the key's hash.
const CONTACT_BYTES: u32 = 32 + 18;

fn message_bytes(message: &Message) -> u32 {
    let contacts = |count: usize| 2 + CONTACT_BYTES * count as u32;
    let records = |offers: &[drizzle_ring::Offered]| -> u32 {
        offers.iter().map(|offer| 64 + offer.record.content().signed_bytes().len() as u32).sum()
    };
    match message {
        Message::Ask(_, ask) => match ask {
            Ask::Ping | Ask::Join => 0,
            Ask::State { .. } => 9,
            Ask::Route { .. } | Ask::Owner { .. } | Ask::Get(_) => 32,
            Ask::Put(offers) => records(offers),
            Ask::Compare { .. } => 80,
            Ask::Pull(prints) | Ask::Settled(prints) => 16 * prints.len() as u32,
        },
        Message::Answer(_, answer) => match answer {
            Answer::Pong | Answer::Busy | Answer::NotMember | Answer::Unchanged | Answer::Same => 0,
            Answer::State { predecessor, successors, .. } => {
                8 + contacts(successors.len() + usize::from(predecessor.is_some()))
            }
            Answer::Route { nearer, owners } => contacts(nearer.len()) + contacts(owners.len()),
            Answer::Owner { predecessor } => contacts(usize::from(predecessor.is_some())),
            Answer::Put(results) => 2 * results.len() as u32,
            Answer::Records(offers) => records(offers),
            Answer::Differs { holdings, .. } => 32 + 16 * holdings.len() as u32,
            Answer::Settled(prints) => 16 * prints.len() as u32,
        },
        Message::Tell(tell) => match tell {
            Tell::Notify { predecessors } => contacts(predecessors.len()),
            Tell::Stabilize | Tell::Quit => 0,
            Tell::Merge(_) => CONTACT_BYTES,
        },
    }
}

/// Contacts name their host by its address.
pub(crate) fn host_of(contact: Contact) -> HostId {
    match contact.address.ip() {
        IpAddr::V4(ip) => HostId(u32::from(ip)),
        IpAddr::V6(_) => unreachable!("simulated hosts have IPv4 addresses"),
    }
}

fn random_bytes(random: &mut Random) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&random.bits().to_le_bytes()));
    bytes
}

/// A contact of the full ring: the key is random, and stands for its own hash.
pub(crate) fn new_contact(host: HostId, random: &mut Random) -> Contact {
    let bytes = random_bytes(random);
    let address = SocketAddr::new(Ipv4Addr::from(host.0).into(), 7441);
    Contact { position: Position::from_bytes(&bytes), peer: PeerId::from_bytes(bytes), address }
}

pub(crate) fn random_position(random: &mut Random) -> Position {
    Position::from_bytes(&random_bytes(random))
}

/// A signature that only stands for one: the bytes decide it, and no other will do.
fn signature_of(bytes: &[u8]) -> [u8; 64] {
    let mut seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29)
    });
    let mut signature = [0; 64];
    for part in signature.chunks_exact_mut(8) {
        seed = Random::new(seed).bits();
        part.copy_from_slice(&seed.to_le_bytes());
    }
    signature
}

pub(crate) fn signed(content: Content) -> Record {
    let signature = signature_of(&content.signed_bytes());
    let is_signed = |_: &PeerId, bytes: &[u8], signature: &[u8; 64]| *signature == signature_of(bytes);
    Record::checked(content, signature, is_signed).unwrap()
}

/// A stored file's record.
pub(crate) fn blob_record(key: Key, publisher: PeerId, blob: ContentHash, bytes: u64) -> Record {
    signed(Content {
        id: RecordId { key, publisher, subject: blob },
        version: 1,
        lease: Lease::Forever,
        rank: 0,
        blob_bytes: Some(bytes),
        withdrawn: false,
        value: b"a file".to_vec(),
    })
}

/// A ring in the world, with what scenarios do to it.
pub(crate) struct Net {
    pub(crate) world: World<Peer>,
    pub(crate) random: Random,
    pub(crate) settings: fn(Contact, u64) -> Config,
    next_operation: u64,
    loss_ppm: u32,
}

impl Net {
    pub(crate) fn new(seed: u64, settings: fn(Contact, u64) -> Config) -> Self {
        println!("seed {seed}: replay with RING_SEED={seed}");
        let world = World::new(seed, Delivery::Datagram);
        Self {
            world,
            random: Random::new(seed ^ 0x52_49_4e_47),
            settings,
            next_operation: 0,
            loss_ppm: 1_000,
        }
    }

    /// Nothing is lost, and every host checks itself after each event.
    pub(crate) fn calm_and_checked(mut self) -> Self {
        self.loss_ppm = 0;
        self.world = self.world.checking();
        self
    }

    /// A host that is in no ring, 5 to 50 ms from the middle, with a little loss and jitter.
    pub(crate) fn add_outsider(&mut self) -> HostId {
        let id = HostId(self.world.ids().count() as u32);
        let contact = new_contact(id, &mut self.random);
        let mut link = Link::messages(Duration::from_millis(5 + self.random.below(45)));
        link.jitter = Duration::from_millis(2);
        link.loss_ppm = self.loss_ppm;
        let peer = self.new_peer(contact);
        self.world.add(peer, link)
    }

    /// A host of a small ring, whose number is given.
    pub(crate) fn add_numbered(&mut self, number: u8) -> HostId {
        let id = self.add_outsider();
        let mut contact = self.contact(id);
        contact.position = Space::FULL.place(&Key::from_number(u64::from(number)));
        self.restart_as(id, contact);
        id
    }

    /// A host begins anew, as a given contact.
    pub(crate) fn restart_as(&mut self, id: HostId, contact: Contact) {
        let peer = self.new_peer(contact);
        self.world.restart(id, peer);
    }

    fn new_peer(&mut self, contact: Contact) -> Peer {
        Peer::new(self.world.now(), (self.settings)(contact, self.random.bits()))
    }

    /// A host that crashed comes up as somebody else.
    pub(crate) fn replace(&mut self, id: HostId) {
        let contact = new_contact(id, &mut self.random);
        self.restart_as(id, contact);
    }

    /// A ring whose members all know each other at the start.
    pub(crate) fn form(&mut self, count: usize) -> Vec<HostId> {
        let hosts: Vec<HostId> = (0..count).map(|_| self.add_outsider()).collect();
        let all: Vec<Contact> = hosts.iter().map(|&id| self.contact(id)).collect();
        for &id in &hosts {
            self.input(id, Input::Form { others: all.clone() });
        }
        hosts
    }

    pub(crate) fn contact(&self, id: HostId) -> Contact {
        self.world.host(id).ring.me()
    }

    pub(crate) fn input(&mut self, id: HostId, input: Input) {
        self.world.with(id, |peer, now, actions| peer.take(now, input, actions));
    }

    pub(crate) fn join(&mut self, id: HostId, through: HostId) {
        let through = vec![self.contact(through)];
        self.input(id, Input::Join { through });
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.world.now() + span;
        self.world.run_until(end).unwrap_or_else(|failure: Failure| panic!("{failure}"));
    }

    pub(crate) fn start(&mut self, id: HostId, input: impl FnOnce(Operation) -> Input) -> Operation {
        self.next_operation += 1;
        let operation = Operation(self.next_operation);
        self.input(id, input(operation));
        operation
    }

    pub(crate) fn outcome(&self, id: HostId, operation: Operation) -> Option<&Output> {
        self.world.host(id).outcomes.get(&operation)
    }

    /// Those that are up and members, in the order of the circle.
    pub(crate) fn members(&self) -> Vec<(Position, HostId)> {
        let is_member = |id: &HostId| self.world.is_up(*id) && self.world.host(*id).ring.is_member();
        let ids = self.world.ids().filter(is_member);
        let mut members: Vec<(Position, HostId)> = ids.map(|id| (self.contact(id).position, id)).collect();
        members.sort();
        members
    }

    /// Members whose first successor, whose predecessor and whose whole list are not what they should be.
    pub(crate) fn wrong(&self) -> (usize, usize, usize) {
        let members = self.members();
        let mut wrong = (0, 0, 0);
        for (at, &(_, id)) in members.iter().enumerate() {
            let ring = &self.world.host(id).ring;
            let after = |steps: usize| members[(at + steps) % members.len()].1;
            let list_len = ((self.settings)(ring.me(), 0).successors).min(members.len() - 1);
            let ideal: Vec<HostId> = (1..=list_len).map(after).collect();
            let real: Vec<HostId> = ring.successors().iter().map(|one| host_of(*one)).collect();
            wrong.0 += usize::from(real.first() != ideal.first());
            let before = ring.predecessors().first().map(|one| host_of(*one));
            wrong.1 += usize::from(members.len() > 1 && before != Some(after(members.len() - 1)));
            wrong.2 += usize::from(real != ideal);
        }
        wrong
    }

    /// Runs until nothing is wrong, or for so long; what is wrong then.
    pub(crate) fn run_until_right(&mut self, patience: Duration) -> (usize, usize, usize) {
        let end = self.world.now() + patience;
        while self.wrong() != (0, 0, 0) && self.world.now() < end {
            self.run(Duration::from_secs(1));
        }
        self.wrong()
    }

    /// Bytes that all hosts have sent, of messages.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.world.ids().map(|id| self.world.traffic(id).message_bytes).sum()
    }

    pub(crate) fn any_member(&mut self) -> HostId {
        let members = self.members();
        members[self.random.below(members.len() as u64) as usize].1
    }
}

/// What was stored, to be asked for later.
#[derive(Default)]
pub(crate) struct Shelved {
    records: Vec<Record>,
}

impl Shelved {
    /// Stores files from members at random, and waits until all are.
    pub(crate) fn store(&mut self, net: &mut Net, count: usize) {
        let mut open = Vec::new();
        for _ in 0..count {
            let by = net.any_member();
            let key = Key::from_bytes(random_bytes(&mut net.random));
            let blob = ContentHash::from_bytes(random_bytes(&mut net.random));
            let record = blob_record(key, net.contact(by).peer, blob, 1 << 20);
            net.world.with(by, |peer, _, _| _ = peer.blobs.insert(blob));
            self.records.push(record.clone());
            open.push((by, net.start(by, |operation| Input::Store { operation, record })));
        }
        net.run(Duration::from_secs(10));
        for (by, operation) in open {
            let outcome = net.outcome(by, operation);
            assert!(matches!(outcome, Some(Output::Stored { .. })), "{outcome:?}");
        }
    }

    /// How many cannot be had, record and blob, by asking some member.
    pub(crate) fn lost(&self, net: &mut Net) -> usize {
        let asked: Vec<(HostId, Operation, &Record)> = self
            .records
            .iter()
            .map(|record| {
                let by = net.any_member();
                let key = record.id().key;
                (by, net.start(by, |operation| Input::Request { operation, key }), record)
            })
            .collect();
        net.run(Duration::from_secs(10));
        let is_there =
            |(by, operation, record): &(HostId, Operation, &Record)| match net.outcome(*by, *operation) {
                Some(Output::Received { from, records, .. }) => {
                    let whole = records.iter().any(|offer| offer.record == **record && offer.has_blob);
                    whole && net.world.host(host_of(*from)).blobs.contains(&record.id().subject)
                }
                _ => false,
            };
        asked.iter().filter(|one| !is_there(one)).count()
    }

    /// The least, the mean and the greatest number of whole copies.
    pub(crate) fn copies(&self, net: &Net) -> (usize, f64, usize) {
        let count = |record: &&Record| {
            let holds = |id: HostId| {
                let peer = net.world.host(id);
                peer.blobs.contains(&record.id().subject) && peer.ring.records().any(|held| held == *record)
            };
            net.members().iter().filter(|&&(_, id)| holds(id)).count()
        };
        let counts: Vec<usize> = self.records.iter().map(|record| count(&record)).collect();
        let sum: usize = counts.iter().sum();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        (least.copied().unwrap_or(0), sum as f64 / counts.len().max(1) as f64, most.copied().unwrap_or(0))
    }
}

/// The member that owns a position, of those in the order of the circle.
pub(crate) fn owner_among(members: &[(Position, HostId)], target: Position) -> HostId {
    let at = members.partition_point(|&(position, _)| position < target);
    members[at % members.len()].1
}

/// Whether the long variants are wanted: `RING_SIM=full`, in release.
pub(crate) fn is_full() -> bool {
    std::env::var("RING_SIM").is_ok_and(|size| size == "full")
}

/// The seed of a run, which `RING_SEED` sets.
pub(crate) fn seed() -> u64 {
    std::env::var("RING_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_26)
}
