//! One look-up: who owns a position. Iterative: the one who seeks asks each peer on the way itself.
//!
//! Candidates lie before the target, the closest first. Each is fresh, asked, answered or silent:
//!
//! ```text
//!     fresh --ask--> asked --answer--> answered (whom it knows that is closer, and who follows the target)
//!                          `-no answer, unreachable or no member--> silent
//! ```
//!
//! The closest candidate that is not silent is, once it has answered, the target's predecessor, and its list names the
//! owners. Then owners are asked whether they live, and whether somebody has come between. The first that lives is
//! the owner. Candidates are only ever added closer to the target than an answered one, and the number of questions
//! is bounded, so a look-up ends, whatever strangers answer.

use alloc::vec::Vec;

use drizzle_model::PeerId;

use crate::contact::Contact;
use crate::message::{Breadth, CONTACTS_MAX};
use crate::position::{Position, Space, between};

/// Questions of one look-up. Half of 10,000 peers lost at once needs some 20.
const ASKS_MAX: usize = 128;
/// Candidates that are remembered; the farthest go first.
const CANDIDATES_MAX: usize = 96;
/// Owners that are asked at a time when one is late. If half of all peers are gone, one of eight lives all but
/// certainly.
const OWNERS_HURRIED: usize = 8;
/// Closer owners than the predecessor knew of; more than one is rare.
const CLOSER_OWNERS_MAX: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Fresh,
    Asked,
    Answered { owners: Vec<Contact> },
    Silent,
}

#[derive(Debug, Clone)]
struct Candidate {
    contact: Contact,
    /// Who named it; nobody, if the seeker knew it itself.
    named_by: Option<Contact>,
    /// Questions in a row from the seeker to here.
    hops: usize,
    standing: Standing,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    /// Ask for a route.
    Route(Contact),
    /// Ask whether it is the owner.
    Owner(Contact),
    /// Wait for answers.
    Wait,
    /// It is over.
    Found(Found),
    /// It is over: nobody who answers knows who follows the target.
    Lost,
}

/// The end of a look-up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// The one before the target; nobody, if the seeker knew the owner without asking.
    pub(crate) predecessor: Option<Contact>,
    /// The owner, and those behind it.
    pub(crate) owners: Vec<Contact>,
    /// Whom the question went through, the owner last.
    pub(crate) route: Vec<Contact>,
    /// Peers on the way that did not answer.
    pub(crate) silent: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Unknown,
    Asked,
    Alive,
    Dead,
}

#[derive(Debug, Clone)]
pub(crate) struct Search {
    space: Space,
    me: Contact,
    target: Position,
    parallel: usize,
    breadth: Breadth,
    candidates: Vec<Candidate>,
    /// Once the predecessor is known: it, and the owners that it named.
    predecessor: Option<usize>,
    owners: Vec<(Contact, Life)>,
    closer: usize,
    /// Somebody on the way, or an owner, is late: the next owners are asked at once.
    is_hurried: bool,
    asks: usize,
}

impl Search {
    pub(crate) fn new(
        space: Space,
        me: Contact,
        target: Position,
        parallel: usize,
        breadth: Breadth,
    ) -> Self {
        Self {
            space,
            me,
            target,
            parallel,
            breadth,
            candidates: Vec::new(),
            predecessor: None,
            owners: Vec::new(),
            closer: 0,
            is_hurried: false,
            asks: 0,
        }
    }

    pub(crate) fn target(&self) -> Position {
        self.target
    }

    pub(crate) fn breadth(&self) -> Breadth {
        self.breadth
    }

    /// Begins at contacts that the seeker has.
    pub(crate) fn start(&mut self, contacts: &[Contact]) {
        for &contact in contacts {
            self.add(contact, None, 1);
        }
    }

    /// What a member knows itself counts as the first answer.
    pub(crate) fn start_as_member(&mut self, nearer: &[Contact], owners: Vec<Contact>) {
        let standing = Standing::Answered { owners };
        self.candidates.push(Candidate { contact: self.me, named_by: None, hops: 0, standing });
        self.start(nearer);
    }

