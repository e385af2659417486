//! Rings of real processes over loopback sockets: they form and heal, keep files, and stand in the tracker's place.
//!
//! Each test waits for what a process says or answers, never for time alone; what must settle by itself (a ring that heals) is
//! asked for again until it is so, and fails when that takes too long. The large one runs in full with
//!
//! ```text
//! DRIZZLE_RING_WHOLE=1 cargo test --release -p drizzle --test ring -- --nocapture crowd
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, unused_imports, reason = "the other tests use more of it")]
#[path = "../e2e/support/mod.rs"]
mod support;

mod crowd;
mod discovery;
mod life;
mod rings;
mod strangers;
