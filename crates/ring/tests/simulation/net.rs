//! A ring in the simulated world: what is done to it, and what is true of all of its members together.

use std::time::Duration;

use drizzle_ring::{Config, Contact, Input, Key, Operation, Output, Position, Space};
use drizzle_sim::{Delivery, Failure, HostId, Link, Random, World};

use crate::peer::{Peer, host_of};
use crate::stand_ins::new_contact;

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
