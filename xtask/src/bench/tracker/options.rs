//! What can be asked of `cargo xtask bench tracker`.

use std::path::PathBuf;

use clap::Args;

use super::scale::Scale;
use crate::bench::options::Ends;

const FULL: Scale =
    Scale { peers: 100_000, files_each: 100, files: 1_000_000, connections: 64, seconds: 10, pages: 200 };
const QUICK: Scale =
    Scale { peers: 2_000, files_each: 100, files: 20_000, connections: 16, seconds: 2, pages: 20 };

/// A run with `--quick` or `--drizzle` is printed; the page takes full runs of what was just built.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// A fiftieth of the peers: a look at whether all of it works
    #[arg(long)]
    pub(super) quick: bool,
    /// Use this load generator instead of building one
    #[arg(long, value_name = "PATH")]
    pub(super) generator: Option<PathBuf>,
    #[command(flatten)]
    pub(super) ends: Ends,
}

impl Options {
    pub(super) fn scale(&self) -> Scale {
        if self.quick { QUICK } else { FULL }
    }
}
