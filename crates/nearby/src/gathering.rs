//! What was heard, bounded: when there is more than is kept, a place is taken from the address that is named most often. Pure; chance comes from
//! outside.
//!
//! Anybody can announce what he likes as often as he likes, also in the name of another one, and can say goodbye for him. So nothing
//! that is heard takes the place of what was heard before, or takes it back: whoever calls learns which of it is true. A host that announces in
//! its own name crowds out itself alone; one that announces in the names of others has to guess for how long chance spares theirs.

use std::collections::HashMap;

use drizzle_model::Invite;

/// So many announcements are kept at most. Each costs whoever calls them all some connections, at once.
pub(crate) const FOUND_MAX: usize = 64;

/// The announcements that count.
#[derive(Debug, Default)]
pub(crate) struct Gathering(Vec<Invite>);

impl Gathering {
    /// Takes what was heard; says whether it is news that was kept.
    pub(crate) fn put(&mut self, invite: Invite, chance: u64) -> bool {
        if self.0.contains(&invite) {
            return false;
        }
        self.0.push(invite);
        self.0.len() <= FOUND_MAX || self.leave_one_out(chance) != FOUND_MAX
    }

    /// Leaves out one of those whose address is named most; says which.
    fn leave_one_out(&mut self, chance: u64) -> usize {
        let mut named: HashMap<&str, usize> = HashMap::new();
        for address in self.0.iter().flat_map(|invite| &invite.addresses) {
            *named.entry(address.host()).or_default() += 1;
        }
        let crowd = |invite: &Invite| invite.addresses.iter().map(|it| named[it.host()]).max().unwrap_or(0);
        let crowds: Vec<usize> = self.0.iter().map(crowd).collect();
        let most = crowds.iter().copied().max().unwrap_or(0);
        let crowded: Vec<usize> = (0..crowds.len()).filter(|&place| crowds[place] == most).collect();
        let left_out = crowded[(chance % crowded.len().max(1) as u64) as usize];
        self.0.remove(left_out);
        left_out
    }

    /// All of it, in an order that is the same each time.
    pub(crate) fn into_invites(mut self) -> Vec<Invite> {
        self.0.sort_by_cached_key(ToString::to_string);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(addresses: &str, key: u64) -> Invite {
        format!("tracker://{addresses}/{key:064x}").parse().unwrap()
    }

    /// Would fail if who comes first, or announces most, kept the others out.
    #[test]
    fn a_host_that_announces_a_lot_crowds_out_itself_alone() {
        let mut gathering = Gathering::default();
        let honest = [invite("10.0.0.1:7440", 1), invite("10.0.0.2:7440,[2001:db8::2]:7440", 2)];
        assert!(gathering.put(honest[0].clone(), 0));
        for number in 0..1000 {
            gathering.put(invite(&format!("10.6.6.6:{}", number + 1), 1000 + number), number * 7);
        }
        assert!(gathering.put(honest[1].clone(), 3), "it is kept, though the place is full");
        assert!(!gathering.put(honest[1].clone(), 3), "and is no news");
        let found = gathering.into_invites();
        assert_eq!(found.len(), FOUND_MAX);
        assert!(honest.iter().all(|invite| found.contains(invite)));
    }

    /// Who announces in the name of an honest host hides it by luck alone: it has the same chance as each of the false ones.
    #[test]
    fn who_announces_in_anothers_name_replaces_nothing() {
        let honest = invite("10.0.0.1:7440", 1);
        let mut gathering = Gathering::default();
        gathering.put(honest.clone(), 0);
        for number in 0..FOUND_MAX as u64 {
            // The same key and the same address with others.
            gathering.put(invite(&format!("10.0.0.1:7440,10.6.6.6:{}", number + 1), 1), 40);
        }
        let found = gathering.into_invites();
        assert!(found.len() == FOUND_MAX && found.contains(&honest));
    }
}
