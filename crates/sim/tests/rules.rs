//! What each rule is good for. A slow seed and fast peers: whatever the seed sends twice before everything has left it
//! once delays them all. With all rules the swarm is near the bound; with any one taken away it is not.
//!
//! So each test would fail if its rule were lost from the machine: the swarm would then be as slow with it as without.

#![allow(clippy::unwrap_used)] // A broken scenario is a failed test.

use drizzle_sim::Link;
use drizzle_sim::swarm::{Plan, fluid_bound, run};
use drizzle_swarm::{CountCopies, Policy, TieBreak, UploadOrder};

const MBIT: u64 = 125_000;
/// All rules: at most so much over the bound.
const WITH: f64 = 1.04;
/// Without one of them: at least so much over it.
const WITHOUT: f64 = 1.06;

/// How long the last peer needs, over the bound.
fn reached(seed: u64, policy: Policy) -> f64 {
    let fast = Link::symmetric(100 * MBIT);
    let slow_up = Link { up_bytes_per_s: 20 * MBIT, ..fast };
    let mut plan = Plan::simple(seed, 128, slow_up, [fast; 30]);
    plan.segments = 8;
    plan.uploads = Some(4);
    plan.policy = policy;
    let makespan = run(&plan).unwrap().makespan.expect("all are done");
    makespan.as_secs_f64() / fluid_bound(&plan).as_secs_f64()
}

fn assert_needed(rule: &str, without: Policy) {
    for seed in 1..=5 {
        let (with, without) = (reached(seed, Policy::default()), reached(seed, without));
        println!("seed {seed}: {with:.3} of the bound with the {rule}, {without:.3} without");
        assert!(with <= WITH, "seed {seed}: {with:.3} of the bound with the {rule}");
        assert!(without >= WITHOUT, "seed {seed}: {without:.3} of the bound without the {rule}");
    }
}

/// Would fail if peers that know the same asked for the same.
#[test]
fn the_random_tie_break_is_needed() {
    assert_needed("random tie-break", Policy { tie_break: TieBreak::LowestIndex, ..Policy::default() });
}

/// Would fail if a copy counted only once it has arrived: meanwhile another of the same would leave.
#[test]
fn the_count_of_copies_in_flight_is_needed() {
    assert_needed("in-flight count", Policy { copies: CountCopies::Delivered, ..Policy::default() });
}

/// Would fail if the seed sent what is asked for first, though it has sent it before, and not what never left it.
#[test]
fn the_seed_once_rule_is_needed() {
    assert_needed("seed-once rule", Policy { upload_order: UploadOrder::FirstCome, ..Policy::default() });
}
