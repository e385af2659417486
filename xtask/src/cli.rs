//! What can be asked of `cargo xtask`, and how it ends.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{bench, lab, tidy, workspace};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "What the project runs on itself")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check the order of the repository: modules, purity, headers, documentation
    Tidy,
    /// Measure Drizzle beside other programs
    #[command(subcommand)]
    Bench(Bench),
    /// Hosts on a network of their own, each with a link of its own rate, to try things by hand
    Lab(lab::Options),
}

#[derive(Subcommand)]
enum Bench {
    /// One sender to one receiver: time, memory, start; writes docs/benchmarks.md
    Transfer(bench::transfer::Options),
    /// One seed to many peers in the lab: time of the last, what the seed sent; writes docs/benchmarks.md
    Swarm(bench::swarm::Options),
    /// A tracker with a hundred thousand peers: memory, renewals, pages; writes docs/benchmarks.md
    Tracker(bench::tracker::Options),
    /// A ring in the tracker's place: time to the first byte, time of a large file; writes docs/benchmarks.md
    Ring(bench::ring::Options),
}

/// Does what the command line asks.
pub fn run() -> ExitCode {
    match Arguments::parse().task {
        Task::Tidy => tidy(),
        Task::Bench(Bench::Transfer(options)) => finish(bench::transfer::run(&options)),
        Task::Bench(Bench::Swarm(options)) => finish(bench::swarm::run(&options)),
        Task::Bench(Bench::Tracker(options)) => finish(bench::tracker::run(&options)),
        Task::Bench(Bench::Ring(options)) => finish(bench::ring::run(&options)),
        Task::Lab(options) => finish(lab::run(&options)),
    }
}

fn tidy() -> ExitCode {
    match tidy::check(workspace::root()) {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            ExitCode::FAILURE
        }
        Err(error) => finish(Err(error)),
    }
}

fn finish<E: std::error::Error>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
