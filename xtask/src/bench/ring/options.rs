//! What can be asked of `cargo xtask bench ring`.

use clap::Args;

use super::scale::Scale;
use crate::bench::options::Ends;

const FULL: Scale = Scale { members: 32, finds: 10, few: 4, bytes: 1 << 30, runs: 5 };
const QUICK: Scale = Scale { members: 8, finds: 3, few: 4, bytes: 64 << 20, runs: 3 };

/// A run with `--quick` or `--drizzle` is printed; the page takes full runs of what was just built.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// A small ring and a small file: a look at whether all of it works
    #[arg(long)]
    pub(super) quick: bool,
    #[command(flatten)]
    pub(super) ends: Ends,
}

impl Options {
    pub(super) fn scale(&self) -> Scale {
        if self.quick { QUICK } else { FULL }
    }
}
