//! Swarms and rings of real processes on hosts of the lab, and what they withstand: sources that vanish, lie or fall silent, a
//! tracker that dies, a network that is cut, a peer that is killed.
//!
//! Where no lab can be made, every test says so and passes. Nothing here sleeps and hopes: what is to happen in the middle of a
//! transfer happens at an event of a process. The one wait is that for a network that is to be away for a while.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod binary;
mod ground;

mod itself;
mod nearby;
mod outages;
mod rings;
mod sources;
