//! A port of this test alone.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port on loopback that the system gives to nobody else while this is there. It is bound and never listened on, so that the program
/// under test can listen there, again and again, and whoever calls meanwhile is refused. A port that was free a moment ago may be
/// another test's by now.
pub(crate) struct Port(TcpSocket);

impl Port {
    pub(crate) fn hold() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // As listeners do: two that say so may both be bound, as long as only one of them listens.
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn number(&self) -> u16 {
        self.address().port()
    }
}
