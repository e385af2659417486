//! Being called: what a caller is, told by its first byte and by what it asks for in the handshake.
//!
//! One port serves all: a TLS handshake begins with the byte 0x16, which begins no HTTP request and no JSON text. Who
//! calls with TLS names a protocol and is shown the key for it; who calls without is handed on as it came.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::PeerId;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::connection::{Connection, Ends, Protocol, Remote};
use crate::handshake::{self, HandshakeError};
use crate::{Identity, NetworkKey, Timeouts, socket, tls};

/// The first byte of a TLS connection: a record that holds handshake messages (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Why a caller was not let in. All but [`AcceptError::Io`] are the caller's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// It said nothing, or stopped in the middle.
    #[error("the caller said nothing for {} ms", after.as_millis())]
    Timeout {
        /// How long it had.
        after: Duration,
    },
    /// It went away before it had said what it wanted.
    #[error("the caller hung up during the handshake")]
    Closed,
    /// What it said is not what Drizzle speaks, or it proved no key.
    #[error("the handshake failed: {0}")]
    Handshake(rustls::Error),
    /// The connection broke, or the system failed.
    #[error("the connection failed: {0}")]
    Io(io::Error),
}

/// A caller, by what it wants.
#[derive(Debug)]
#[non_exhaustive]
pub enum Accepted {
    /// A peer that speaks the peer protocol.
    Peer(PeerId, Connection),
    /// A peer that wants the tracker's API. Only where there is a network key.
    Api(PeerId, Connection),
    /// A peer that speaks to the ring.
    Ring(PeerId, Connection),
    /// Somebody who does not speak TLS. Nothing was read, and nobody proved anything.
    Plain(TcpStream),
}

/// Answers callers in the name of one identity and, for a tracker, of one network.
#[derive(Debug, Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    timeouts: Timeouts,
}

impl Acceptor {
    /// An acceptor that proves itself as `identity` to peers, and by the key of `network` to those who want its API.
    pub fn new(identity: &Identity, network: Option<&NetworkKey>) -> Result<Self, rustls::Error> {
        let config = tls::server_config(identity.pair(), network.map(NetworkKey::pair))?;
        Ok(Self { config: Arc::new(config), timeouts: Timeouts::default() })
    }

    /// Waits as long as this.
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Finds out who calls and what for.
    pub async fn accept(&self, tcp: TcpStream) -> Result<Accepted, AcceptError> {
        let after = self.timeouts.first_byte;
        let first = timeout(after, first_byte(&tcp)).await.map_err(|_| AcceptError::Timeout { after })??;
        if first != TLS_HANDSHAKE {
            return Ok(Accepted::Plain(tcp));
        }
        let after = self.timeouts.handshake;
        timeout(after, self.handshake(tcp)).await.map_err(|_| AcceptError::Timeout { after })?
    }

    async fn handshake(&self, tcp: TcpStream) -> Result<Accepted, AcceptError> {
        let (remote_addr, local_addr) = prepare(&tcp).map_err(AcceptError::Io)?;
        let made = handshake::accept(tcp, Arc::clone(&self.config)).await?;
        let peer = PeerId::from_bytes(made.key);
        let ends = Ends { remote: Remote::Peer(peer), remote_addr, local_addr };
        let connection = Connection::new(ends, made.reader, made.writer);
        match Protocol::from_alpn(&made.alpn) {
            Some(Protocol::Peer) => Ok(Accepted::Peer(peer, connection)),
            Some(Protocol::Api) => Ok(Accepted::Api(peer, connection)),
            Some(Protocol::Ring) => Ok(Accepted::Ring(peer, connection)),
            None => Err(AcceptError::Handshake(rustls::Error::NoApplicationProtocol)),
        }
    }
}

fn prepare(tcp: &TcpStream) -> io::Result<(SocketAddr, SocketAddr)> {
    socket::prepare(tcp)?;
    Ok((tcp.peer_addr()?, tcp.local_addr()?))
}

async fn first_byte(tcp: &TcpStream) -> Result<u8, AcceptError> {
    let mut first = [0];
    match tcp.peek(&mut first).await {
        Ok(0) => Err(AcceptError::Closed),
        Ok(_) => Ok(first[0]),
        Err(error) => Err(AcceptError::Io(error)),
    }
}

impl From<HandshakeError> for AcceptError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Closed => Self::Closed,
            HandshakeError::Tls(error) => Self::Handshake(error),
            HandshakeError::Io(error) => Self::Io(error),
        }
    }
}