    /// The next question, or the end. To be called until it says `Wait` or ends.
    pub(crate) fn next(&mut self) -> Next {
        if self.predecessor.is_none() {
            let next = self.next_on_the_way();
            if next != Next::Wait || self.predecessor.is_none() {
                return next;
            }
        }
        self.next_among_owners()
    }

    pub(crate) fn routed(&mut self, from: PeerId, nearer: &[Contact], owners: Vec<Contact>) {
        let Some(at) = self.candidates.iter().position(|one| one.contact.peer == from) else { return };
        let (named_by, hops) = (self.candidates[at].contact, self.candidates[at].hops);
        let owners = self.in_order_after_target(owners);
        self.candidates[at].standing = Standing::Answered { owners };
        let limit = self.distance(named_by);
        for &contact in nearer.iter().take(CONTACTS_MAX) {
            if self.distance(contact) < limit {
                self.add(contact, Some(named_by), hops + 1);
            }
        }
    }

    /// An owner lives, and names the one before it.
    pub(crate) fn owner_is(&mut self, from: PeerId, before: Option<Contact>) {
        let Some(at) = self.owners.iter().position(|(owner, _)| owner.peer == from) else { return };
        self.owners[at].1 = Life::Alive;
        let Some(before) = before else { return };
        let owner = self.owners[at].0.position;
        let is_closer = before.position == self.target || between(&self.target, &before.position, &owner);
        let is_new = !self.owners.iter().any(|(known, _)| known.peer == before.peer);
        if is_closer && is_new && owner != self.target && self.closer < CLOSER_OWNERS_MAX {
            self.closer += 1;
            let life = if before == self.me { Life::Alive } else { Life::Unknown };
            self.owners.insert(at, (before, life));
        }
    }

    /// An owner has not answered the first time. It is asked again; others are asked meanwhile.
    pub(crate) fn owner_late(&mut self) {
        self.is_hurried = true;
    }

    /// A peer does not answer, or is no member.
    pub(crate) fn silent(&mut self, peer: PeerId) {
        self.is_hurried = true;
        for candidate in self.candidates.iter_mut().filter(|one| one.contact.peer == peer) {
            if !matches!(candidate.standing, Standing::Answered { .. }) {
                candidate.standing = Standing::Silent;
            }
        }
        for owner in self.owners.iter_mut().filter(|(owner, life)| owner.peer == peer && *life != Life::Alive)
        {
            owner.1 = Life::Dead;
        }
    }

    fn next_on_the_way(&mut self) -> Next {
        let in_flight = self.candidates.iter().filter(|one| one.standing == Standing::Asked).count();
        for at in 0..self.candidates.len() {
            match &self.candidates[at].standing {
                Standing::Silent | Standing::Asked => {}
                Standing::Fresh if in_flight >= self.parallel => return Next::Wait,
                Standing::Fresh if self.asks >= ASKS_MAX => return Next::Lost,
                Standing::Fresh => {
                    self.asks += 1;
                    self.candidates[at].standing = Standing::Asked;
                    return Next::Route(self.candidates[at].contact);
                }
                // Others that are closer have been asked, and may know better.
                Standing::Answered { .. } if self.is_awaiting_closer_than(at) => return Next::Wait,
                // All that it knows before the target is silent; one farther back may have the longer list.
                Standing::Answered { owners } if owners.is_empty() => {}
                Standing::Answered { owners } => {
                    self.owners = owners.iter().map(|&owner| (owner, self.life_of(owner))).collect();
                    self.predecessor = Some(at);
                    return Next::Wait;
                }
            }
        }
        if in_flight > 0 { Next::Wait } else { Next::Lost }
    }

