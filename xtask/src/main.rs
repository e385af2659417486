//! What the project runs on itself: tidy checks and benchmarks.
//!
//! `cargo xtask tidy` and `cargo xtask bench transfer`; `--help` says more.

mod bench;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

#[derive(Subcommand)]
enum Bench {
    /// One sender to one receiver: time, memory, start; writes docs/benchmarks.md
    Transfer(bench::transfer::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Tidy => tidy(),
        Task::Bench(Bench::Transfer(options)) => finish(bench::transfer::run(&options)),
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
