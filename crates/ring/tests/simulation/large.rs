//! Rings of thousands: how long routes are, and what loss, churn, partitions and crashes do.

use std::time::Duration;

use drizzle_model::Time;
use drizzle_ring::{Config, Input, Operation, Output, Position};
use drizzle_sim::HostId;

use crate::net::Net;
use crate::peer::host_of;
use crate::seed;
use crate::shelved::Shelved;
use crate::stand_ins::random_position;

const SECOND: Duration = Duration::from_secs(1);

struct LookUp {
    by: HostId,
    /// Who it was then: hosts come back as others.
    as_position: Position,
    since: Time,
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
    /// Counts those that have ended or take too long, and keeps the others. Whose seeker is gone does not count.
    fn count_ended(&mut self, net: &Net, look_ups: &mut Vec<LookUp>) {
        let is_alive =
            |one: &LookUp| net.world.is_up(one.by) && net.contact(one.by).position == one.as_position;
        look_ups.retain(|one| {
            let has_ended = net.outcome(one.by, one.operation).is_some();
            let is_late = net.world.now() - one.since > 10 * SECOND;
            if is_alive(one) && (has_ended || is_late) {
                count(net, one, self);
            }
            is_alive(one) && !has_ended && !is_late
        });
    }

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
    let (as_position, since) = (net.contact(by).position, net.world.now());
    LookUp { by, as_position, since, operation, target, owner }
}

