//! Of `share`.

use std::path::PathBuf;

use clap::Args;
use drizzle_model::RelPath;

use super::choices::{DiscoveryChoice, ListenChoice, TrackerChoice};
use crate::config::{Seconds, Switch, parse_name};

/// Of `share`.
#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// Files or folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tracker: TrackerChoice,
    #[command(flatten)]
    pub(crate) listen: ListenChoice,
    /// The name to share under, instead of the last part of the path; for one PATH only
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) name: Option<RelPath>,
    /// Without --tracker: let everyone join the tracker that runs beside, not only who has a link
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) open: Option<Switch>,
    #[command(flatten)]
    pub(crate) discovery: DiscoveryChoice,
    /// Share anew what changes; without it what changed is no longer served [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) watch: Option<Switch>,
    /// Look for changes so often even where the system reports none [default: 60]
    ///
    /// It does not report what other machines write to a network file system, nor anything beyond its limits.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) rescan: Option<Seconds>,
}
