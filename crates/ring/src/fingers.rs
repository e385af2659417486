//! Shortcuts: for each power of two, the peer that owns the position so far ahead. They make a look-up halve the way
//! at each step. No law of the ring depends on them, so they may be stale, and are only dropped and looked up anew.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::contact::Contact;
use crate::position::{Position, Space};

#[derive(Debug)]
pub(crate) struct Fingers {
    space: Space,
    me: Position,
    by_exponent: BTreeMap<u16, Contact>,
    next: u16,
}

impl Fingers {
    pub(crate) fn new(space: Space, me: Position) -> Self {
        Self { space, me, by_exponent: BTreeMap::new(), next: space.bits() }
    }

    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        self.by_exponent.values().copied()
    }

    /// Where the next finger should point: each power of two in turn, from the farthest down to what the successor
    /// list reaches, which needs no fingers.
    pub(crate) fn next_target(&mut self, last_successor: Option<Position>) -> Option<(u16, Position)> {
        let reach = last_successor.and_then(|last| self.space.reach(self.me, last)).unwrap_or_default();
        self.by_exponent.retain(|&exponent, _| exponent > reach);
        let exponent = match self.next.checked_sub(1) {
            Some(lower) if lower > reach => lower,
            _ => self.space.bits() - 1,
        };
        self.next = exponent;
        (exponent > reach).then(|| (exponent, self.space.ahead(self.me, exponent)))
    }

    /// Sets a finger; gives back who was there, if that was another.
    pub(crate) fn set(&mut self, exponent: u16, contact: Contact) -> Option<Contact> {
        self.by_exponent.insert(exponent, contact).filter(|old| *old != contact)
    }

    pub(crate) fn drop_peer(&mut self, contact: Contact) {
        self.by_exponent.retain(|_, finger| *finger != contact);
    }

    pub(crate) fn clear(&mut self) {
        self.by_exponent.clear();
        self.next = self.space.bits();
    }

    /// Of these contacts and the fingers, those closest before a target, the closest first.
    pub(crate) fn closest_before(&self, target: Position, others: &[Contact], count: usize) -> Vec<Contact> {
        // One at the target is not before it, and one at or behind this node's own place leads nowhere.
        let way = self.space.distance(self.me, target);
        let is_before = |contact: &Contact| {
            let part = self.space.distance(self.me, contact.position);
            contact.position != self.me && (part < way || way == Position::default())
        };
        let mut before: Vec<Contact> =
            others.iter().copied().chain(self.contacts()).filter(is_before).collect();
        before.sort_by_key(|contact| self.space.distance(contact.position, target));
        before.dedup();
        before.truncate(count);
        before
    }
}
