//! What several commands let their users choose: whom to ask, and where to serve.

use std::net::SocketAddr;

use clap::Args;

use crate::config::{InviteText, Seconds, Switch};

/// Which tracker to ask.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrackerChoice {
    /// The tracker's invite, or a file that holds it
    ///
    /// An invite is a secret: as @FILE, in DRIZZLE_TRACKER or in the config file it stays out of the list of
    /// processes.
    #[arg(long, value_name = "INVITE|@FILE")]
    pub(crate) tracker: Option<InviteText>,
}

/// Whether peers and trackers that nobody names find each other.
#[derive(Debug, Clone, Args)]
pub(crate) struct DiscoveryChoice {
    /// Find open trackers on the local network where none is named, and let them be found there [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discovery: Option<Switch>,
}

/// Whom to ask: the tracker that is named, or else those that are found.
#[derive(Debug, Clone, Args)]
pub(crate) struct WhomChoice {
    #[command(flatten)]
    pub(crate) tracker: TrackerChoice,
    #[command(flatten)]
    pub(crate) discovery: DiscoveryChoice,
    /// Look for trackers on the local network so long at most [default: 2]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) discovery_wait: Option<Seconds>,
}

/// Where to serve.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListenChoice {
    /// Where this peer serves [default: 0.0.0.0:7441, then any free port]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}
