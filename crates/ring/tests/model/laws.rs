//! What is true of every state, whatever happened before; and what comes of a state that is left alone.

use drizzle_ring::{Neighbours, between};

use crate::rules::{Beginning, Dot, Rules};
use crate::world::World;

impl<R: Rules> World<R> {
    /// Visits the lists of the members, and those that are on their way to become one; each behind its owner.
    fn all_lists(&self, holds: impl Fn(&[Dot]) -> bool) -> bool {
        let mut list = Vec::with_capacity(self.list_len + 2);
        self.dots().all(|dot| {
            let node = self.node(dot);
            let (hood, under_way) =
                (node.rules.state(), node.answer.as_ref().zip(node.rules.state().asked()));
            let mut held = true;
            if hood.is_member() {
                list.clear();
                list.push(dot);
                list.extend_from_slice(hood.successors());
                held = holds(&list);
            }
            if let Some((view, from)) = under_way {
                list.clear();
                list.extend(hood.is_member().then_some(dot));
                list.push(from);
                list.extend_from_slice(&view.successors);
                list.truncate(self.list_len + 1);
                held &= holds(&list);
            }
            held
        })
    }

    pub(crate) fn principals(&self) -> usize {
        let unskipped = |dot: Dot| {
            self.all_lists(|list| list.windows(2).all(|pair| !between(&pair[0].0, &dot.0, &pair[1].0)))
        };
        self.dots().filter(|&dot| self.is_member(dot) && unskipped(dot)).count()
    }

    pub(crate) fn everybody_has_a_live_successor(&self) -> bool {
        self.all_lists(|list| list[1..].iter().any(|&entry| self.is_member(entry)))
    }

    pub(crate) fn goes_clockwise(&self) -> bool {
        self.all_lists(|list| {
            list[1..].windows(2).all(|pair| between(&pair[0].0, &pair[1].0, &list[0].0))
                && !list[1..].contains(&list[0])
        })
    }

    /// With no more trouble, some rounds in which everybody stabilizes make it the ideal ring.
    pub(crate) fn converges(&self, list_len: usize) -> bool {
        let mut world = self.clone();
        for _ in 0..3 * world.nodes.len() + 3 {
            for dot in world.dots() {
                world.settle(dot);
                if world.is_member(dot) {
                    world.begin(dot, Beginning::Stabilize);
                }
                world.settle(dot);
            }
        }
        let members: Vec<Dot> = world.dots().filter(|&dot| world.is_member(dot)).collect();
        members.iter().all(|&dot| {
            let ideal = Neighbours::among(dot, list_len, &members);
            let real = world.node(dot).rules.state();
            real.successors() == ideal.successors() && real.predecessor() == ideal.predecessor()
        })
    }
}
