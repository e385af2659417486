//! What the model needs of a set of rules, and the machine's own set: its nodes are dots on a circle.

use std::fmt::Debug;
use std::hash::Hash;

use drizzle_ring::{Neighbours, Pointer, Rectified, Step, View};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Dot(pub(crate) u8);

impl Pointer for Dot {
    type Id = u8;

    fn id(&self) -> u8 {
        self.0
    }
}

/// What the model needs of a set of rules: the machine's own, or a mutant's.
pub(crate) trait Rules: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    fn outside(me: Dot, list_len_max: usize) -> Self;
    fn among(me: Dot, list_len_max: usize, others: &[Dot]) -> Self;
    fn state(&self) -> &Neighbours<Dot>;
    fn view(&self) -> Option<View<Dot>>;
    fn start(&mut self, beginning: Beginning) -> Step<Dot>;
    fn answered(&mut self, from: Dot, view: View<Dot>) -> Step<Dot>;
    fn failed(&mut self, from: Dot) -> Step<Dot>;
    fn busy(&mut self, from: Dot);
    fn lost(&mut self, node: Dot);
    fn rectify(&mut self, notifier: Dot) -> Rectified<Dot>;
    fn predecessor_failed(&mut self, predecessor: Dot, notifier: Dot);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Beginning {
    Join(Dot),
    Stabilize,
}

impl Rules for Neighbours<Dot> {
    fn outside(me: Dot, list_len_max: usize) -> Self {
        Neighbours::outside(me, list_len_max)
    }

    fn among(me: Dot, list_len_max: usize, others: &[Dot]) -> Self {
        Neighbours::among(me, list_len_max, others)
    }

    fn state(&self) -> &Neighbours<Dot> {
        self
    }

    fn view(&self) -> Option<View<Dot>> {
        self.view()
    }

    fn start(&mut self, beginning: Beginning) -> Step<Dot> {
        match beginning {
            Beginning::Join(at) => self.join(at),
            Beginning::Stabilize => self.stabilize(),
        }
    }

    fn answered(&mut self, from: Dot, view: View<Dot>) -> Step<Dot> {
        self.answered(from, view)
    }

    fn failed(&mut self, from: Dot) -> Step<Dot> {
        self.failed(from)
    }

    fn busy(&mut self, from: Dot) {
        self.busy(from);
    }

    fn lost(&mut self, node: Dot) {
        self.lost(node);
    }

    fn rectify(&mut self, notifier: Dot) -> Rectified<Dot> {
        self.rectify(notifier)
    }

    fn predecessor_failed(&mut self, predecessor: Dot, notifier: Dot) {
        self.predecessor_failed(predecessor, Some(notifier));
    }
}
