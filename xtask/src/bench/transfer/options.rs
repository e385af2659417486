//! What can be asked of `cargo xtask bench transfer`.

use clap::Args;

use super::size::Size;
use crate::bench::options::Ends;

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
    #[command(flatten)]
    pub(super) ends: Ends,
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

    /// Whether everyone took part, with all of the content.
    pub(super) fn is_full(&self) -> bool {
        !self.quick && self.only.is_empty()
    }
}