    fn next_among_owners(&mut self) -> Next {
        let in_flight = self.owners.iter().filter(|(_, life)| *life == Life::Asked).count();
        let mut is_first = true;
        for at in 0..self.owners.len() {
            match self.owners[at].1 {
                Life::Dead => {}
                Life::Alive if is_first => return self.found(at),
                Life::Alive => return Next::Wait,
                Life::Asked => is_first = false,
                Life::Unknown if in_flight >= self.owners_at_a_time() => return Next::Wait,
                Life::Unknown if self.asks >= ASKS_MAX => return Next::Lost,
                Life::Unknown => {
                    self.asks += 1;
                    self.owners[at].1 = Life::Asked;
                    return Next::Owner(self.owners[at].0);
                }
            }
        }
        if in_flight > 0 { Next::Wait } else { self.without_these_owners() }
    }

    /// Every owner that the predecessor named is gone: it knows nobody, and one farther back may.
    fn without_these_owners(&mut self) -> Next {
        if let Some(at) = self.predecessor.take()
            && let Some(candidate) = self.candidates.get_mut(at)
        {
            candidate.standing = Standing::Answered { owners: Vec::new() };
            return self.next();
        }
        Next::Lost
    }

    fn found(&self, at: usize) -> Next {
        let predecessor = self.predecessor.and_then(|at| self.candidates.get(at));
        let mut route = self.route_to(predecessor);
        route.push(self.owners[at].0);
        let owners =
            self.owners[at..].iter().filter(|(_, life)| *life != Life::Dead).map(|&(owner, _)| owner);
        Next::Found(Found {
            predecessor: predecessor.map(|one| one.contact).filter(|contact| *contact != self.me),
            owners: owners.collect(),
            route,
            silent: self.candidates.iter().filter(|one| one.standing == Standing::Silent).count(),
        })
    }

    /// Who named whom, from the seeker on; the seeker itself is left out.
    fn route_to(&self, candidate: Option<&Candidate>) -> Vec<Contact> {
        let mut route = Vec::new();
        let mut at = candidate.filter(|one| one.hops > 0);
        while let Some(candidate) = at.filter(|_| route.len() < CANDIDATES_MAX) {
            route.insert(0, candidate.contact);
            at = candidate.named_by.and_then(|by| {
                self.candidates
                    .iter()
                    .find(|one| one.contact == by && one.hops < candidate.hops && one.hops > 0)
            });
        }
        route
    }

    fn is_awaiting_closer_than(&self, at: usize) -> bool {
        self.candidates[..at].iter().any(|one| one.standing == Standing::Asked)
    }

    fn owners_at_a_time(&self) -> usize {
        if self.is_hurried { OWNERS_HURRIED } else { 1 }
    }

    fn life_of(&self, owner: Contact) -> Life {
        if owner == self.me {
            return Life::Alive;
        }
        match self.candidates.iter().find(|one| one.contact == owner).map(|one| &one.standing) {
            Some(Standing::Silent) => Life::Dead,
            _ => Life::Unknown,
        }
    }

    fn add(&mut self, contact: Contact, named_by: Option<Contact>, hops: usize) {
        let is_known = self.candidates.iter().any(|one| one.contact.peer == contact.peer);
        if is_known || contact == self.me || !self.space.contains(contact.position) {
            return;
        }
        let distance = self.distance(contact);
        let at = self.candidates.partition_point(|one| self.distance(one.contact) <= distance);
        self.candidates.insert(at, Candidate { contact, named_by, hops, standing: Standing::Fresh });
        self.candidates.truncate(CANDIDATES_MAX);
    }

    /// How far before the target; one at the target itself is a whole circle before it.
    fn distance(&self, contact: Contact) -> (bool, Position) {
        (contact.position == self.target, self.space.distance(contact.position, self.target))
    }

    fn in_order_after_target(&self, mut owners: Vec<Contact>) -> Vec<Contact> {
        owners.retain(|owner| self.space.contains(owner.position));
        owners.truncate(CONTACTS_MAX);
        owners.sort_by_key(|owner| self.space.distance(self.target, owner.position));
        owners.dedup_by_key(|owner| owner.position);
        owners
    }
}
