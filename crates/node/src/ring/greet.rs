//! The first words on a connection of a ring: both sides show their tickets and say where in the ring they stand.
//!
//! Who is called speaks second, and tells a stranger nothing. Only an open ring answers who knocks: with its secret.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;

use drizzle_model::{Address, JoinSecret, NetworkId, PeerId};
use drizzle_net::{Connection, DialError, Dialer, Expect, Protocol, Remote};
use drizzle_ring::{Contact, Space};
use drizzle_wire::{
    ByeReason, ByeText, HELLO_TIMEOUT, RING_VERSION, RingDecodeError, RingFrame, RingHello, RingStage,
    TicketBytes, ring_position,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::standing::{Door, RingSecret, context};
use crate::membership::{AdmissionError, Memberships};

/// Why two did not come to terms.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GreetError {
    /// Nobody is there, or somebody else.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke.
    #[error("the connection ended: {0}")]
    Io(#[from] io::Error),
    /// The remote: what it says is no frame.
    #[error("it does not keep to the ring's protocol: {0}")]
    Frame(#[from] RingDecodeError),
    /// The remote: it says no.
    #[error("it hung up: {text}")]
    Bye {
        /// Its reason.
        reason: ByeReason,
        /// Its words.
        text: String,
    },
    /// The remote: its ticket is not good.
    #[error("it is not let in: {0}")]
    NotAdmitted(#[from] AdmissionError),
    /// The remote: it is of a ring of another size.
    #[error("its ring has ids of {theirs} bits, expected {ours}")]
    Space {
        /// Bits here.
        ours: u16,
        /// Bits there.
        theirs: u16,
    },
    /// The remote: it says something else.
    #[error("it did not say hello")]
    NoHello,
    /// The remote: it says nothing.
    #[error("it said nothing for {} s", HELLO_TIMEOUT.as_secs())]
    Silence,
    /// The remote: the ring is for the invited.
    #[error("the ring is not open: its invite is needed")]
    DoorClosed,
    /// The remote: it opens the door to another ring.
    #[error("it belongs to another ring than the invite names")]
    OtherRing,
    /// Here: there is no ticket to show.
    #[error("there is no ticket for the network")]
    NoTicket,
}

/// What this side says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) memberships: Memberships,
    pub(crate) network: NetworkId,
    /// None: does not listen.
    pub(crate) listen_port: Option<NonZeroU16>,
    /// None: a guest.
    pub(crate) member: Option<Place>,
}

/// A member's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) space: Space,
    /// The number in a small ring; 0 in the ring of hashes.
    pub(crate) id: u64,
}

/// A connection whose ends know each other.
pub(crate) struct Met {
    pub(crate) connection: Connection,
    pub(crate) peer: PeerId,
    /// Where in the ring the other stands, as it says; none of a guest.
    pub(crate) member: Option<Contact>,
    pub(crate) space: Space,
}

impl Introduction {
    /// Calls a peer of the ring.
    pub(crate) async fn call(
        &self,
        dialer: &Dialer,
        address: &Address,
        expect: Expect,
    ) -> Result<Met, GreetError> {
        let mut connection = dialer.dial(address, Protocol::Ring, expect).await?;
        let greeting = async {
            say(&mut connection, &RingFrame::Hello(self.hello()?)).await?;
            match hear(&mut connection).await? {
                RingFrame::Hello(hello) => self.admit(&mut connection, &hello).await.map(|_| hello),
                RingFrame::Bye { reason, text } => {
                    Err(GreetError::Bye { reason, text: text.as_str().to_owned() })
                }
                _ => Err(GreetError::NoHello),
            }
        };
        let hello = timeout(HELLO_TIMEOUT, greeting).await.unwrap_or(Err(GreetError::Silence))?;
        met(connection, &hello, self.member)
    }

    /// Answers who called. None: it knocked, and was told what there is to tell.
    pub(crate) async fn answer(
        &self,
        mut connection: Connection,
        secret: &RingSecret,
    ) -> Result<Option<Met>, GreetError> {
        let greeting = async {
            match hear(&mut connection).await? {
                RingFrame::Knock => {
                    let told = (secret.door == Door::Open).then(|| secret.secret.clone());
                    say(&mut connection, &RingFrame::Door(told)).await?;
                    // The one who knocked hangs up when it has read the answer.
                    let _ = connection.read_u8().await;
                    Ok(None)
                }
                RingFrame::Hello(hello) => {
                    self.admit(&mut connection, &hello).await?;
                    say(&mut connection, &RingFrame::Hello(self.hello()?)).await?;
                    Ok(Some(hello))
                }
                _ => Err(GreetError::NoHello),
            }
        };
        let hello = timeout(HELLO_TIMEOUT, greeting).await.unwrap_or(Err(GreetError::Silence))?;
        hello.map(|hello| met(connection, &hello, self.member)).transpose()
    }

    fn hello(&self) -> Result<RingHello, GreetError> {
        let ticket = self.memberships.ticket(&self.network).ok_or(GreetError::NoTicket)?;
        let (bits, id) = self.member.map_or((0, 0), |place| (place.space.bits(), place.id));
        Ok(RingHello {
            version: RING_VERSION,
            ticket: TicketBytes::new(ticket.to_bytes().to_vec()).ok_or(GreetError::NoTicket)?,
            listen_port: self.listen_port,
            bits,
            id,
        })
    }

    async fn admit(&self, connection: &mut Connection, hello: &RingHello) -> Result<(), GreetError> {
        let Remote::Peer(peer) = connection.remote() else { return Err(GreetError::NoHello) };
        let admitted = self.memberships.admit(&peer, &hello.ticket).and_then(|network| {
            if network == self.network { Ok(()) } else { Err(AdmissionError::OtherNetwork(network)) }
        });
        if let Err(error) = admitted {
            bye(connection, ByeReason::NotAdmitted, "no valid ticket for this network").await;
            return Err(error.into());
        }
        let (ours, theirs) = (self.member.map_or(0, |place| place.space.bits()), hello.bits);
        if ours != 0 && theirs != 0 && ours != theirs {
            let text = format!("this ring has ids of {ours} bits: join it with --bits {ours}");
            bye(connection, ByeReason::Version, &text).await;
            return Err(GreetError::Space { ours, theirs });
        }
        if hello.version < RING_VERSION {
            bye(connection, ByeReason::Version, "expected a later version of the ring's protocol").await;
            return Err(GreetError::NoHello);
        }
        Ok(())
    }
}

fn met(connection: Connection, hello: &RingHello, own: Option<Place>) -> Result<Met, GreetError> {
    let Remote::Peer(peer) = connection.remote() else { return Err(GreetError::NoHello) };
    let bits = if hello.bits == 0 { own.map_or(0, |place| place.space.bits()) } else { hello.bits };
    // Two guests have nothing to say to each other.
    let space = Space::new(bits).ok_or(GreetError::NoHello)?;
    let ip = connection.remote_addr().ip().to_canonical();
    let listens_at = hello.listen_port.map(|port| SocketAddr::new(ip, port.get()));
    let position = hello.position(&peer);
    let member = position.zip(listens_at).map(|(position, address)| Contact { position, peer, address });
    Ok(Met { connection, peer, member, space })
}

/// Asks somebody of an open ring for its secret; where `network` is known, it must be that of the secret.
pub(crate) async fn knock(
    dialer: &Dialer,
    address: &Address,
    network: Option<NetworkId>,
) -> Result<JoinSecret, GreetError> {
    let mut connection = dialer.dial(address, Protocol::Ring, Expect::AnyPeer).await?;
    let asking = async {
        say(&mut connection, &RingFrame::Knock).await?;
        match hear(&mut connection).await? {
            RingFrame::Door(Some(secret)) => Ok(secret),
            RingFrame::Door(None) => Err(GreetError::DoorClosed),
            RingFrame::Bye { reason, text } => {
                Err(GreetError::Bye { reason, text: text.as_str().to_owned() })
            }
            _ => Err(GreetError::NoHello),
        }
    };
    let secret = timeout(HELLO_TIMEOUT, asking).await.unwrap_or(Err(GreetError::Silence))?;
    let is_meant =
        network.is_none_or(|network| RingSecret::new(secret.clone(), Door::Open).network() == network);
    if is_meant { Ok(secret) } else { Err(GreetError::OtherRing) }
}

/// Where a peer of this key and number stands.
pub(crate) fn contact_of(place: Place, peer: PeerId, address: SocketAddr) -> Contact {
    let position = if place.space == Space::FULL {
        ring_position(&peer)
    } else {
        Space::FULL.place(&drizzle_ring::Key::from_number(place.id))
    };
    Contact { position, peer, address }
}

async fn bye(connection: &mut Connection, reason: ByeReason, text: &str) {
    // It may be gone already; there is nobody else to tell.
    let _ = say(connection, &RingFrame::Bye { reason, text: ByeText::clip(text) }).await;
    let _ = connection.shutdown().await;
}

/// Writes what has no contact in it.
async fn say(stream: &mut (impl AsyncWrite + Unpin), frame: &RingFrame) -> io::Result<()> {
    let mut bytes = Vec::new();
    frame.encode(Space::FULL, &mut bytes);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Result<RingFrame, GreetError> {
    let mut head = [0; RingFrame::HEAD_LEN];
    stream.read_exact(&mut head).await?;
    let mut body = vec![0; RingFrame::body_len(head, RingStage::Greeting)?];
    stream.read_exact(&mut body).await?;
    Ok(RingFrame::decode(&body, context(Space::FULL))?)
}
