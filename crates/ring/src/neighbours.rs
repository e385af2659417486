//! The rules that keep a ring a ring: Zave's corrected Chord ("Reasoning about identifier spaces: how to make Chord
//! correct", arXiv 1610.01140), as small steps over a small state. The machine runs these steps, and the model
//! checker in `tests/model` explores the same ones.
//!
//! A node is outside, or a member with a predecessor (perhaps) and a list of successors. At most one query that may
//! change the list is open at a time:
//!
//! ```text
//!     outside --join(m)--> asks m ------------ m is the closest predecessor: take its list -----> member
//!     member --stabilize-> asks its first successor: replace the list by it and its list
//!                            |-- its predecessor lies between: ask that one, replace the list likewise
//!                            `-- no answer: drop it, and begin again
//!     member --rectify(n)-> n lies closer than the predecessor, or the predecessor is gone: n is the predecessor
//! ```
//!
//! Laws, which hold as long as at least r+1 nodes that nobody skips remain, r being the length of the lists:
//! * A list is replaced whole, by the node that just answered and that node's own list. It is never mixed.
//! * While a query is open, [`Neighbours::view`] gives nothing: who asks is told "busy". So a change can be thought of
//!   as made at the moment when the other side answered.
//! * A list goes clockwise, and ends before it comes round to its owner. (With r+1 members it never comes that far;
//!   this rule is for rings that are only beginning.)
//!
//! No time, no messages, no retries: those are the caller's. A failure is what the caller says it is.

use alloc::vec::Vec;

use crate::position::between;

/// What a list consists of: something that names a node and knows its place on the circle.
pub trait Pointer: Copy + Eq {
    /// The place, in the order of the circle.
    type Id: Ord + Copy;

    /// The node's place.
    fn id(&self) -> Self::Id;
}

/// What a member says of itself when it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View<P> {
    /// The node that it believes to be before it.
    pub predecessor: Option<P>,
    /// The nodes that it believes to be after it, the next first.
    pub successors: Vec<P>,
}

/// What is to be done after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Step<P> {
    /// Nothing.
    Rest,
    /// Ask this node for its view, and report with [`Neighbours::answered`], [`Neighbours::busy`] or
    /// [`Neighbours::failed`].
    Ask(P),
    /// The list is fresh. Tell this node, so that it rectifies.
    Notify(P),
    /// The first successor was dropped: stabilize again.
    Again,
    /// The node is a member now. Stabilize at once.
    Joined,
    /// Not here: the place is further on, after this node.
    JoinAfter(P),
    /// Another node has the same place.
    Taken(P),
}

/// What a notice of a possible predecessor led to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Rectified<P> {
    /// It is the predecessor already, or this node is no member.
    Unchanged,
    /// It is the predecessor now, in place of this one.
    Replaced(Option<P>),
    /// Ask this predecessor whether it lives; if not, report with [`Neighbours::predecessor_failed`].
    Check(P),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Query<P> {
    Join(P),
    Successor(P),
    Candidate(P),
}

/// A node's neighbours, and the query that is open about them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Neighbours<P> {
    me: P,
    list_len_max: usize,
    member: bool,
    predecessor: Option<P>,
    successors: Vec<P>,
    query: Option<Query<P>>,
}

impl<P: Pointer> Neighbours<P> {
    /// A node that is not in a ring.
    pub fn outside(me: P, list_len_max: usize) -> Self {
        Self { me, list_len_max, member: false, predecessor: None, successors: Vec::new(), query: None }
    }

    /// A member of a ring whose members are known, as a ring begins; alone when there are no others.
    pub fn among(me: P, list_len_max: usize, others: &[P]) -> Self {
        let mut sorted: Vec<P> = others.iter().copied().filter(|other| other.id() != me.id()).collect();
        // Those above come first and then those below: clockwise from here.
        sorted.sort_by_key(|other| (other.id() < me.id(), other.id()));
        let mut node = Self::outside(me, list_len_max);
        node.member = true;
        node.predecessor = sorted.last().copied();
        node.successors = node.clockwise(sorted);
        node
    }

    /// Whether this node is in the ring.
    pub fn is_member(&self) -> bool {
        self.member
    }

    /// Whether a query is open that may change the list.
    pub fn is_busy(&self) -> bool {
        self.query.is_some()
    }

    /// The node before this one.
    pub fn predecessor(&self) -> Option<P> {
        self.predecessor
    }

    /// The nodes after this one, the next first.
    pub fn successors(&self) -> &[P] {
        &self.successors
    }

    /// What to answer to a node that asks; nothing while busy or outside.
    pub fn view(&self) -> Option<View<P>> {
        let open = self.member && self.query.is_none();
        open.then(|| View { predecessor: self.predecessor, successors: self.successors.clone() })
    }

    /// Begins to join after `at`, which the caller found to be the closest predecessor.
    pub fn join(&mut self, at: P) -> Step<P> {
        if self.member || at == self.me {
            return Step::Rest;
        }
        self.query = Some(Query::Join(at));
        Step::Ask(at)
    }

    /// Begins to stabilize. Alone, the predecessor that gave notice is the one to ask.
    pub fn stabilize(&mut self) -> Step<P> {
        if !self.member || self.query.is_some() {
            return Step::Rest;
        }
        match self.successors.first() {
            Some(&successor) => {
                self.query = Some(Query::Successor(successor));
                Step::Ask(successor)
            }
            None => self.predecessor.map_or(Step::Rest, |candidate| self.consider(candidate)),
        }
    }

