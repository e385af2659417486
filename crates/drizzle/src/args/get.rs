//! Of `get`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::choices::{ListenChoice, WhomChoice};
use crate::config::{Seconds, Switch};

/// Of `get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Links, or names that the tracker knows; @FILE for a file with one on each line, - for standard input
    ///
    /// A link that holds an invite is a secret. Given in a file or through standard input it stays out of the list of
    /// processes.
    #[arg(required = true, value_name = "LINK|NAME")]
    pub(crate) what: Vec<String>,
    /// Where to put it [default: here]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) whom: WhomChoice,
    #[command(flatten)]
    pub(crate) listen: ListenChoice,
    /// Keep serving it afterwards, until Ctrl-C
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) seed: Option<Switch>,
    /// Exchange one content with at most so many peers at once [default: 40]
    #[arg(long, value_name = "N")]
    pub(crate) max_peers: Option<NonZeroUsize>,
    /// Have at most so many chunks under way from one peer [default: 64]
    #[arg(long, value_name = "N")]
    pub(crate) max_requests: Option<NonZeroUsize>,
    /// Ask so often who else has it [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) refresh: Option<Seconds>,
    /// Give up after so long without any source [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) patience: Option<Seconds>,
    /// Where to keep what is not finished [default: .drizzle/partial in the output directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) partial_dir: Option<PathBuf>,
    /// Refuse a folder with names that differ only in case
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) refuse_case_clashes: Option<Switch>,
}
