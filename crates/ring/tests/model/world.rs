//! A state of the model: each node with its neighbours and what is under way to it, and when two states count as one.

use std::hash::{Hash, Hasher};

use drizzle_ring::View;

use crate::rules::{Dot, Rules};

/// A node, and what is under way to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node<R> {
    pub(crate) rules: R,
    pub(crate) gone: bool,
    pub(crate) answer: Option<View<Dot>>,
    /// Who has sent a notice, a bit for each.
    pub(crate) notices: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World<R> {
    pub(crate) nodes: Vec<Node<R>>,
    pub(crate) failures_left: u8,
    pub(crate) list_len: usize,
    pub(crate) delays: bool,
    pub(crate) rejoin: bool,
}

/// Turning the circle changes nothing, so a state and its turns count as one. Each node is written with the others' ids
/// relative to its own; of the nodes' writings the turn that comes first is hashed.
impl<R: Rules> Hash for World<R> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let mut written = [0; IDS_MAX];
        let ids = self.nodes.len();
        for (writing, dot) in written.iter_mut().zip(self.dots()) {
            *writing = self.written(dot);
        }
        let turn = |by: usize| written[by..ids].iter().chain(&written[..by]);
        let first = (1..ids).fold(0, |first, by| if turn(by).lt(turn(first)) { by } else { first });
        turn(first).for_each(|writing| writing.hash(hasher));
        self.failures_left.hash(hasher);
    }
}

/// So many ids that one, or none, fits three bits.
const IDS_MAX: usize = 7;

impl<R: Rules> World<R> {
    /// All that tells a node's states apart, three bits for each id.
    fn written(&self, dot: Dot) -> u64 {
        let ids = self.nodes.len() as u8;
        let named = |other: Option<&Dot>| other.map_or(7, |other| u64::from((other.0 + ids - dot.0) % ids));
        // A list is closed by a name of nobody, so that no two lists are written alike.
        let listed = |bits: u64, list: &[Dot]| {
            list.iter().map(Some).chain([None]).fold(bits, |bits, other| bits << 3 | named(other))
        };
        let node = self.node(dot);
        let hood = node.rules.state();
        let mut bits = 4 | u64::from(node.gone) << 1 | u64::from(hood.is_member());
        bits = bits << 6 | named(hood.predecessor().as_ref()) << 3 | named(hood.asked().as_ref());
        bits = listed(bits, hood.successors());
        if let Some(view) = &node.answer {
            bits = listed(bits << 3 | named(view.predecessor.as_ref()), &view.successors);
        }
        let notices = self.dots().filter(|from| node.notices & 1 << from.0 != 0);
        bits << IDS_MAX | notices.fold(0, |bits, from| bits | 1 << named(Some(&from)))
    }

    pub(crate) fn node(&self, dot: Dot) -> &Node<R> {
        &self.nodes[usize::from(dot.0)]
    }

    pub(crate) fn node_mut(&mut self, dot: Dot) -> &mut Node<R> {
        &mut self.nodes[usize::from(dot.0)]
    }

    pub(crate) fn dots(&self) -> impl Iterator<Item = Dot> + use<R> {
        (0..self.nodes.len() as u8).map(Dot)
    }

    pub(crate) fn is_member(&self, dot: Dot) -> bool {
        self.node(dot).rules.state().is_member()
    }
}
