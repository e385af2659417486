//! Every order of events in small rings, explored by a model checker: the rules of `Neighbours`, which the machine
//! itself runs, keep the ring's invariants under joins, failures and returns, and Chord's original rules do not.
//!
//! A state holds each node's neighbours and the message that is under way to it. Asking and being answered are one
//! action, since a query that nobody has answered yet changes nothing but that its sender is busy; taking the answer
//! is another, so anything may happen while it is under way. The environment is Zave's: a node fails only where that
//! leaves everybody a live successor, and r+1 nodes that nobody skips. All else is up to the rules.
//!
//! The default bounds take seconds. `RING_MODEL=full cargo test --release -p drizzle-ring --test model` explores larger ones.

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

/// The rules with faults, each of which Chord had as it was first published: to take the successor's predecessor for the
/// own successor without asking it, to join with one successor and no list, and to answer while a query is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Mutant<const UNASKED: bool, const SHORT: bool, const UNBUSY: bool>(Neighbours<Dot>);

type Original = Mutant<true, true, true>;

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
            list[1..].windows(2).all(|pair| between(&pair[0].0, &pair[1].0, &list[0].0))
                && !list[1..].contains(&list[0])
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
        let (Some(from), Some(view)) =
            (self.node(dot).rules.state().asked(), self.node_mut(dot).answer.take())
        else {
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
        *self.node_mut(dot) =
            Node { rules: R::outside(dot, list_len), gone: !self.rejoin, answer: None, notices: 0 };
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
fn broken_laws<R: Rules>(bounds: Bounds) -> Vec<&'static str> {
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

fn is_full() -> bool {
    std::env::var("RING_MODEL").is_ok_and(|size| size == "full")
}

const NONE_BROKEN: Vec<&str> = Vec::new();

/// Lists of two; three members at first; one failure of five.
const BOUNDS: Bounds = Bounds {
    ids: 5,
    members_at_first: 3,
    list_len: 2,
    principals_min: 3,
    failures: 1,
    rejoin: false,
    delays: false,
    hearsay: false,
    converge: false,
};

/// As many failures as leave r+1 nodes.
#[test]
fn seven_nodes_of_which_four_fail() {
    let bounds = Bounds { ids: 7, failures: 4, ..BOUNDS };
    assert_eq!(broken_laws::<Neighbours<Dot>>(bounds), NONE_BROKEN);
}

/// Failed nodes come back under their old ids, while others still list them.
#[test]
fn six_nodes_that_fail_and_return() {
    let bounds = Bounds { ids: 6, failures: 3, rejoin: true, ..BOUNDS };
    assert_eq!(broken_laws::<Neighbours<Dot>>(bounds), NONE_BROKEN);
}

/// Answers and notices take any time, and anything happens while they are under way. Besides, the dead are dropped from
/// the middle of lists, and the ring, left alone at any moment, becomes ideal.
#[test]
fn lists_under_way() {
    let small = Bounds { ids: 4, delays: true, hearsay: true, converge: true, ..BOUNDS };
    assert_eq!(broken_laws::<Neighbours<Dot>>(small), NONE_BROKEN);
    if is_full() {
        let large = Bounds { delays: true, hearsay: true, ..BOUNDS };
        assert_eq!(broken_laws::<Neighbours<Dot>>(large), NONE_BROKEN);
    }
}

/// The ring repairs itself from every state that can be reached.
#[test]
fn left_alone_it_becomes_ideal() {
    let (ids, failures) = if is_full() { (6, 3) } else { (5, 2) };
    let bounds = Bounds { ids, failures, hearsay: true, rejoin: true, converge: true, ..BOUNDS };
    assert_eq!(broken_laws::<Neighbours<Dot>>(bounds), NONE_BROKEN);
}

/// A ring of one, which others join at the same time: less than the proof asks for, but nobody fails.
#[test]
fn a_ring_begins_with_one() {
    let lists_alone = ["a live successor in every list"];
    for list_len in [2, 4] {
        let bounds = Bounds {
            list_len,
            members_at_first: 1,
            principals_min: 1,
            failures: 0,
            converge: true,
            ..BOUNDS
        };
        // One that is alone has no successor; it is the only law that does not hold here.
        assert_eq!(broken_laws::<Neighbours<Dot>>(bounds), lists_alone);
    }
}

/// The model can tell right from wrong: Chord as it was published loses nodes after a single failure.
#[test]
fn the_original_rules_break_the_ring() {
    let broken = broken_laws::<Original>(BOUNDS);
    assert!(broken.contains(&"enough nodes that nobody skips"), "{broken:?}");
    assert!(broken.contains(&"a live successor in every list"), "{broken:?}");
}

/// One fault alone, and the model finds it: a join that does not take the list.
#[test]
fn a_join_without_the_list_breaks_the_ring() {
    let broken = broken_laws::<Mutant<false, true, false>>(BOUNDS);
    assert!(broken.contains(&"a live successor in every list"), "{broken:?}");
}
