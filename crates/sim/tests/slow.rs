//! Peers that are slow on purpose, or no longer there: what they hold, a chunk or an upload place, is not held for long.

#![allow(clippy::unwrap_used)] // A broken scenario is a failed test.

use std::time::Duration;

use drizzle_sim::swarm::{Behaviour, Outcome, PeerPlan, Plan, Role, Step, run};
use drizzle_sim::{HostId, Link};

const MBIT: u64 = 125_000;
const FAST: Link = Link::symmetric(100 * MBIT);
/// 4 kB a second: with segments of 4 KiB, one a second, so that it never falls silent for long.
const CREEPING: u64 = 4 << 10;

fn peer(role: Role, link: Link) -> PeerPlan {
    PeerPlan { link, role, behaviour: Behaviour::Honest, joins_at: Duration::ZERO }
}

fn plan(peers: Vec<PeerPlan>) -> Plan {
    let mut plan = Plan::simple(7, 256, FAST, []);
    plan.segments = 256;
    plan.is_checking = false;
    plan.peers = peers;
    plan
}

/// The leech is host 0; it has this many honest sources, and one that is like `bad`.
fn with_sources(honest: usize, bad: Option<PeerPlan>) -> Plan {
    let slow_seed = peer(Role::Seed, Link::symmetric(20 * MBIT));
    let sources = std::iter::repeat_n(slow_seed, honest).chain(bad);
    plan(std::iter::once(peer(Role::Leech, FAST)).chain(sources).collect())
}

/// When the leech was done: it is the only one that was not at the start.
fn done_after(outcome: &Outcome) -> Duration {
    *outcome.completed.last().unwrap()
}

fn delay(with: &Plan, without: &Plan) -> Duration {
    let (with, without) = (run(with).unwrap(), run(without).unwrap());
    println!("{:?} instead of {:?}", done_after(&with), done_after(&without));
    assert_eq!((with.unfinished, without.unfinished), (0, 0));
    done_after(&with).saturating_sub(done_after(&without))
}

/// Would fail if the chunks that the source owes were waited for until its connection closes.
#[test]
fn a_source_that_stalls_without_closing_delays_by_less_than_three_seconds() {
    let mut bad = peer(Role::Seed, Link::symmetric(20 * MBIT));
    for chunks in [0, 1, 20] {
        bad.behaviour = Behaviour::StallsAfter(chunks);
        let delay = delay(&with_sources(3, Some(bad)), &with_sources(3, None));
        assert!(delay < Duration::from_secs(3), "after {chunks} chunks: {delay:?}");
    }
}

/// Would fail if a byte now and then were enough for a source to keep the chunks that it has begun.
#[test]
fn a_source_that_creeps_delays_by_less_than_three_seconds() {
    for (ms, sources) in [(0, 3), (3_000, 3), (20_000, 3), (33_000, 3), (3_000, 1)] {
        let mut creeping = with_sources(sources, Some(peer(Role::Seed, Link::symmetric(20 * MBIT))));
        let slow = Link { up_bytes_per_s: CREEPING, ..FAST };
        let bad = HostId(sources as u32 + 1);
        creeping.steps.push((Duration::from_millis(ms), Step::Relink(bad, slow)));
        let delay = delay(&creeping, &with_sources(sources, None));
        assert!(delay < Duration::from_secs(3), "from {ms} ms on: {delay:?}");
    }
}

/// Would fail if chunks that were begun and creep counted as enough to do: with as many creeping sources as a download
/// needs to be busy, the honest one would never be asked.
#[test]
fn sources_that_creep_do_not_keep_an_honest_one_from_being_asked() {
    let mut creeping = with_sources(1, None);
    let slow = Link { up_bytes_per_s: CREEPING, ..FAST };
    creeping.peers.extend([peer(Role::Seed, slow); 8]);
    let delay = delay(&creeping, &with_sources(1, None));
    assert!(delay < Duration::from_secs(25), "{delay:?}");
}

/// Would fail if an upload kept its place for as long as its reader likes: the readers that creep come first, and take all
/// places there are.
#[test]
fn readers_that_creep_do_not_keep_the_places() {
    let creeping = Link { down_bytes_per_s: 2 << 10, ..FAST };
    let mut plan = plan(vec![peer(Role::Seed, FAST)]);
    plan.chunks = 64;
    plan.segments = 16;
    plan.peers.extend([peer(Role::Leech, creeping); 12]);
    let mut fast = peer(Role::Leech, FAST);
    fast.joins_at = Duration::from_secs(2);
    plan.peers.extend([fast; 4]);
    plan.give_up_after = Duration::from_secs(120);
    let outcome = run(&plan).unwrap();
    let done: Vec<_> = outcome.completed.iter().filter(|at| !at.is_zero()).collect();
    println!("{done:?}");
    assert_eq!(done.len(), 4, "the honest leeches are done, and nobody else");
    assert!(done.iter().all(|at| **at < Duration::from_secs(60)), "{done:?}");
}

/// Would fail if an upload to a machine that vanished kept its place: nobody says that it is over.
#[test]
fn readers_that_vanish_do_not_keep_the_places() {
    let mut plan = plan(vec![peer(Role::Seed, FAST)]);
    plan.segments = 16;
    plan.peers.extend([peer(Role::Leech, FAST); 8]);
    let vanish = |number| (Duration::from_millis(500), Step::Vanish(HostId(number)));
    plan.steps.extend((1..=6).map(vanish));
    let outcome = run(&plan).unwrap();
    assert_eq!((outcome.unfinished, outcome.is_whole), (0, true));
    let last = outcome.makespan.unwrap();
    println!("{last:?}");
    assert!(last < Duration::from_secs(45), "{last:?}");
}
