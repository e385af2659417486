//! A tracker that shares its port with the peer protocol: the connections come one by one from whoever accepts them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use drizzle_model::PeerId;
use drizzle_net::{Accepted, Acceptor, Dialer, Expect, Identity, Protocol};
use drizzle_tracker::{Admission, Claim, Network, Server};
use tokio::net::TcpListener;
use world::{client_with, registration};

/// Accepts as a peer does that has a tracker embedded; counts the connections of each kind.
struct Port {
    address: SocketAddr,
    server: Server,
    peer: PeerId,
    of_api: Arc<AtomicUsize>,
    of_peers: Arc<AtomicUsize>,
}

impl Port {
    async fn open() -> Self {
        let server = Server::new(Network::ephemeral(Admission::Invited).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let identity = Identity::ephemeral().unwrap();
        let acceptor = Acceptor::new(&identity, Some(server.network().key())).unwrap();
        let port =
            Self { address, server, peer: identity.id(), of_api: Arc::default(), of_peers: Arc::default() };
        let (server, of_api, of_peers) = (port.server.clone(), port.of_api.clone(), port.of_peers.clone());
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                match acceptor.accept(tcp).await {
                    Ok(Accepted::Api(peer, connection)) => {
                        of_api.fetch_add(1, Ordering::Relaxed);
                        let server = server.clone();
                        tokio::spawn(async move { server.serve(peer, connection).await });
                    }
                    Ok(Accepted::Peer(..)) => drop(of_peers.fetch_add(1, Ordering::Relaxed)),
                    other => drop(other),
                }
            }
        });
        port
    }
}

/// One connection carries all calls that follow each other: a handshake for each would cost more than the call.
#[tokio::test]
async fn a_client_keeps_its_connection() {
    let port = Port::open().await;
    let client = client_with(port.server.network().invite(vec![port.address.into()]));
    for size in 0..50 {
        client.register(1, &[registration("a", size, Claim::All)]).await.unwrap();
        client.renew(Some(1)).await.unwrap();
    }
    assert_eq!(port.of_api.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn both_protocols_come_over_one_port() {
    let port = Port::open().await;
    let client = client_with(port.server.network().invite(vec![port.address.into()]));
    client.join().await.unwrap();
    let dialer = Dialer::new(&Identity::ephemeral().unwrap());
    let (as_tracker, as_peer) = (Expect::Network(port.server.network().id()), Expect::Peer(port.peer));
    dialer.dial(&port.address.into(), Protocol::Peer, as_peer).await.unwrap();
    assert!(dialer.dial(&port.address.into(), Protocol::Peer, as_tracker).await.is_err());
    assert!(dialer.dial(&port.address.into(), Protocol::Api, as_peer).await.is_err());
    client.files(None, 1).await.unwrap();
    assert_eq!((port.of_api.load(Ordering::Relaxed), port.of_peers.load(Ordering::Relaxed)), (1, 1));
}
