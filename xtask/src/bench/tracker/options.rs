//! What can be asked of `cargo xtask bench tracker`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::scale::Scale;

const PAGE: &str = "docs/benchmarks.md";

const FULL: Scale =
    Scale { peers: 100_000, files_each: 100, files: 1_000_000, connections: 64, seconds: 10, pages: 200 };
const QUICK: Scale =
    Scale { peers: 2_000, files_each: 100, files: 20_000, connections: 16, seconds: 2, pages: 20 };

/// A run with `--quick` or `--drizzle` is printed; the page takes full runs of what was just built.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// A fiftieth of the peers: a look at whether all of it works
    #[arg(long)]
    quick: bool,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "PATH")]
    pub(super) drizzle: Option<PathBuf>,
    /// Use this load generator instead of building one
    #[arg(long, value_name = "PATH")]
    pub(super) generator: Option<PathBuf>,
    /// Write to this page, whatever kind of run it is
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

impl Options {
    pub(super) fn scale(&self) -> Scale {
        if self.quick { QUICK } else { FULL }
    }

    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    pub(super) fn page(&self) -> Option<&Path> {
        let is_full = !self.quick && self.drizzle.is_none();
        self.output.as_deref().or_else(|| is_full.then_some(Path::new(PAGE)))
    }
}
