//! Look-ups under way: who asks whom next, and what is done with the end of each.

use drizzle_model::Time;

use super::Ring;
use super::purpose::{AIMS_MAX, Aim, Purpose};
use crate::calls::Tries;
use crate::contact::Contact;
use crate::message::{Answer, Ask, Breadth};
use crate::position::Position;
use crate::search::{Found, Next, Search};

impl Ring {
    /// Begins a look-up at contacts that are given, as one who is outside.
    pub(super) fn begin_search(&mut self, now: Time, target: Position, at: &[Contact], aim: Aim) {
        let mut search = self.new_search(target, &aim);
        search.start(at);
        self.run_search(now, search, aim);
    }

    /// Begins a look-up at what this node knows, as a member.
    pub(super) fn begin_own_search(&mut self, now: Time, target: Position, aim: Aim) {
        let (nearer, owners) = self.route(target);
        let mut search = self.new_search(target, &aim);
        search.start_as_member(&nearer, owners);
        self.run_search(now, search, aim);
    }

    /// What comes again by itself asks one peer at a time, for few contacts: it is in no hurry, and is most of the
    /// traffic.
    fn new_search(&self, target: Position, aim: &Aim) -> Search {
        let (parallel, breadth) = match aim {
            Aim::Finger(_) | Aim::Reunite => (1, Breadth::Few),
            _ => (self.config.parallel, Breadth::All),
        };
        Search::new(self.config.space, self.config.me, target, parallel, breadth)
    }

    fn run_search(&mut self, now: Time, search: Search, aim: Aim) {
        // Of the node's own look-ups the latest of a kind is the one that counts.
        if !matches!(aim, Aim::Operation(_)) {
            self.searches.retain(|_, (_, other)| *other != aim);
            if self.searches.values().filter(|(_, other)| !matches!(other, Aim::Operation(_))).count()
                >= AIMS_MAX
            {
                return;
            }
        }
        let id = self.next_search;
        self.next_search = id.wrapping_add(1);
        self.searches.insert(id, (search, aim));
        self.advance_search(now, id);
    }

    fn advance_search(&mut self, now: Time, id: u64) {
        while let Some((search, _)) = self.searches.get_mut(&id) {
            let (target, breadth) = (search.target(), search.breadth());
            match search.next() {
                Next::Route(to) => {
                    self.ask(now, to, Ask::Route { target, breadth }, Purpose::Route(id), Tries::Once);
                }
                Next::Owner(to) => {
                    self.ask(now, to, Ask::Owner { target }, Purpose::Owner(id), Tries::Thrice);
                }
                Next::Wait => return,
                Next::Found(found) => self.end_search(now, id, Some(found)),
                Next::Lost => self.end_search(now, id, None),
            }
        }
    }

    fn end_search(&mut self, now: Time, id: u64, found: Option<Found>) {
        let Some((search, aim)) = self.searches.remove(&id) else { return };
        match (aim, found) {
            (Aim::Join, found) => self.place_found(now, found.and_then(|found| found.predecessor)),
            (Aim::Finger(exponent), Some(found)) => {
                if let Some(&owner) = found.owners.first() {
                    self.finger_found(exponent, owner);
                }
            }
            (Aim::Reunite, Some(found)) => self.place_in_other_ring(now, &found),
            (Aim::Settle, Some(found)) => self.settle_with(now, search.target(), &found),
            (Aim::Operation(operation), found) => self.job_found(now, operation, found),
            (Aim::Finger(_) | Aim::Reunite | Aim::Settle, None) => {}
        }
    }

    pub(super) fn search_answered(&mut self, now: Time, id: u64, from: Contact, answer: Answer) {
        let Some((search, _)) = self.searches.get_mut(&id) else { return };
        match answer {
            Answer::Route { nearer, owners } => search.routed(from.peer, &nearer, owners),
            Answer::Owner { predecessor } => search.owner_is(from.peer, predecessor),
            _ => search.silent(from.peer),
        }
        self.advance_search(now, id);
    }

    /// Silence of an owner must be sure, since the next one would be taken for it.
    pub(super) fn owner_late(&mut self, now: Time, id: u64) {
        if let Some((search, _)) = self.searches.get_mut(&id) {
            search.owner_late();
            self.advance_search(now, id);
        }
    }

    /// A peer that does not answer is no good shortcut. Whether it is gone, upkeep finds out.
    pub(super) fn search_unanswered(&mut self, now: Time, id: u64, to: Contact) {
        self.fingers.drop_peer(to);
        self.suspect(now, to);
        if let Some((search, _)) = self.searches.get_mut(&id) {
            search.silent(to.peer);
            self.advance_search(now, id);
        }
    }
}
