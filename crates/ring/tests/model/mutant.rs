//! Rules that are wrong on purpose: a model that cannot tell them from the right ones shows nothing.

use drizzle_ring::{Neighbours, Rectified, Step, View};

use crate::rules::{Beginning, Dot, Rules};

/// The rules with faults, each of which Chord had as it was first published: to take the successor's predecessor for
/// the own successor without asking it, to join with one successor and no list, and to answer while a query is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mutant<const UNASKED: bool, const SHORT: bool, const UNBUSY: bool>(Neighbours<Dot>);

pub(crate) type Original = Mutant<true, true, true>;

impl<const UNASKED: bool, const SHORT: bool, const UNBUSY: bool> Rules for Mutant<UNASKED, SHORT, UNBUSY> {
    fn outside(me: Dot, list_len_max: usize) -> Self {
        Self(Neighbours::outside(me, list_len_max))
    }

    fn among(me: Dot, list_len_max: usize, others: &[Dot]) -> Self {
        Self(Neighbours::among(me, list_len_max, others))
    }

    fn state(&self) -> &Neighbours<Dot> {
        &self.0
    }

    fn view(&self) -> Option<View<Dot>> {
        let view = View { predecessor: self.0.predecessor(), successors: self.0.successors().to_vec() };
        if UNBUSY { self.0.is_member().then_some(view) } else { self.0.view() }
    }

    fn start(&mut self, beginning: Beginning) -> Step<Dot> {
        self.0.start(beginning)
    }

    fn answered(&mut self, from: Dot, mut view: View<Dot>) -> Step<Dot> {
        if SHORT && !self.0.is_member() {
            view.successors.truncate(1);
        }
        let list = view.successors.clone();
        match self.0.answered(from, view) {
            Step::Ask(candidate) if UNASKED => {
                let successors = std::iter::once(from).chain(list).collect();
                self.0.answered(candidate, View { predecessor: None, successors })
            }
            step => step,
        }
    }

    fn failed(&mut self, from: Dot) -> Step<Dot> {
        self.0.failed(from)
    }

    fn busy(&mut self, from: Dot) {
        self.0.busy(from);
    }

    fn lost(&mut self, node: Dot) {
        self.0.lost(node);
    }

    fn rectify(&mut self, notifier: Dot) -> Rectified<Dot> {
        self.0.rectify(notifier)
    }

    fn predecessor_failed(&mut self, predecessor: Dot, notifier: Dot) {
        self.0.predecessor_failed(predecessor, Some(notifier));
    }
}
