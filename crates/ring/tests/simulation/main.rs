//! Rings in simulated time: a few nodes by number (`scenarios`), thousands of them (`large`), and one among peers that
//! send whatever they like (`hostile`).
//!
//! By default the large ones are small enough for a debug build. `RING_SIM=full cargo test --release -p drizzle-ring
//! --test simulation -- --nocapture --test-threads 1` runs them at full size. Each prints its seed; `RING_SEED`
//! replays.

#![allow(clippy::unwrap_used, clippy::panic)] // A broken scenario is a failed test.

mod hostile;
mod large;
mod net;
mod peer;
mod scenarios;
mod shelved;
mod stand_ins;
mod weight;

/// The seed of a run, which `RING_SEED` sets.
pub(crate) fn seed() -> u64 {
    std::env::var("RING_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_26)
}
