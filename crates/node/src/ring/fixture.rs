//! For tests: a node that is in no ring, and vaults as it would have them in one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use drizzle_model::{ContentHash, Invite, NetworkId, Place};
use drizzle_ring::Quotas;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::serve::FileServer;
use super::vault::{Equipment, Leftovers, Vault};
use crate::network::Network;
use crate::{Listen, Node, Settings};

pub(super) struct Fixture {
    pub(super) node: Node,
    /// The folder of the ring that it is not in.
    pub(super) of_ring: PathBuf,
    _state: TempDir,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let state = TempDir::new().unwrap();
        let mut settings = Settings::new(state.path().to_owned());
        settings.listen = Listen { ip: Ipv4Addr::LOCALHOST.into(), port: 0, otherwise_any_port: false };
        let (node, _events) = Node::start(settings).await.unwrap();
        let of_ring = state.path().join("one-ring");
        Self { node, of_ring, _state: state }
    }

    /// Lays a file where a vault keeps it; its name and place.
    pub(super) fn kept(&self, bytes: &[u8]) -> (ContentHash, PathBuf) {
        let files = self.of_ring.join("files");
        let blob = ContentHash::from_bytes(*blake3::hash(bytes).as_bytes());
        let path = files.join(blob.to_string());
        fs::create_dir_all(files).unwrap();
        fs::write(&path, bytes).unwrap();
        (blob, path)
    }

    /// A vault, and what it suspects.
    pub(super) fn vault(&self, left: Leftovers<'_>) -> (Vault, mpsc::Receiver<ContentHash>) {
        let around = self.node.surroundings();
        let network = NetworkId::UNKNOWN;
        let invite = Invite { place: Place::Ring, addresses: Vec::new(), network, secret: None };
        let (hub, index) = (around.means.hub.clone(), around.means.index.clone());
        let server = FileServer { hub, index, network };
        let network = Network::alone(invite, around.joiner);
        let (suspects, suspected) = mpsc::channel(8);
        let quotas = Quotas::default();
        let equipment = Equipment { network, means: around.means, server, quotas, suspects };
        (Vault::new(&self.of_ring, equipment, left).unwrap(), suspected)
    }
}
