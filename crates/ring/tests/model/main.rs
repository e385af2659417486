//! Every order of events in small rings, explored by a model checker: the rules of `Neighbours`, which the machine
//! itself runs, keep the ring's invariants under joins, failures and returns, and Chord's original rules do not.
//!
//! A state holds each node's neighbours and the message that is under way to it. Asking and being answered are one
//! action, since a query that nobody has answered yet changes nothing but that its sender is busy; taking the answer
//! is another, so anything may happen while it is under way. The environment is Zave's: a node fails only where that
//! leaves everybody a live successor, and r+1 nodes that nobody skips. All else is up to the rules.
//!
//! The default bounds take seconds. `RING_MODEL=full cargo test --release -p drizzle-ring --test model` explores larger
//! ones.

mod explore;
mod laws;
mod mutant;
mod rules;
mod steps;
mod world;

use drizzle_ring::Neighbours;

use explore::{Bounds, broken_laws};
use mutant::{Mutant, Original};
use rules::Dot;

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
