//! Benchmarks: Drizzle beside the programs that people use today, in one run on one machine.
//!
//! A benchmark is a module here; what they all need stands beside: the programs that may be here, statistics, the
//! description of the machine, the page that figures are written to, and the options that all of them have.

mod machine;
mod options;
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
