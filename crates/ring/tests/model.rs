//! Every order of events in small rings, explored by a model checker: the rules of `Neighbours`, which the machine
//! itself runs, keep the ring's invariants under joins, failures and returns, and Chord's original rules do not.
//!
//! A state holds each node's neighbours and the message that is under way to it. Asking and being answered are one
//! action, since a query that nobody has answered yet changes nothing but that its sender is busy; taking the answer
//! is another, so anything may happen while it is under way. The environment is Zave's: a node fails only where that
//! leaves everybody a live successor, and r+1 nodes that nobody skips. All else is up to the rules.
//!
//! The default bounds take seconds in a debug build. `RING_MODEL=full cargo test --release --test model` explores
//! the larger ones.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use drizzle_ring::{Neighbours, Pointer, Rectified, Step, View, between};
use stateright::{Checker, Model, Property};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Dot(u8);

impl Pointer for Dot {
    type Id = u8;

    fn id(&self) -> u8 {
        self.0
    }
}

/// What the model needs of a set of rules: the machine's own, or a mutant's.
trait Rules: Clone + Debug + Eq + Hash + Send + Sync + 'static {
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
enum Beginning {
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

/// A node, and what is under way to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node<R> {
    rules: R,
    gone: bool,
    answer: Option<View<Dot>>,
    /// Who has sent a notice, a bit for each.
    notices: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct World<R> {
    nodes: Vec<Node<R>>,
    failures_left: u8,
    list_len: usize,
    delays: bool,
    rejoin: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Event {
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

struct Bounds {
    ids: u8,
    /// Members at the beginning: every ideal ring of so many or more of the ids.
    members_at_first: usize,
    list_len: usize,
    /// How many principal members the environment leaves alive.
    principals_min: usize,
    failures: u8,
    rejoin: bool,
    delays: bool,
    hearsay: bool,
    converge: bool,
}

struct Small<R> {
    bounds: Bounds,
    rules: std::marker::PhantomData<R>,
}

/// Turning the circle changes nothing, so a state and its turns count as one: the least of their writings is hashed.
impl<R: Rules> Hash for World<R> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let ids = self.nodes.len();
        let least = (0..ids).map(|turn| self.written(turn)).min();
        least.hash(hasher);
        self.failures_left.hash(hasher);
    }
}

impl<R: Rules> World<R> {
    /// All that tells two states apart, as if each id were `turn` less.
    fn written(&self, turn: usize) -> Vec<u8> {
        let ids = self.nodes.len();
        let turned = |dot: Dot| ((usize::from(dot.0) + ids - turn) % ids) as u8;
        let named = |dot: Option<Dot>| dot.map_or(0xff, turned);
        let mut bytes = Vec::with_capacity(ids * 16);
        for i in 0..ids {
            let node = &self.nodes[(i + turn) % ids];
            let hood = node.rules.state();
            bytes.extend([0xf0 | u8::from(node.gone) << 1 | u8::from(hood.is_member())]);
            bytes.extend([named(hood.predecessor()), named(hood.asked())]);
            bytes.extend(hood.successors().iter().map(|&dot| turned(dot)));
            if let Some(view) = &node.answer {
                bytes.extend([0xfe, named(view.predecessor)]);
                bytes.extend(view.successors.iter().map(|&dot| turned(dot)));
            }
            let notices = (0..ids).filter(|from| node.notices & 1 << from != 0);
            bytes.push(notices.fold(0, |bits, from| bits | 1 << turned(Dot(from as u8))));
        }
        bytes
    }

    fn node(&self, dot: Dot) -> &Node<R> {
        &self.nodes[usize::from(dot.0)]
    }

    fn node_mut(&mut self, dot: Dot) -> &mut Node<R> {
        &mut self.nodes[usize::from(dot.0)]
    }

    fn dots(&self) -> impl Iterator<Item = Dot> + use<R> {
        (0..self.nodes.len() as u8).map(Dot)
    }

    fn is_member(&self, dot: Dot) -> bool {
        self.node(dot).rules.state().is_member()
    }

