//! What the project runs on itself: tidy checks and benchmarks.
//!
//! `cargo xtask tidy` and `cargo xtask bench transfer`; `--help` says more.

mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "What the project runs on itself", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check the order of the repository: modules, purity, headers, documentation
    Tidy,
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Tidy => tidy(),
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
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
