//! How one state becomes the next: questions and their answers, notices and failures, by the rules.

use drizzle_ring::{Rectified, Step};

use crate::rules::{Beginning, Dot, Rules};
use crate::world::{Node, World};

impl<R: Rules> World<R> {
    /// Lets `dot` do what a step asks for: the question is answered, refused or found to be for nobody.
    fn follow(&mut self, dot: Dot, step: Step<Dot>) {
        match step {
            Step::Notify(to) if self.is_member(to) => {
                self.node_mut(to).notices |= 1 << dot.0;
                if !self.delays {
                    self.rectify(to, dot);
                }
            }
            Step::Again => self.begin(dot, Beginning::Stabilize),
            // The question is open now; its answer is an event of its own.
            _ => {}
        }
    }

    pub(crate) fn begin(&mut self, dot: Dot, beginning: Beginning) {
        let step = self.node_mut(dot).rules.start(beginning);
        if let Step::Ask(_) = step {
            self.ask(dot);
        }
    }

    pub(crate) fn ask(&mut self, dot: Dot) {
        let Some(to) = self.node(dot).rules.state().asked() else { return };
        if !self.is_member(to) {
            let step = self.node_mut(dot).rules.failed(to);
            return self.follow(dot, step);
        }
        let joins = !self.node(dot).rules.state().is_member();
        if joins {
            self.node_mut(to).rules.lost(dot);
        }
        match self.node(to).rules.view() {
            Some(view) => {
                self.node_mut(dot).answer = Some(view);
                if !self.delays {
                    self.take(dot);
                }
            }
            None => self.node_mut(dot).rules.busy(to),
        }
    }

    pub(crate) fn take(&mut self, dot: Dot) {
        let (Some(from), Some(view)) =
            (self.node(dot).rules.state().asked(), self.node_mut(dot).answer.take())
        else {
            return;
        };
        let step = self.node_mut(dot).rules.answered(from, view);
        self.follow(dot, step);
    }

    pub(crate) fn rectify(&mut self, dot: Dot, notifier: Dot) {
        self.node_mut(dot).notices &= !(1 << notifier.0);
        if let Rectified::Check(predecessor) = self.node_mut(dot).rules.rectify(notifier)
            && !self.is_member(predecessor)
        {
            self.node_mut(dot).rules.predecessor_failed(predecessor, notifier);
        }
    }

    pub(crate) fn fail(&mut self, dot: Dot, list_len: usize) {
        *self.node_mut(dot) =
            Node { rules: R::outside(dot, list_len), gone: !self.rejoin, answer: None, notices: 0 };
        self.failures_left -= 1;
    }

    /// Whether the answer to a join gives the list; if not, it leaves nothing behind.
    pub(crate) fn has_a_place_for(&self, dot: Dot) -> bool {
        let mut tried = self.clone();
        tried.take(dot);
        tried.is_member(dot)
    }

    /// Delivers what is under way to and from a node until nothing is.
    pub(crate) fn settle(&mut self, dot: Dot) {
        while self.node(dot).rules.state().asked().is_some() {
            if self.node(dot).answer.is_none() {
                self.ask(dot);
            }
            self.take(dot);
        }
        for to in self.dots() {
            for notifier in self.dots() {
                if self.node(to).notices & 1 << notifier.0 != 0 {
                    self.rectify(to, notifier);
                }
            }
        }
    }
}
