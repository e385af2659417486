//! What a node is told at its start. Everything has a default; nothing is read from anywhere here.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use drizzle_tracker::Admission;

/// Where a node serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// The address to bind; unspecified for all of the machine's.
    pub ip: IpAddr,
    /// The port to bind; 0 for any free one.
    pub port: u16,
    /// Whether any free port will do when that one is taken.
    pub otherwise_any_port: bool,
}

impl Default for Listen {
    fn default() -> Self {
        Self { ip: Ipv4Addr::UNSPECIFIED.into(), port: 7441, otherwise_any_port: true }
    }
}

/// What a node is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where keys and known hashes are kept.
    pub state_dir: PathBuf,
    /// Where to serve.
    pub listen: Listen,
    /// A tracker of its own, on the same port as everything else, and who may join it.
    pub embedded_tracker: Option<Admission>,
    /// The most to send, in bytes a second, over all connections.
    pub limit_up: Option<u64>,
    /// The most to receive, in bytes a second, over all connections.
    pub limit_down: Option<u64>,
    /// The most to send to one peer, in bytes a second.
    pub peer_limit_up: Option<u64>,
    /// The most to receive from one peer, in bytes a second.
    pub peer_limit_down: Option<u64>,
    /// How many peers to exchange one content with at once.
    pub peers_max: usize,
    /// How many chunks to have under way from one peer at once.
    pub requests_max: usize,
    /// How often to ask for locations while fetching.
    pub refresh: Duration,
    /// How often to look at what is shared even if the system reports no change; none: what changed is not shared anew.
    pub rescan: Option<Duration>,
    /// How long to go on without any source before a fetch gives up.
    pub patience: Duration,
}

impl Settings {
    /// The defaults, with keys and hashes kept in `state_dir`.
    pub fn new(state_dir: PathBuf) -> Self {
        Self {
            state_dir,
            listen: Listen::default(),
            embedded_tracker: None,
            limit_up: None,
            limit_down: None,
            peer_limit_up: None,
            peer_limit_down: None,
            peers_max: 40,
            requests_max: 64,
            refresh: Duration::from_secs(10),
            rescan: Some(Duration::from_secs(60)),
            patience: Duration::from_secs(60),
        }
    }
}
