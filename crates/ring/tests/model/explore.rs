//! What may happen in a state, within bounds, and the search through every order of it.

use stateright::{Checker, Model, Property};

use crate::rules::{Beginning, Dot, Rules};
use crate::world::{Node, World};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A node begins, and whom it asks answers, is busy, or is gone.
    Begin(Dot, Beginning),
    /// The second question of a stabilization is answered likewise.
    Ask(Dot),
    /// The answer arrives.
    Take(Dot),
    /// A notice arrives.
    Rectify(Dot, Dot),
    /// A node finds, outside any query, that another is gone.
    Notice(Dot, Dot),
    Fail(Dot),
}

pub(crate) struct Bounds {
    pub(crate) ids: u8,
    /// Members at the beginning: every ideal ring of so many or more of the ids.
    pub(crate) members_at_first: usize,
    pub(crate) list_len: usize,
    /// How many principal members the environment leaves alive.
    pub(crate) principals_min: usize,
    pub(crate) failures: u8,
    pub(crate) rejoin: bool,
    pub(crate) delays: bool,
    pub(crate) hearsay: bool,
    pub(crate) converge: bool,
}

struct Small<R> {
    bounds: Bounds,
    rules: std::marker::PhantomData<R>,
}

impl<R: Rules> Model for Small<R> {
    type State = World<R>;
    type Action = Event;

    fn init_states(&self) -> Vec<World<R>> {
        let sets = 0u16..1 << self.bounds.ids;
        // Turning the circle changes nothing, so the ring that has id 0 stands for its turns.
        let sets =
            sets.filter(|set| set & 1 == 1 && set.count_ones() as usize == self.bounds.members_at_first);
        let world = |set: u16| {
            let members: Vec<Dot> = (0..self.bounds.ids).filter(|i| set & 1 << i != 0).map(Dot).collect();
            let node = |i| {
                let dot = Dot(i);
                let rules = if members.contains(&dot) {
                    R::among(dot, self.bounds.list_len, &members)
                } else {
                    R::outside(dot, self.bounds.list_len)
                };
                Node { rules, gone: false, answer: None, notices: 0 }
            };
            World {
                nodes: (0..self.bounds.ids).map(node).collect(),
                failures_left: self.bounds.failures,
                list_len: self.bounds.list_len,
                delays: self.bounds.delays,
                rejoin: self.bounds.rejoin,
            }
        };
        sets.map(world).collect()
    }

    fn actions(&self, world: &World<R>, events: &mut Vec<Event>) {
        for dot in world.dots() {
            let node = world.node(dot);
            let hood = node.rules.state();
            let may_join = !node.gone && !hood.is_member() && node.answer.is_none();
            if may_join {
                let hosts = world.dots().filter(|&at| world.is_member(at));
                events.extend(hosts.map(|at| Event::Begin(dot, Beginning::Join(at))));
            }
            if hood.is_member() && hood.asked().is_none() {
                events.push(Event::Begin(dot, Beginning::Stabilize));
            }
            match (&node.answer, hood.asked()) {
                (Some(_), _) => events.push(Event::Take(dot)),
                (None, Some(_)) => events.push(Event::Ask(dot)),
                _ => {}
            }
            events.extend(
                world.dots().filter(|from| node.notices & 1 << from.0 != 0).map(|n| Event::Rectify(dot, n)),
            );
            let gone = hood.successors().iter().filter(|&&entry| !world.is_member(entry));
            if self.bounds.hearsay {
                events.extend(gone.map(|&entry| Event::Notice(dot, entry)));
            }
            if hood.is_member() && world.failures_left > 0 {
                events.push(Event::Fail(dot));
            }
        }
    }

    fn next_state(&self, last: &World<R>, event: Event) -> Option<World<R>> {
        let mut world = last.clone();
        match event {
            Event::Begin(dot, beginning) => {
                world.node_mut(dot).gone = false;
                world.begin(dot, beginning);
                if !world.is_member(dot) && !world.has_a_place_for(dot) {
                    return None;
                }
            }
            Event::Ask(dot) => world.ask(dot),
            Event::Take(dot) => world.take(dot),
            Event::Rectify(dot, notifier) => world.rectify(dot, notifier),
            Event::Notice(dot, gone) => world.node_mut(dot).rules.lost(gone),
            Event::Fail(dot) => {
                world.fail(dot, self.bounds.list_len);
                let bearable = world.everybody_has_a_live_successor()
                    && world.principals() >= self.bounds.principals_min;
                return bearable.then_some(world);
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("enough nodes that nobody skips", |model: &Self, world: &World<R>| {
                world.principals() >= model.bounds.principals_min
            }),
            Property::always("a live successor in every list", |_, world: &World<R>| {
                world.everybody_has_a_live_successor()
            }),
            Property::always("every list goes clockwise", |_, world: &World<R>| world.goes_clockwise()),
        ];
        if self.bounds.converge {
            properties.push(Property::always(
                "left alone, it becomes the ideal ring",
                |model: &Self, world: &World<R>| world.converges(model.bounds.list_len),
            ));
        }
        properties
    }
}

/// Explores every order of events, and gives the laws that some order breaks.
pub(crate) fn broken_laws<R: Rules>(bounds: Bounds) -> Vec<&'static str> {
    let started = std::time::Instant::now();
    let model = Small::<R> { bounds, rules: std::marker::PhantomData };
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!(
        "{} states, {} steps deep, {:?}",
        checker.unique_state_count(),
        checker.max_depth(),
        started.elapsed()
    );
    for (law, path) in checker.discoveries() {
        println!("{law}: {:?}", path.into_actions());
    }
    checker.discoveries().into_keys().collect()
}
