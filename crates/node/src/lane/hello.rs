//! The first words on a connection: each side shows its ticket, and goes on only with a member of the same network.
//!
//! The one who called speaks first, so the one who was called learns nothing out of turn and tells a stranger
//! nothing, not even which networks it belongs to.

use std::net::SocketAddr;
use std::num::NonZeroU16;

use drizzle_model::{NetworkId, PeerId};
use drizzle_net::{Connection, Remote};
use drizzle_wire::{
    Agent, ByeReason, ByeText, FrameHead, HELLO_TIMEOUT, Message, PROTOCOL_VERSION, Side, Tag, TicketBytes,
};
use tokio::time::timeout;

use super::frame::{FrameError, read_fields, read_head, write_message};
use crate::membership::{AdmissionError, Memberships};

/// Why two peers did not come to terms.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    /// The remote: it says no.
    #[error("the peer hung up: {text} ({reason:?})")]
    Bye {
        /// Its reason.
        reason: ByeReason,
        /// Its words.
        text: String,
    },
    /// The remote: it is not let in.
    #[error("the peer is not let in: {0}")]
    NotAdmitted(#[from] AdmissionError),
    /// The remote: it speaks another version.
    #[error("the peer speaks version {received} of the protocol, expected {PROTOCOL_VERSION} or later")]
    Version {
        /// The version that it speaks.
        received: u16,
    },
    /// The remote: it says something else than hello.
    #[error("the peer did not say hello")]
    NoHello,
    /// The remote: it says nothing in time.
    #[error("the peer said nothing for {} s", HELLO_TIMEOUT.as_secs())]
    Silence,
    /// The remote, or the way to it.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Here: there is no ticket to show.
    #[error("this peer has no ticket for the network {0:?}")]
    NoTicket(NetworkId),
}

/// A connection between two members.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) connection: Connection,
    pub(crate) peer: PeerId,
    pub(crate) network: NetworkId,
    /// Which side this one is: it decides which channel numbers are whose.
    pub(crate) side: Side,
    /// How many channels this side has opened, and closed again.
    pub(crate) channels_used: usize,
    /// Where the peer itself listens, as far as it says so.
    pub(crate) listens_at: Option<SocketAddr>,
}

/// What this side says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Greeter {
    pub(crate) memberships: Memberships,
    /// None: does not listen.
    pub(crate) listen_port: Option<NonZeroU16>,
}

impl Greeter {
    /// Says hello as the one who called, for the sake of `network`.
    pub(crate) async fn call(
        &self,
        mut connection: Connection,
        network: NetworkId,
    ) -> Result<Greeted, HelloError> {
        let greeting = async {
            write_message(&mut connection, &self.hello(network)?).await.map_err(FrameError::from)?;
            let hello = receive_hello(&mut connection).await?;
            self.admit(&mut connection, &hello, Some(network)).await
        };
        let (peer, network, listen_port) = in_time(greeting).await?;
        Ok(greeted(connection, peer, network, listen_port, Side::Dialer))
    }

    /// Hears hello as the one who was called, and answers.
    pub(crate) async fn answer(&self, mut connection: Connection) -> Result<Greeted, HelloError> {
        let greeting = async {
            let hello = receive_hello(&mut connection).await?;
            let admitted = self.admit(&mut connection, &hello, None).await?;
            write_message(&mut connection, &self.hello(admitted.1)?).await.map_err(FrameError::from)?;
            Ok(admitted)
        };
        let (peer, network, listen_port) = in_time(greeting).await?;
        Ok(greeted(connection, peer, network, listen_port, Side::Acceptor))
    }

    fn hello(&self, network: NetworkId) -> Result<Message, HelloError> {
        let ticket = self.memberships.ticket(&network).ok_or(HelloError::NoTicket(network))?;
        Ok(Message::Hello {
            version: PROTOCOL_VERSION,
            ticket: TicketBytes::new(ticket.to_bytes().to_vec()).ok_or(HelloError::NoTicket(network))?,
            listen_port: self.listen_port,
            agent: Agent::clip(concat!("drizzle ", env!("CARGO_PKG_VERSION"))),
        })
    }

    async fn admit(
        &self,
        connection: &mut Connection,
        hello: &Hello,
        expected: Option<NetworkId>,
    ) -> Result<(PeerId, NetworkId, Option<NonZeroU16>), HelloError> {
        let Remote::Peer(peer) = connection.remote() else { return Err(HelloError::NoHello) };
        let admitted = self.memberships.admit(&peer, &hello.ticket);
        let admitted = match (admitted, expected) {
            (Ok(network), Some(expected)) if network != expected => {
                Err(AdmissionError::OtherNetwork(network))
            }
            (admitted, _) => admitted,
        };
        match admitted {
            Ok(network) => Ok((peer, network, hello.listen_port)),
            Err(error) => {
                let text = ByeText::clip("no valid ticket for this network");
                let bye = Message::Bye { reason: ByeReason::NotAdmitted, text };
                // The peer may be gone already; there is nobody else to tell.
                let _ = write_message(connection, &bye).await;
                Err(error.into())
            }
        }
    }
}

struct Hello {
    ticket: Vec<u8>,
    listen_port: Option<NonZeroU16>,
}

async fn receive_hello(connection: &mut Connection) -> Result<Hello, HelloError> {
    // A stranger's frame is not read before it is known to be small.
    let head = match read_head(connection).await? {
        FrameHead::Message(head) if matches!(head.tag(), Tag::Hello | Tag::Bye) => head,
        FrameHead::Message(_) => return Err(HelloError::NoHello),
        FrameHead::Data(_) => return Err(FrameError::Content.into()),
    };
    match read_fields(connection, head, &mut Vec::new()).await? {
        Message::Hello { version: PROTOCOL_VERSION.., ticket, listen_port, .. } => {
            Ok(Hello { ticket: ticket.into_vec(), listen_port })
        }
        Message::Hello { version, .. } => {
            let text =
                ByeText::clip(&format!("expected version {PROTOCOL_VERSION} of the protocol or later"));
            let _ = write_message(connection, &Message::Bye { reason: ByeReason::Version, text }).await;
            Err(HelloError::Version { received: version })
        }
        Message::Bye { reason, text } => Err(HelloError::Bye { reason, text: text.as_str().to_owned() }),
        _ => Err(HelloError::NoHello),
    }
}

async fn in_time<T>(greeting: impl Future<Output = Result<T, HelloError>>) -> Result<T, HelloError> {
    timeout(HELLO_TIMEOUT, greeting).await.unwrap_or(Err(HelloError::Silence))
}

fn greeted(
    connection: Connection,
    peer: PeerId,
    network: NetworkId,
    listen_port: Option<NonZeroU16>,
    side: Side,
) -> Greeted {
    let ip = connection.remote_addr().ip();
    let listens_at = listen_port.map(|port| SocketAddr::new(ip, port.get()));
    Greeted { connection, peer, network, side, channels_used: 0, listens_at }
}
