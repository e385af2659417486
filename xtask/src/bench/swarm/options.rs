//! What can be asked of `cargo xtask bench swarm`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::scenario::Scenario;

const PAGE: &str = "docs/benchmarks.md";
const RUNS_FULL: u32 = 3;
/// The others take up to five times as long as the bound; with one run of each, all of it stays within twelve minutes.
const RUNS_OF_OTHERS: u32 = 1;
const RUNS_QUICK: u32 = 1;

/// How often each contestant runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runs {
    pub(crate) drizzle: u32,
    pub(crate) others: u32,
}

/// A run with `--quick`, `--only`, `--scenario` or `--drizzle` is printed; the page takes full runs of what was just
/// built.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// How many runs of each [default: 3 of Drizzle and 1 of the others, or 1 of each with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: Option<u32>,
    /// An eighth of the content: a look at whether all of it works
    #[arg(long)]
    quick: bool,
    /// Only these: drizzle, libtorrent, rqbit, aria2, transmission
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these: equal, slow-seed, mixed
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    scenario: Vec<String>,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "PATH")]
    pub(super) drizzle: Option<PathBuf>,
    /// Keep what each peer printed in this folder, each line with the seconds since the start of the first
    #[arg(long, value_name = "DIR")]
    pub(super) trace: Option<PathBuf>,
    /// Write to this page, whatever kind of run it is
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

impl Options {
    pub(super) fn runs(&self) -> Runs {
        let (drizzle, others) =
            if self.quick { (RUNS_QUICK, RUNS_QUICK) } else { (RUNS_FULL, RUNS_OF_OTHERS) };
        Runs { drizzle: self.runs.unwrap_or(drizzle), others: self.runs.unwrap_or(others) }
    }

    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    pub(super) fn scenarios(&self) -> Vec<Scenario> {
        let chosen = |key| self.scenario.is_empty() || self.scenario.iter().any(|chosen| chosen == key);
        Scenario::all(self.quick).into_iter().filter(|scenario| chosen(scenario.key)).collect()
    }

    pub(super) fn chooses(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|chosen| chosen == key)
    }

    pub(super) fn page(&self) -> Option<&Path> {
        let is_full =
            !self.quick && self.only.is_empty() && self.scenario.is_empty() && self.drizzle.is_none();
        self.output.as_deref().or_else(|| is_full.then_some(Path::new(PAGE)))
    }
}
