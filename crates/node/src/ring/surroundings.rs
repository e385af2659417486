//! What the ring needs of the node.

use std::net::SocketAddr;
use std::path::PathBuf;

use drizzle_net::{Dialer, Identity};
use drizzle_tracker::own_addresses;

use crate::fetch::Means;
use crate::network::Joiner;

/// What the ring needs of the node.
pub(crate) struct Surroundings {
    pub(crate) identity: Identity,
    pub(crate) dialer: Dialer,
    pub(crate) listen_addr: SocketAddr,
    pub(crate) means: Means,
    pub(crate) state_dir: PathBuf,
    pub(crate) joiner: Joiner,
}

/// Where others can reach this node.
pub(crate) fn own_socket_addresses(listen: SocketAddr) -> Vec<SocketAddr> {
    own_addresses(listen).iter().filter_map(|address| address.to_string().parse().ok()).collect()
}
