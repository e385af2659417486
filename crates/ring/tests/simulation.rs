//! Rings of thousands in simulated time: how long routes are, and what loss, churn, partitions and crashes do.
//!
//! By default they are small enough for a debug build. `RING_SIM=full cargo test --release -p drizzle-ring --test
//! simulation -- --nocapture --test-threads 1` runs them at full size. Each prints its seed; `RING_SEED` replays.

mod support;

use std::time::Duration;

use drizzle_ring::{Config, Input, Operation, Output, Position};
use drizzle_sim::HostId;
use support::{Net, is_full, owner_among, random_position, seed};

const SECOND: Duration = Duration::from_secs(1);

struct LookUp {
    by: HostId,
    operation: Operation,
    target: Position,
    owner: HostId,
}

#[derive(Debug, Default)]
struct Tally {
    right: usize,
    wrong: usize,
    failed: usize,
    open: usize,
    hops: usize,
    silent: usize,
}

impl Tally {
    fn all(&self) -> usize {
        self.right + self.wrong + self.failed + self.open
    }

    fn right_share(&self) -> f64 {
        self.right as f64 / self.all().max(1) as f64
    }

    fn mean_hops(&self) -> f64 {
        self.hops as f64 / self.right.max(1) as f64
    }
}

fn look_up(net: &mut Net) -> LookUp {
    let by = net.any_member();
    let target = random_position(&mut net.random);
    let owner = owner_among(&net.members(), target);
    let operation = net.start(by, |operation| Input::LookUp { operation, target });
    LookUp { by, operation, target, owner }
}

fn count(net: &Net, look_up: &LookUp, tally: &mut Tally) {
    let owner_now = owner_among(&net.members(), look_up.target);
    match net.outcome(look_up.by, look_up.operation) {
        Some(Output::Found { owners, hops, silent, .. }) => {
            let found = owners.first().map(|owner| support::host_of(*owner));
            if found == Some(look_up.owner) || found == Some(owner_now) {
                tally.right += 1;
                tally.hops += hops;
                tally.silent += silent;
            } else {
                tally.wrong += 1;
            }
        }
        Some(_) => tally.failed += 1,
        None => tally.open += 1,
    }
}

fn look_up_all(net: &mut Net, times: usize, patience: Duration) -> Tally {
    let look_ups: Vec<LookUp> = (0..times).map(|_| look_up(net)).collect();
    net.run(patience);
    let mut tally = Tally::default();
    look_ups.iter().for_each(|one| count(net, one, &mut tally));
    tally
}

/// Would fail if fingers pointed wrongly: a ring without them takes hundreds of hops.
#[test]
fn routes_are_logarithmic() {
    let nodes = if is_full() { 10_000 } else { 1_000 };
    let mut net = Net::new(seed(), Config::new);
    net.form(nodes);
    let tally = look_up_all(&mut net, nodes, 10 * SECOND);
    let bound = 0.5 * (nodes as f64).log2() + 1.0;
    println!("{nodes} nodes: {tally:?}, mean hops {:.2}, bound {bound:.2}", tally.mean_hops());
    assert_eq!(tally.right, tally.all());
    assert!(tally.mean_hops() <= bound);
}

/// Would fail if look-ups could not go round the dead, or repair went one dead successor at a time.
#[test]
fn half_of_all_nodes_vanish_at_once() {
    let nodes = if is_full() { 10_000 } else { 600 };
    let mut net = Net::new(seed(), Config::new);
    let mut hosts = net.form(nodes);
    net.run(12 * SECOND);
    let mut random = net.random.clone();
    random.shuffle(&mut hosts);
    for &id in &hosts[..nodes / 2] {
        net.world.crash(id);
    }
    let tally = look_up_all(&mut net, nodes / 2, 10 * SECOND);
    let repaired = net.wrong();
    println!(
        "{nodes} nodes, half gone: {:.3} % right, {tally:?}; wrong after 2 periods (first, predecessor, list): {repaired:?}",
        100.0 * tally.right_share()
    );
    assert!(tally.right_share() >= 0.999);
    assert_eq!(repaired.0, 0);
    let again = look_up_all(&mut net, nodes / 2, 10 * SECOND);
    assert_eq!(again.right, again.all(), "{again:?}");
}
