//! The least time that any swarm needs.

use std::time::Duration;

use crate::swarm::{Plan, Role};

/// `(M + floor(log2 N))` chunk times: the least for one seed and N leeches with equal links (Mundinger, Weber, Weiss 2008).
pub fn chunk_bound(plan: &Plan) -> Duration {
    let rate = plan.peers.first().map_or(1, |seed| seed.link.up_bytes_per_s);
    let leeches = plan.peers.iter().filter(|peer| peer.role == Role::Leech).count() as u32;
    let chunk_times = plan.chunks + leeches.checked_ilog2().unwrap_or(0);
    Duration::from_secs_f64(f64::from(chunk_times) * f64::from(plan.chunk_bytes) / rate as f64)
}

/// `max(F/u_s, F/d_min, N*F/(u_s + sum u_i))`: the least for any links, if content were a fluid (Kumar and Ross 2006).
pub fn fluid_bound(plan: &Plan) -> Duration {
    let size = f64::from(plan.chunks) * f64::from(plan.chunk_bytes);
    let is_seed = |role| role == Role::Seed;
    let leeches = plan.peers.iter().filter(|peer| !is_seed(peer.role));
    let down_min = leeches.clone().map(|peer| peer.link.down_bytes_per_s).min().unwrap_or(u64::MAX) as f64;
    let seeds_up: u64 =
        plan.peers.iter().filter(|peer| is_seed(peer.role)).map(|peer| peer.link.up_bytes_per_s).sum();
    let leeches_up: u64 = leeches.clone().map(|peer| peer.link.up_bytes_per_s).sum();
    let together = leeches.count() as f64 * size / (seeds_up + leeches_up) as f64;
    Duration::from_secs_f64((size / seeds_up as f64).max(size / down_min).max(together))
}
