//! What a node answers when it is asked.

use drizzle_model::Time;

use super::Ring;
use super::stage::Stage;
use crate::contact::Contact;
use crate::message::{Answer, Ask, Breadth, Offered, PRINTS_MAX, Put, RECORDS_MAX, Refusal};
use crate::position::Position;
use crate::record::Print;

/// How many contacts a route names: when half of all are gone, one in 2^16 names none that lives.
const ROUTE_CONTACTS: usize = 16;
/// How many it names for a finger.
const FEW_CONTACTS: usize = 2;

impl Ring {
    pub(super) fn answer(&mut self, now: Time, from: Contact, ask: Ask) -> Answer {
        if !self.is_member() {
            return self.answer_outside(&ask);
        }
        match ask {
            Ask::Ping => Answer::Pong,
            Ask::State { seen } => self.own_state(seen),
            Ask::Join => {
                self.drop_returning(now, from);
                self.own_state(None)
            }
            Ask::Route { target, breadth } => {
                let (mut nearer, mut owners) = self.route(target);
                if breadth == Breadth::Few {
                    nearer.truncate(FEW_CONTACTS);
                    owners.truncate(FEW_CONTACTS);
                }
                Answer::Route { nearer, owners }
            }
            Ask::Owner { .. } => Answer::Owner { predecessor: self.neighbours.predecessor() },
            Ask::Put(offers) => {
                let results = offers.into_iter().take(RECORDS_MAX).map(|offer| self.accept(now, from, offer));
                Answer::Put(results.collect())
            }
            Ask::Get(key) => Answer::Records(self.shelf.under(key)),
            Ask::Compare { arc, digest } => self.compare(now, arc, digest),
            Ask::Pull(prints) => {
                let records = prints.iter().take(RECORDS_MAX).filter_map(|&print| self.shelf.by_print(print));
                Answer::Records(records.collect())
            }
            Ask::Settled(prints) => Answer::Settled(self.well_kept(now, prints)),
        }
    }

    /// In the middle of a join: whoever wants something stored, or what is stored, may ask again soon. That this node
    /// is no neighbour yet, and leads nowhere, is no matter of time.
    fn answer_outside(&self, ask: &Ask) -> Answer {
        let wants_records =
            matches!(ask, Ask::Put(_) | Ask::Get(_) | Ask::Compare { .. } | Ask::Pull(_) | Ask::Settled(_));
        match self.stage {
            Stage::Joining { .. } if wants_records => Answer::Busy,
            _ => Answer::NotMember,
        }
    }

    /// One that joins is no member, so if a list names it, that is from its former life.
    fn drop_returning(&mut self, now: Time, joiner: Contact) {
        for place in self.known_places(joiner.peer) {
            self.remove_peer(now, place);
        }
    }

    fn own_state(&mut self, seen: Option<u64>) -> Answer {
        // What changed just now, within this very step, must not go out under the old version.
        let is_shown = self.is_shown();
        match self.neighbours.view() {
            None => Answer::Busy,
            Some(_) if is_shown && seen == Some(self.shown.version) => Answer::Unchanged,
            Some(view) => {
                let version = if is_shown { self.shown.version } else { self.shown.version.wrapping_add(1) };
                Answer::State { version, predecessor: view.predecessor, successors: view.successors }
            }
        }
    }

    /// Whom this node knows before a target, the closest first; and if its list reaches the target, who follows it.
    pub(super) fn route(&self, target: Position) -> (alloc::vec::Vec<Contact>, alloc::vec::Vec<Contact>) {
        let (space, me) = (self.config.space, self.config.me);
        let list = self.neighbours.successors();
        let way = space.distance(me.position, target);
        let reached = if way == Position::default() {
            list.len()
        } else {
            list.partition_point(|one| space.distance(me.position, one.position) < way)
        };
        let mut owners = list.get(reached..).unwrap_or_default().to_vec();
        // A list that comes round to the predecessor names the whole ring, and this node follows its last.
        let is_whole = self.neighbours.predecessor().is_some_and(|before| list.contains(&before));
        if list.is_empty() || (is_whole && list.len() < self.config.successors) {
            owners.push(me);
        }
        let count = if reached < list.len() { list.len().max(ROUTE_CONTACTS) } else { ROUTE_CONTACTS };
        (self.fingers.closest_before(target, list, count), owners)
    }

    fn accept(&mut self, now: Time, from: Contact, offer: Offered) -> Put {
        let position = self.config.space.place(&offer.record.id().key);
        if !self.accepts(position) {
            return Put::Refused(Refusal::NotMine);
        }
        self.keep(now, from, offer)
    }

    /// Whoever asks drops what is named here, and may be the last that has the blob. A copy that is whole here is so at
    /// the replicas as well, since the digest that they agreed to is of whole copies alone.
    fn well_kept(&mut self, now: Time, prints: alloc::vec::Vec<Print>) -> alloc::vec::Vec<Print> {
        if !self.counts_for_others(now) || !self.is_in_step() {
            return alloc::vec::Vec::new();
        }
        let is_kept = |print: &Print| {
            self.shelf.position_of(*print).is_some_and(|at| self.owns(at))
                && self.shelf.is_whole_print(*print)
        };
        prints.into_iter().take(PRINTS_MAX).filter(is_kept).collect()
    }
}
