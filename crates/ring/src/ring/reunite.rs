//! How a ring that came apart becomes one again.
//!
//! Zave's rules assume that only the dead are silent. After a partition each half has closed its circle, and no rule
//! would ever look across. So now and then a node looks itself up through an old contact, or a finger. If the answer is
//! itself, it is in that contact's ring. If not, there is a node there that would follow it: this node gives that one
//! notice (it rectifies, and its former predecessor is told to stabilize), and asks it for its list if it is closer
//! than the own successor. Each node does so for itself; word of the other ring goes to neighbours and fingers on both
//! sides.

use core::time::Duration;

use drizzle_model::Time;

use super::Ring;
use super::purpose::Aim;
use crate::contact::Contact;
use crate::event::Notice;
use crate::message::Tell;
use crate::search::Found;

/// A node follows word of another ring at most so often, and passes it on at most so often.
const REUNITE_GAP: Duration = Duration::from_secs(5);

impl Ring {
    pub(super) fn look_for_other_ring(&mut self, now: Time) {
        let fingers: alloc::vec::Vec<Contact> = self.fingers.contacts().collect();
        // Old contacts twice as often as fingers: the ring that was lost is among them.
        let contact = match self.random.below(3) {
            0 => fingers.get(self.random.below(fingers.len())).copied(),
            _ => self.old.any(&mut self.random),
        };
        if let Some(contact) = contact {
            self.begin_search(now, self.config.me.position, &[contact], Aim::Reunite);
        }
    }

    /// Somebody says that there is another ring.
    pub(super) fn hear_of_other_ring(&mut self, now: Time, contact: Contact) {
        let is_early = self.last_reunited.is_some_and(|last| now - last < REUNITE_GAP);
        if !self.is_member() || is_early || !self.config.space.contains(contact.position) {
            return;
        }
        self.last_reunited = Some(now);
        self.begin_search(now, self.config.me.position, &[contact], Aim::Reunite);
    }

    /// The look-up of the own place through another has ended.
    pub(super) fn place_in_other_ring(&mut self, now: Time, found: &Found) {
        let me = self.config.me;
        let Some(&owner) = found.owners.first() else { return };
        if owner == me || owner.position == me.position || !self.is_member() {
            return;
        }
        let predecessors = self.predecessors();
        self.tell(owner, Tell::Notify { predecessors });
        let is_known = self.neighbours.successors().contains(&owner);
        let step = self.neighbours.consider(owner);
        self.follow(now, step);
        // The own successor, known to both: that ring had only not heard of this node yet.
        if !is_known {
            self.spread_word(now, owner, found.predecessor);
        }
    }

    fn spread_word(&mut self, now: Time, owner: Contact, before: Option<Contact>) {
        self.notice(Notice::Reuniting(owner));
        self.last_reunited = Some(now);
        let mut told: alloc::vec::Vec<Contact> = self.fingers.contacts().collect();
        told.extend(self.neighbours.successors().first());
        told.extend(self.neighbours.predecessor());
        told.sort_by_key(|one| one.peer);
        told.dedup();
        for contact in told.into_iter().filter(|one| *one != owner) {
            self.tell(contact, Tell::Merge(owner));
        }
        let me = self.config.me;
        for contact in before.into_iter().chain([owner]) {
            self.tell(contact, Tell::Merge(me));
        }
    }
}
