//! What can be asked of `cargo xtask bench transfer`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::size::Size;

const PAGE: &str = "docs/benchmarks.md";
const RUNS_FULL: u32 = 7;
const RUNS_QUICK: u32 = 3;

/// A run with `--quick`, `--only` or `--drizzle` is printed; the page takes full runs of what was just built.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// How many counted runs of each; 7, or 3 with --quick
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: Option<u32>,
    /// A sixteenth of the content or less: a look at whether all of it works
    #[arg(long)]
    quick: bool,
    /// Only these: drizzle, drizzle4, http, https, rsync, aria2, rqbit, libtorrent
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "PATH")]
    pub(super) drizzle: Option<PathBuf>,
    /// Write to this page, whatever kind of run it is
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

impl Options {
    pub(super) fn runs(&self) -> u32 {
        self.runs.unwrap_or(if self.quick { RUNS_QUICK } else { RUNS_FULL })
    }

    pub(super) fn size(&self) -> Size {
        if self.quick { Size::Quick } else { Size::Full }
    }

    pub(super) fn chooses(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|chosen| chosen == key)
    }

    pub(super) fn page(&self) -> Option<&Path> {
        let is_full = !self.quick && self.only.is_empty() && self.drizzle.is_none();
        self.output.as_deref().or_else(|| is_full.then_some(Path::new(PAGE)))
    }
}
