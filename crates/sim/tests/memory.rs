//! What a machine costs that knows a thousand peers and a hundred thousand chunks. Alone in its file: it looks at the
//! memory of the whole process.

use std::time::Duration;

use drizzle_model::{Bitmap, Time};
use drizzle_sim::Random;
use drizzle_swarm::{ChunkSizes, Config, Input, PeerKey, Swarm};

const PEERS: u32 = 1000;
const CHUNKS: u32 = 100_000;
/// The peers' bitmaps are 12.5 MB, and the machine's own counts less than 1 MB; twice as much is a leak.
const MIB_MAX: f64 = 25.0;

/// What the process holds in memory, in MiB.
fn resident_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

fn half(random: &mut Random) -> Bitmap {
    let mut have = Bitmap::empty(CHUNKS);
    for chunk in Bitmap::full(CHUNKS).iter() {
        if random.below(2) == 0 {
            have.insert(chunk);
        }
    }
    have
}

/// Would fail if a list were kept for each chunk or each peer where a bit does.
#[test]
fn a_thousand_peers_and_a_hundred_thousand_chunks_fit_into_25_mib() {
    let Some(before) = resident_mib() else {
        return eprintln!("skipped: this system does not tell what a process holds");
    };
    let mut random = Random::new(1);
    let sizes = ChunkSizes::alike(CHUNKS, 1 << 20);
    let mut machine = Swarm::new(Config::default(), sizes, half(&mut random), 1);
    let mut requests = 0;
    for number in 0..PEERS {
        let now = Time::after_origin(Duration::from_millis(u64::from(number)));
        let have = half(&mut random);
        machine.handle(now, Input::Connected { peer: PeerKey(number), have });
        requests += std::iter::from_fn(|| machine.poll()).count();
    }
    let mib = resident_mib().unwrap_or(f64::MAX) - before;
    println!("{PEERS} peers, {CHUNKS} chunks, {requests} requests: {mib:.1} MiB");
    assert_eq!(machine.peer_count(), PEERS as usize);
    machine.check_invariants().unwrap();
    assert!(mib < MIB_MAX, "{mib:.1} MiB");
}
