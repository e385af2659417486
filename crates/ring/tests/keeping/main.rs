//! What a node says of what it keeps: others drop their copies on its word, and wait for it.
//!
//! One node is driven by hand, with the test in the place of everybody else.

#![allow(clippy::unwrap_used)] // A broken scenario is a failed test.

mod files;
mod membership;
mod one;
mod operations;
mod shelf;