fn count(net: &Net, look_up: &LookUp, tally: &mut Tally) {
    let owner_now = owner_among(&net.members(), look_up.target);
    match net.outcome(look_up.by, look_up.operation) {
        Some(Output::Found { owners, hops, silent, .. }) => {
            let found = owners.first().map(|owner| host_of(*owner));
            if found == Some(look_up.owner) || found == Some(owner_now) {
                tally.right += 1;
                tally.hops += hops;
                tally.silent += silent;
            } else {
                tally.wrong += 1;
            }
        }
        Some(other) => {
            println!("{other:?}, sought by {:?} at {:?}", look_up.by, look_up.target);
            tally.failed += 1;
        }
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

/// The member that owns a position, of those in the order of the circle.
fn owner_among(members: &[(Position, HostId)], target: Position) -> HostId {
    let at = members.partition_point(|&(position, _)| position < target);
    members[at % members.len()].1
}

/// Whether the long variants are wanted: `RING_SIM=full`, in release.
fn is_full() -> bool {
    std::env::var("RING_SIM").is_ok_and(|size| size == "full")
}

/// Would fail if anything in the machine depended on more than its inputs: then no failure could be shown again.
#[test]
fn a_seed_replays() {
    let digest = |seed| {
        let mut net = Net::new(seed, Config::new);
        let hosts = net.form(60);
        for &id in &hosts[..20] {
            net.run(SECOND);
            depart(&mut net, id);
            look_up(&mut net);
        }
        net.run(20 * SECOND);
        net.world.digest()
    };
    assert_eq!(digest(seed()), digest(seed()));
    assert_ne!(digest(seed()), digest(seed() + 1));
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
        "{nodes} nodes, half gone: {:.3} % right, {tally:?}; wrong after 2 periods \
         (first, predecessor, list): {repaired:?}",
        100.0 * tally.right_share()
    );
    assert!(tally.right_share() >= 0.999);
    assert_eq!(repaired.0, 0);
    let again = look_up_all(&mut net, nodes / 2, 10 * SECOND);
    assert_eq!(again.right, again.all(), "{again:?}");
}

/// Nodes come and go, with sessions whose median is ten minutes. Would fail if joins took a period to be known, if the
/// dead stayed in lists and fingers, or if upkeep were paid with traffic.
#[test]
fn churn_with_sessions_of_ten_minutes() {
    let (nodes, minutes) = if is_full() { (1_000, 30) } else { (120, 4) };
    let mut net = Net::new(seed(), Config::new);
    let hosts = net.form(nodes);
    let mean_session = 600.0 / std::f64::consts::LN_2;
    let mut leaves_at: Vec<f64> = hosts.iter().map(|_| exponential(&mut net, mean_session)).collect();
    let (mut tally, mut look_ups, mut events) = (Tally::default(), Vec::new(), 0);
    for second in 0..minutes * 60 {
        for (at, &id) in hosts.iter().enumerate() {
            if leaves_at[at] <= f64::from(second) {
                leaves_at[at] = f64::from(second) + exponential(&mut net, mean_session);
                events += 1;
                depart(&mut net, id);
            }
        }
        // One look-up a second for each hundred nodes: what is measured is upkeep, not what users do.
        for tenth in 0..10 {
            if tenth < (nodes / 100).max(1) {
                look_ups.push(look_up(&mut net));
            }
            net.run(SECOND / 10);
            tally.count_ended(&net, &mut look_ups);
        }
    }
    let bytes = net.bytes_sent() as f64 / (nodes as f64 * f64::from(minutes) * 60.0);
    println!(
        "{nodes} nodes, {minutes} min, {events} sessions ended: {:.3} % right of {}, {tally:?}, {bytes:.0} B/s a node",
        100.0 * tally.right_share(),
        tally.all()
    );
    assert!(tally.right_share() >= 0.999);
    assert!(bytes < 1_000.0);
}

/// Every other node says goodbye; the others vanish. Somebody new comes at once.
fn depart(net: &mut Net, id: HostId) {
    if net.random.below(2) == 0 {
        net.input(id, Input::Quit);
    }
    net.world.crash(id);
    net.replace(id);
    let through = net.any_member();
    net.join(id, through);
}

fn exponential(net: &mut Net, mean: f64) -> f64 {
    let uniform = (net.random.below(1 << 53) + 1) as f64 / (1u64 << 53) as f64;
    -mean * uniform.ln()
}

/// Two halves that cannot reach each other for five minutes. Would fail if the halves stayed rings of their own.
#[test]
fn a_partition_heals_into_one_ring() {
    let (nodes, patience) = if is_full() { (10_000, 600) } else { (200, 300) };
    let mut net = Net::new(seed(), Config::new);
    let hosts = net.form(nodes);
    let mut stored = Shelved::default();
    stored.store(&mut net, nodes / 4);
    net.run(20 * SECOND);
    for &id in &hosts[..nodes / 2] {
        net.world.cut_off(id, 1);
    }
    net.run(300 * SECOND);
    net.world.heal();
    let healed_at = net.world.now();
    let wrong = net.run_until_right(patience * SECOND);
    let waited = net.world.now() - healed_at;
    println!("{nodes} nodes in halves for 300 s: one ring after {waited:?}; wrong: {wrong:?}");
    assert_eq!(wrong, (0, 0, 0));
    net.run(60 * SECOND);
    assert_eq!(stored.lost(&mut net), 0);
}

/// A tenth of the nodes vanishes in each hour, at random moments, and as many come. Would fail if replicas were not
/// made anew before the next of the three is gone, or if those that moved on were dropped too soon.
#[test]
fn nothing_is_lost_in_a_week_of_crashes() {
    let (nodes, hours) = if is_full() { (100, 7 * 24) } else { (30, 12) };
    let mut net = Net::new(seed(), Config::new);
    let hosts = net.form(nodes);
    let mut stored = Shelved::default();
    stored.store(&mut net, nodes * 2);
    let mut crashes = 0;
    let mean_between = 3600.0 / (nodes as f64 * 0.1);
    let mut now = 0.0;
    while now < f64::from(hours) * 3600.0 {
        let wait = exponential(&mut net, mean_between);
        net.run(Duration::from_secs_f64(wait));
        now += wait;
        let id = hosts[net.random.below(nodes as u64) as usize];
        net.world.crash(id);
        net.replace(id);
        let through = net.any_member();
        net.join(id, through);
        crashes += 1;
    }
    net.run(120 * SECOND);
    let copies = stored.copies(&net);
    println!("{nodes} nodes, {hours} h, {crashes} crashes: copies (least, mean, most) {copies:?}");
    assert_eq!(stored.lost(&mut net), 0);
    assert_eq!((copies.0, copies.2), (3, 3));
}
