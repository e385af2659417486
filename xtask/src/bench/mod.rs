//! Benchmarks: Drizzle beside the programs that people use today, in one run on one machine.
//!
//! A benchmark is a directory beside `transfer`; what they all need stands here: processes that never outlive the
//! run, data, statistics, the description of the machine, and the page that figures are written to.

mod compare;
mod corpus;
mod error;
mod interrupt;
mod machine;
mod page;
mod port;
mod process;
mod scratch;
mod statistics;
pub(crate) mod transfer;
mod usage;

pub(crate) use error::BenchError;