    /// Visits the lists of the members, and those that are on their way to become one; each behind its owner.
    fn all_lists(&self, holds: impl Fn(&[Dot]) -> bool) -> bool {
        let mut list = Vec::with_capacity(self.list_len + 2);
        self.dots().all(|dot| {
            let node = self.node(dot);
            let (hood, under_way) = (node.rules.state(), node.answer.as_ref().zip(node.rules.state().asked()));
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

    fn principals(&self) -> usize {
        let unskipped = |dot: Dot| {
            self.all_lists(|list| list.windows(2).all(|pair| !between(&pair[0].0, &dot.0, &pair[1].0)))
        };
        self.dots().filter(|&dot| self.is_member(dot) && unskipped(dot)).count()
    }

    fn everybody_has_a_live_successor(&self) -> bool {
        self.all_lists(|list| list[1..].iter().any(|&entry| self.is_member(entry)))
    }

    fn goes_clockwise(&self) -> bool {
        self.all_lists(|list| {
            list[1..].windows(2).all(|pair| between(&pair[0].0, &pair[1].0, &list[0].0)) && !list[1..].contains(&list[0])
        })
    }

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

    fn begin(&mut self, dot: Dot, beginning: Beginning) {
        let step = self.node_mut(dot).rules.start(beginning);
        if let Step::Ask(_) = step {
            self.ask(dot);
        }
    }

    fn ask(&mut self, dot: Dot) {
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

    fn take(&mut self, dot: Dot) {
        let (Some(from), Some(view)) = (self.node(dot).rules.state().asked(), self.node_mut(dot).answer.take()) else {
            return;
        };
        let step = self.node_mut(dot).rules.answered(from, view);
        self.follow(dot, step);
    }

    fn rectify(&mut self, dot: Dot, notifier: Dot) {
        self.node_mut(dot).notices &= !(1 << notifier.0);
        if let Rectified::Check(predecessor) = self.node_mut(dot).rules.rectify(notifier)
            && !self.is_member(predecessor)
        {
            self.node_mut(dot).rules.predecessor_failed(predecessor, notifier);
        }
    }

    fn fail(&mut self, dot: Dot, list_len: usize) {
        *self.node_mut(dot) = Node { rules: R::outside(dot, list_len), gone: !self.rejoin, answer: None, notices: 0 };
        self.failures_left -= 1;
    }

    /// Whether the answer to a join gives the list; if not, it leaves nothing behind.
    fn has_a_place_for(&self, dot: Dot) -> bool {
        let mut tried = self.clone();
        tried.take(dot);
        tried.is_member(dot)
    }

    /// With no more trouble, some rounds in which everybody stabilizes make it the ideal ring.
    fn converges(&self, list_len: usize) -> bool {
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

    /// Delivers what is under way to and from a node until nothing is.
    fn settle(&mut self, dot: Dot) {
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

impl<R: Rules> Model for Small<R> {
    type State = World<R>;
    type Action = Event;

    fn init_states(&self) -> Vec<World<R>> {
        let sets = 0u16..1 << self.bounds.ids;
        // Turning the circle changes nothing, so the ring that has id 0 stands for its turns.
        let sets = sets.filter(|set| set & 1 == 1 && set.count_ones() as usize == self.bounds.members_at_first);
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
            World { nodes: (0..self.bounds.ids).map(node).collect(), failures_left: self.bounds.failures, list_len: self.bounds.list_len, delays: self.bounds.delays, rejoin: self.bounds.rejoin }
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
            events.extend(world.dots().filter(|from| node.notices & 1 << from.0 != 0).map(|n| Event::Rectify(dot, n)));
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
            properties.push(Property::always("left alone, it becomes the ideal ring", |model: &Self, world: &World<R>| {
                world.converges(model.bounds.list_len)
            }));
        }
        properties
    }
}

fn check<R: Rules>(bounds: Bounds) -> (usize, Vec<&'static str>) {
    let started = std::time::Instant::now();
    let model = Small::<R> { bounds, rules: std::marker::PhantomData };
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states, depth {}, {:?}", checker.unique_state_count(), checker.max_depth(), started.elapsed());
    for (name, path) in checker.discoveries() {
        println!("{name}: {:#?} {:#?}", path.clone().into_actions(), path.last_state());
    }
    (checker.unique_state_count(), checker.discoveries().into_keys().collect())
}

fn full() -> bool {
    std::env::var("RING_MODEL").is_ok_and(|size| size == "full")
}

#[test]
fn try_it() {
    let v = |n: &str, d: u8| std::env::var(n).ok().and_then(|s| s.parse().ok()).unwrap_or(d);
    let r = check::<Neighbours<Dot>>(Bounds {
        ids: v("IDS", 5), members_at_first: v("FIRST", 3).into(), list_len: v("R", 2).into(), principals_min: v("PMIN", 3).into(),
        failures: v("FAILS", 1), rejoin: v("REJOIN", 0) == 1, delays: v("DELAYS",0)==1, hearsay: v("HEAR",0)==1, converge: v("CONV", 0) == 1,
    });
    println!("{r:?} {}", full());
}
