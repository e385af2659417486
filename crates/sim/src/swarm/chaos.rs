//! Random worlds: a seed decides who takes part and what befalls them.
//!
//! First anything may happen: peers come, leave, crash, vanish, come back, are cut off from each other, and their links
//! change; some of them lie, boast or stall from the start. Then the network heals, and what is left must converge.

use std::time::Duration;

use drizzle_swarm::Policy;

use crate::swarm::{Behaviour, PeerPlan, Plan, Role, Step};
use crate::{HostId, Link, Random};

const MBIT: u64 = 125_000;
/// Nothing befalls a swarm after this time.
const CHAOS_MS: u64 = 20_000;
/// Afterwards it has so long to converge: a peer that owes something and sends nothing is dropped after a minute, one
/// after the other where there are several.
const PEACE: Duration = Duration::from_secs(1800);

/// The plan of the random world of this seed.
pub fn chaos(seed: u64) -> Plan {
    let mut random = Random::new(seed);
    let count = 2 + small(&mut random, 39);
    let peers: Vec<_> = (0..count).map(|number| peer(&mut random, number)).collect();
    let steps = steps(&mut random, count as u32);
    Plan {
        seed,
        chunks: 1 + small(&mut random, 96) as u32,
        chunk_bytes: 64 << 10,
        segments: [1, 2, 8][random.below(3) as usize],
        neighbours: 2 + random.below(20) as u32,
        peers,
        steps,
        policy: Policy::default(),
        uploads: None,
        gather: Duration::from_millis([0, 0, 20][(seed % 3) as usize]),
        is_checking: true,
        give_up_after: Duration::from_millis(CHAOS_MS) + PEACE,
    }
}

/// A number below `bound`, more often a small one.
fn small(random: &mut Random, bound: u64) -> usize {
    let most = random.below(bound) + 1;
    random.below(most) as usize
}

/// The first peer is an honest seed; the others may be anything.
fn peer(random: &mut Random, number: usize) -> PeerPlan {
    let (role, behaviour) = match (number, random.below(20)) {
        (0, _) => (Role::Seed, Behaviour::Honest),
        (_, 0) => (Role::Seed, Behaviour::WrongBytes),
        (_, 1) => (Role::Seed, Behaviour::Boasts),
        (_, 2) => (Role::Seed, Behaviour::StallsAfter(random.below(5) as u32)),
        (_, 3) => (Role::Seed, Behaviour::Honest),
        (_, 4 | 5) => (Role::Partial(random.below(100) as u32), Behaviour::Honest),
        _ => (Role::Leech, Behaviour::Honest),
    };
    let is_late = number > 0 && random.below(4) == 0;
    let joins_at = Duration::from_millis(if is_late { random.below(CHAOS_MS) } else { 0 });
    PeerPlan { link: link(random), role, behaviour, joins_at }
}

fn link(random: &mut Random) -> Link {
    let mut rate = || [1, 5, 20, 100, 1000][random.below(5) as usize] * MBIT;
    let (up_bytes_per_s, down_bytes_per_s) = (rate(), rate());
    let latency = Duration::from_millis([0, 1, 10, 100][random.below(4) as usize]);
    Link { up_bytes_per_s, down_bytes_per_s, latency, loss_ppm: 0, jitter: Duration::ZERO }
}

fn steps(random: &mut Random, hosts: u32) -> Vec<(Duration, Step)> {
    let mut steps = Vec::new();
    for _ in 0..small(random, 12) {
        let at = Duration::from_millis(random.below(CHAOS_MS));
        let id = HostId(random.below(u64::from(hosts)) as u32);
        let step = match random.below(7) {
            0 => Step::Crash(id),
            1 => Step::Vanish(id),
            2 => Step::Leave(id),
            3 => Step::Restart(id),
            4 => Step::CutOff(id, 1 + random.below(2) as u32),
            5 => Step::Heal,
            _ => Step::Relink(id, link(random)),
        };
        steps.push((at, step));
    }
    steps.sort_by_key(|(at, _)| *at);
    steps.push((Duration::from_millis(CHAOS_MS), Step::Heal));
    steps
}
