//! The classic protocol from end to end (S2): the program beside peers and a tracker that know nothing of it, which
//! `classic.py` plays from the protocol's description alone, in both dialects and with the oddities of real ones.
//!
//! Without Python 3 the tests that need it say that they were skipped. Nobody is waited for but by looking until all folders are the
//! same.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "what the tests are written in is shared with other tests")]

#[path = "../e2e/support/mod.rs"]
mod support;

mod folders;
mod native;
mod peers;
mod raw;
mod runs;
