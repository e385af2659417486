//! Contacts of former times. Peers that were declared gone may only have been cut off; through them the two halves of
//! a ring that came apart find each other again.

use alloc::collections::VecDeque;

use crate::contact::Contact;
use crate::random::Random;

/// With half of the neighbours and fingers gone at once there are some fifteen; churn may add as many in ten minutes.
const OLD_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Acquaintances {
    /// The oldest first.
    old: VecDeque<Contact>,
}

impl Acquaintances {
    pub(crate) fn add(&mut self, contact: Contact) {
        self.forget(contact);
        if self.old.len() >= OLD_MAX {
            self.old.pop_front();
        }
        self.old.push_back(contact);
    }

    /// It said goodbye, or it is well known again.
    pub(crate) fn forget(&mut self, contact: Contact) {
        self.old.retain(|old| old.peer != contact.peer);
    }

    pub(crate) fn any(&self, random: &mut Random) -> Option<Contact> {
        self.old.get(random.below(self.old.len())).copied()
    }
}