    /// Asks a node that may be a closer successor, whoever named it.
    pub fn consider(&mut self, candidate: P) -> Step<P> {
        let head = self.successors.first().unwrap_or(&self.me).id();
        if !self.member || self.query.is_some() || !between(&self.me.id(), &candidate.id(), &head) {
            return Step::Rest;
        }
        self.query = Some(Query::Candidate(candidate));
        Step::Ask(candidate)
    }

    /// Takes the answer of the node that was asked. Any other answer is ignored.
    pub fn answered(&mut self, from: P, view: View<P>) -> Step<P> {
        match self.query.take() {
            Some(Query::Join(at)) if at == from => self.take_place(at, view),
            Some(Query::Successor(successor)) if successor == from => self.take_list(successor, view),
            Some(Query::Candidate(candidate)) if candidate == from => {
                self.replace_list(candidate, view.successors);
                Step::Notify(candidate)
            }
            other => {
                self.query = other;
                Step::Rest
            }
        }
    }

    /// The node that was asked is busy: the query is closed, and nothing has changed.
    pub fn busy(&mut self, from: P) {
        if self.asked() == Some(from) {
            self.query = None;
        }
    }

    /// The node that was asked is gone.
    pub fn failed(&mut self, from: P) -> Step<P> {
        if self.asked() != Some(from) {
            return Step::Rest;
        }
        match self.query.take() {
            Some(Query::Successor(_)) => {
                self.lost(from);
                Step::Again
            }
            // The first successor answered a moment ago, and still believes in a predecessor that is gone.
            Some(Query::Candidate(_)) => {
                self.successors.first().map_or(Step::Rest, |&head| Step::Notify(head))
            }
            _ => Step::Rest,
        }
    }

    /// A node is gone, as others found or as it said itself. Taking a dead entry out of a list skips nobody who was
    /// not skipped before.
    pub fn lost(&mut self, node: P) {
        self.successors.retain(|&entry| entry != node);
        if self.predecessor == Some(node) {
            self.predecessor = None;
        }
    }

    /// A node says that this one is its first successor.
    pub fn rectify(&mut self, notifier: P) -> Rectified<P> {
        if !self.member || notifier.id() == self.me.id() {
            return Rectified::Unchanged;
        }
        match self.predecessor {
            Some(predecessor) if predecessor == notifier => Rectified::Unchanged,
            Some(predecessor) if !between(&predecessor.id(), &notifier.id(), &self.me.id()) => {
                Rectified::Check(predecessor)
            }
            replaced => {
                self.predecessor = Some(notifier);
                Rectified::Replaced(replaced)
            }
        }
    }

    /// The predecessor is gone; whoever gave notice last takes its place.
    pub fn predecessor_failed(&mut self, predecessor: P, notifier: Option<P>) {
        if self.predecessor == Some(predecessor) {
            self.predecessor = notifier;
        }
    }

    /// Leaves the ring: nothing is kept.
    pub fn leave(&mut self) {
        *self = Self::outside(self.me, self.list_len_max);
    }

    /// The node whose answer is awaited.
    pub fn asked(&self) -> Option<P> {
        match self.query {
            Some(Query::Join(node) | Query::Successor(node) | Query::Candidate(node)) => Some(node),
            None => None,
        }
    }

    fn take_place(&mut self, at: P, view: View<P>) -> Step<P> {
        let head = *view.successors.first().unwrap_or(&at);
        if let Some(holder) = [at, head].into_iter().find(|node| node.id() == self.me.id()) {
            return if holder == self.me { Step::Rest } else { Step::Taken(holder) };
        }
        if !between(&at.id(), &self.me.id(), &head.id()) {
            let closest = view.successors.iter().rfind(|node| between(&at.id(), &node.id(), &self.me.id()));
            return closest.map_or(Step::Rest, |&node| Step::JoinAfter(node));
        }
        let list = if view.successors.is_empty() { alloc::vec![at] } else { view.successors };
        self.successors = self.clockwise(list);
        self.predecessor = Some(at);
        self.member = true;
        Step::Joined
    }

    fn take_list(&mut self, successor: P, view: View<P>) -> Step<P> {
        self.replace_list(successor, view.successors);
        match view.predecessor {
            Some(twin) if twin.id() == self.me.id() && twin != self.me => Step::Taken(twin),
            Some(candidate) => match self.consider(candidate) {
                Step::Rest => Step::Notify(successor),
                ask => ask,
            },
            None => Step::Notify(successor),
        }
    }

    fn replace_list(&mut self, head: P, rest: Vec<P>) {
        let list = core::iter::once(head).chain(rest).collect();
        self.successors = self.clockwise(list);
    }

    /// The part of a list that goes clockwise from here and does not come round.
    fn clockwise(&self, mut list: Vec<P>) -> Vec<P> {
        let mut last = self.me;
        let in_order = list.iter().take(self.list_len_max).take_while(|node| {
            let onward = between(&last.id(), &node.id(), &self.me.id());
            last = **node;
            onward
        });
        let len = in_order.count();
        list.truncate(len);
        list
    }
}
