//! The members that a guest knows, in the order in which they are tried.

use drizzle_model::Address;

/// Members that are remembered, to go to when the present one is gone.
pub(super) const MEMBERS_MAX: usize = 32;

/// Where they are.
pub(super) struct Members {
    pub(super) known: Vec<Address>,
    /// Those of the invite: they come back at their addresses, so they are never forgotten.
    invited: Vec<Address>,
}

impl Members {
    pub(super) fn new(invited: Vec<Address>) -> Self {
        Self { known: invited.clone(), invited }
    }

    pub(super) fn learn(&mut self, address: Address) {
        if self.known.len() < MEMBERS_MAX && !self.known.contains(&address) {
            self.known.push(address);
        }
    }

    /// One that did not do is tried after all others; one that was only heard of is forgotten.
    pub(super) fn put_off(&mut self, address: &Address) {
        self.known.retain(|known| known != address);
        if self.invited.contains(address) {
            self.known.push(address.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a guest that lost its only member for a moment could never ask it again.
    #[test]
    fn members_of_the_invite_are_put_off_and_never_forgotten() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        let (first, second, heard) = (address("10.0.0.1:1"), address("10.0.0.2:1"), address("10.0.0.3:1"));
        let mut members = Members::new(vec![first.clone(), second.clone()]);
        members.learn(heard.clone());
        members.put_off(&first);
        assert_eq!(members.known, [second.clone(), heard.clone(), first.clone()]);
        members.put_off(&heard);
        members.put_off(&second);
        members.put_off(&first);
        assert_eq!(members.known, [second, first]);
    }
}
