//! What can be asked of `cargo xtask bench ring`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::scale::Scale;

const PAGE: &str = "docs/benchmarks.md";

const FULL: Scale = Scale { members: 32, finds: 10, few: 4, bytes: 1 << 30, runs: 5 };
const QUICK: Scale = Scale { members: 8, finds: 3, few: 4, bytes: 64 << 20, runs: 3 };

/// A run with `--quick` or `--drizzle` is printed; the page takes full runs of what was just built.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// A small ring and a small file: a look at whether all of it works
    #[arg(long)]
    quick: bool,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "PATH")]
    pub(super) drizzle: Option<PathBuf>,
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
