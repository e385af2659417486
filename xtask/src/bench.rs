//! Benchmarks: Drizzle beside the programs that people use today, in one run on one machine.
//!
//! A benchmark is a module here; what they all need stands beside: the programs that may be here, statistics, the
//! description of the machine, and the page that figures are written to.

mod machine;
mod page;
mod port;
mod program;
mod python;
pub(crate) mod ring;
mod statistics;
mod subject;
pub(crate) mod swarm;
mod tables;
pub(crate) mod tracker;
pub(crate) mod transfer;
mod usage;
