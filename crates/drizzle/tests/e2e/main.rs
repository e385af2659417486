//! The program from end to end: real processes over loopback sockets and real disks, driven as scripts drive it.
//!
//! What is checked is what a stranger can rely on: exit codes, the events of `--json`, what lies on the disk, and that
//! none of it changes however things go wrong. Nothing here sleeps and hopes: a test waits for an event of a process, and fails when
//! it does not come in time. Some tests need root (other users, a disk that is full); without it they say so and pass.
//!
//! The whole of the Rust toolchain that runs here is shared and fetched by
//!
//! ```text
//! DRIZZLE_E2E_WHOLE=1 cargo test --release -p drizzle --test e2e -- --nocapture the_toolchain
//! ```
//!
//! and a slice of it always.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

mod asking;
mod folders;
mod leaving;
mod resuming;
mod settings;
