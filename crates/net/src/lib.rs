//! How peers reach each other: connections that are encrypted and know who is at the other end.
//!
//! * [`Identity`] is this peer's key, [`NetworkKey`] a network's; their public halves are the ids.
//! * [`Dialer`] and [`Acceptor`] make a [`Connection`] from either end: TLS 1.3 with raw public keys (RFC 7250) on
//!   both sides, so whoever holds a connection knows the key of the remote, and nobody vouches for anybody.
//! * [`Ticket`] says that a network took a peer in, [`JoinProof`] that a peer knows the network's secret.
//! * [`RateLimiter`] holds traffic to a number of bytes a second.
//!
//! No message of any protocol is known here: a connection is a stream of bytes. That it is TLS over TCP does not
//! show either, since peers behind address translation will need another transport.

mod accept;
mod connect;
mod connection;
mod dial;
mod handshake;
mod identity;
mod join_proof;
mod key_file;
mod key_pair;
mod limits;
mod network_key;
mod rate;
mod record;
mod socket;
mod ticket;
mod tls;

pub use accept::{AcceptError, Accepted, Acceptor};
pub use connection::{Connection, Protocol, ReadHalf, Remote, WriteHalf};
pub use dial::{DialError, Dialer, Expect};
pub use identity::{Identity, is_signed_by, random_bytes};
pub use join_proof::JoinProof;
pub use key_file::KeyFileError;
pub use limits::Timeouts;
pub use network_key::NetworkKey;
pub use rate::{RateLimiter, TokenBucket};
pub use ticket::{Ticket, TicketError};
