//! The program from end to end: real processes over loopback sockets and real disks, as scripts drive it.
//!
//! What is checked is what a stranger can rely on: exit codes, the events of `--json`, what lies on the disk, and
//! that nothing is lost or believed however things go wrong. Nothing here sleeps and hopes: a test waits for an
//! event of a process, and fails when it does not come in time. Some tests need root, to be another user or to fill
//! a small disk; without it they say so and pass.
//!
//! A slice of the Rust toolchain that runs here is shared and fetched always, the whole of it by
//!
//! ```text
//! DRIZZLE_E2E_WHOLE=1 cargo test --release -p drizzle --test e2e -- --nocapture the_toolchain
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

mod asking;
mod bad_words;
mod crashes;
mod crowd;
mod disks;
mod folders;
mod leaving;
mod liars;
mod resuming;
mod settings;
mod strangers;
mod toolchain;
mod trackers;
mod watching;
mod ways_out;
