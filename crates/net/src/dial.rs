//! Calling: from an address to a connection with the one who was expected there, or a reason why not.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::{Address, PeerId};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::connect::connect;
use crate::connection::{Connection, Ends, Protocol};
use crate::handshake::{self, HandshakeError};
use crate::tls::{self, WrongKey};
use crate::{Identity, Timeouts, socket};

pub use crate::tls::Expect;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Nobody there: the host's name leads to no address.
    #[error("no address was found for {address}: {source}")]
    UnknownHost {
        /// Who was called.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody there: the host answers, but nothing listens on that port.
    #[error("{address} refused the connection: nothing listens there")]
    Refused {
        /// Who was called.
        address: Address,
    },
    /// Nobody there: the host cannot be reached, or the connection broke.
    #[error("{address} cannot be reached: {source}")]
    Unreachable {
        /// Who was called.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody there: no answer in time.
    #[error("{address} did not answer within {} ms", after.as_millis())]
    Timeout {
        /// Who was called.
        address: Address,
        /// How long it had.
        after: Duration,
    },
    /// The remote: it is not the one who was expected.
    #[error("{address} is somebody else: expected {expected:?}, received key {received}")]
    WrongKey {
        /// Who was called.
        address: Address,
        /// Whose key was expected.
        expected: Expect,
        /// The key that it has.
        received: PeerId,
    },
    /// The remote: it does not serve this protocol, or none of Drizzle's at all.
    #[error("{address} does not speak Drizzle's {protocol:?} protocol: {reason}")]
    Protocol {
        /// Who was called.
        address: Address,
        /// What it should speak.
        protocol: Protocol,
        /// What went wrong.
        reason: String,
    },
}

/// Calls others in the name of one identity.
#[derive(Debug, Clone)]
pub struct Dialer {
    identity: Identity,
    bind: Option<IpAddr>,
    timeouts: Timeouts,
}

impl Dialer {
    /// A dialler that proves itself as `identity`.
    pub fn new(identity: &Identity) -> Self {
        Self { identity: identity.clone(), bind: None, timeouts: Timeouts::default() }
    }

    /// Calls from this address of the machine.
    pub fn with_bind(self, bind: Option<IpAddr>) -> Self {
        Self { bind, ..self }
    }

    /// Waits as long as this.
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Calls `address`, and gives up when another than `expect` answers, before that one learns who called.
    pub async fn dial(
        &self,
        address: &Address,
        protocol: Protocol,
        expect: Expect,
    ) -> Result<Connection, DialError> {
        let tcp = self.connect(address).await?;
        match timeout(self.timeouts.handshake, self.handshake(tcp, protocol, expect)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(explain(address, protocol, error)),
            Err(_) => Err(DialError::Timeout { address: address.clone(), after: self.timeouts.handshake }),
        }
    }

    async fn connect(&self, address: &Address) -> Result<TcpStream, DialError> {
        let after = self.timeouts.connect;
        let attempt = async {
            let found = lookup_host((address.host(), address.port())).await;
            let addresses =
                found.map_err(|source| DialError::UnknownHost { address: address.clone(), source })?;
            connect(addresses, self.bind).await.map_err(|source| match source.kind() {
                io::ErrorKind::ConnectionRefused => DialError::Refused { address: address.clone() },
                _ => DialError::Unreachable { address: address.clone(), source },
            })
        };
        let late = |_| DialError::Timeout { address: address.clone(), after };
        timeout(after, attempt).await.map_err(late)?
    }

    async fn handshake(
        &self,
        tcp: TcpStream,
        protocol: Protocol,
        expect: Expect,
    ) -> Result<Connection, HandshakeError> {
        socket::prepare(&tcp)?;
        let (remote_addr, local_addr) = (tcp.peer_addr()?, tcp.local_addr()?);
        let config = tls::client_config(self.identity.pair(), protocol, expect)?;
        let made = handshake::connect(tcp, Arc::new(config)).await?;
        let ends = Ends { remote: tls::remote_of(expect, made.key), remote_addr, local_addr };
        Ok(Connection::new(ends, made.reader, made.writer))
    }
}

fn explain(address: &Address, protocol: Protocol, error: HandshakeError) -> DialError {
    let address = address.clone();
    match error {
        HandshakeError::Tls(error) => match wrong_key(&error) {
            Some(&WrongKey { expected, received }) => DialError::WrongKey { address, expected, received },
            None => DialError::Protocol { address, protocol, reason: error.to_string() },
        },
        HandshakeError::Closed => {
            let source = io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up during the handshake");
            DialError::Unreachable { address, source }
        }
        HandshakeError::Io(source) => DialError::Unreachable { address, source },
    }
}

fn wrong_key(error: &rustls::Error) -> Option<&WrongKey> {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}
