//! A thousand random worlds: whatever befalls a swarm, its machines keep their laws at every step, and once the network is
//! whole again everyone gets what is left to be had, and only liars are blamed.
//!
//! Each failure prints the seed of its world. `SWARM_WORLD=seed` plays just this one, `SWARM_WORLDS=number` so many, from
//! `SWARM_FIRST=seed` on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use drizzle_sim::swarm::{chaos, laws_hold, run};

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Says which world it was if a machine panics.
struct Witness(u64);

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("a panic in the world of SWARM_WORLD={}", self.0);
        }
    }
}

fn play(seed: u64) -> Result<u64, String> {
    let _witness = Witness(seed);
    let plan = chaos(seed);
    let outcome = run(&plan).map_err(|failure| failure.to_string())?;
    laws_hold(&plan, &outcome).map(|()| outcome.events)
}

/// Would fail if a request were lost, a queue miscounted, a peer forgotten after it came back, or an honest peer blamed.
#[test]
fn random_worlds_converge() {
    let (first, count) = match from_environment("SWARM_WORLD") {
        Some(seed) => (seed, 1),
        None => {
            (from_environment("SWARM_FIRST").unwrap_or(1), from_environment("SWARM_WORLDS").unwrap_or(1000))
        }
    };
    let (next, events) = (AtomicU64::new(first), AtomicU64::new(0));
    let broken = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    match play(seed) {
                        Ok(handled) => _ = events.fetch_add(handled, Ordering::Relaxed),
                        Err(what) => {
                            eprintln!("SWARM_WORLD={seed}: {what}");
                            broken.lock().unwrap().push(seed);
                        }
                    }
                }
            });
        }
    });
    println!("{count} worlds from seed {first}, {} events", events.into_inner());
    let broken = broken.into_inner().unwrap();
    assert!(
        broken.is_empty(),
        "{} worlds are broken; play one with SWARM_WORLD=seed: {broken:?}",
        broken.len()
    );
}

/// Would fail if anything but the seed decided: the order in a hash map, say, or an address.
#[test]
fn a_seed_replays_its_world_to_the_byte() {
    let digest = |seed| run(&chaos(seed)).unwrap().digest;
    for seed in 1..20 {
        assert_eq!(digest(seed), digest(seed), "SWARM_WORLD={seed}");
    }
    assert_ne!(digest(1), digest(2));
}
