//! What the project runs on itself: tidy checks, benchmarks, and a lab of hosts whose links have rates of their own.
//!
//! `cargo xtask --help` says what can be asked. What tests drive by themselves is open to them: [`lab`] with its hosts,
//! and [`stage`] with processes, folders and content that never outlive a run.

mod bench;
mod cli;
pub mod lab;
pub mod stage;
mod tidy;
mod workspace;

pub use cli::run;
