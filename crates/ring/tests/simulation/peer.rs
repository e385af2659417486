//! One simulated host: the machine with the least driver around it, and its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use drizzle_model::{ContentHash, PeerId, Time};
use drizzle_ring::{Config, Contact, Input, Message, Operation, Output, Ring};
use drizzle_sim::{Actions, Event, Host, HostId};

use crate::weight::wire_bytes;

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
            Wire::Ring(_, message) => wire_bytes(message),
            Wire::WantBlob(_) | Wire::Blob { .. } => 0,
        }
    }
}

/// Contacts name their host by its address.
pub(crate) fn host_of(contact: Contact) -> HostId {
    match contact.address.ip() {
        IpAddr::V4(ip) => HostId(u32::from(ip)),
        IpAddr::V6(_) => unreachable!("simulated hosts have IPv4 addresses"),
    }
}
