//! Of `tracker`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::choices::DiscoveryChoice;
use crate::config::Switch;

/// Of `tracker`.
#[derive(Debug, Args)]
pub(crate) struct TrackerArgs {
    /// The address to listen on [default: 0.0.0.0]
    #[arg(value_name = "IP")]
    pub(crate) ip: Option<IpAddr>,
    /// The port to listen on; 0 for any free one [default: 7440]
    #[arg(value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Where the tracker keeps its key and what it knows [default: tracker in the state directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Write the invite to this file, readable by its owner only
    #[arg(long, value_name = "PATH")]
    pub(crate) invite_file: Option<PathBuf>,
    /// Let everyone join, with or without the invite's secret
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) open: Option<Switch>,
    #[command(flatten)]
    pub(crate) discovery: DiscoveryChoice,
    /// Speak the classic JSON protocol as well, on the same port
    ///
    /// Its peers need no invite. So without --open this is taken on a loopback address only.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) classic: Option<Switch>,
    /// Answer plain HTTP under any name, for a proxy on this machine
    ///
    /// Plain HTTP is answered to callers of this machine only, and only questions, never changes; without this also under the names of
    /// this machine only, so that no web page can ask. A closed network wants the join secret of its invite as bearer token, which
    /// the proxy must pass on. In an open network whoever reaches the proxy may ask what there is.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) behind_proxy: Option<Switch>,
}
