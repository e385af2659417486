//! The bytes of the peer protocol: frames, messages and manifests, with their limits; and those of a ring ([`RingFrame`]).
//!
//! A connection carries one ordered stream of frames each way. [`FrameHead`] is the first five bytes of a frame; they
//! say whether a [`Message`] follows, which is read whole, or a [`DataHeader`] and a payload, which the caller moves
//! straight between socket and disk. A value that exists fits in its frame, so writing never fails; reading
//! believes nothing, and takes each value in one form only, so that reading and writing again gives the same bytes.
//!
//! Nothing here reads a socket, and nothing knows what was said before: whether a message is in its place, whether a
//! chunk exists, whether it was asked for, is for the peer to know. docs/protocol.md describes all of it; the
//! tests read their golden vectors from there.

#![no_std]

extern crate alloc;

mod channel;
mod field;
mod frame;
mod held;
mod limits;
mod list;
mod manifest;
mod message;
mod metadata;
mod peer_address;
mod reason;
mod ring;
mod runs;
mod text;

pub use channel::{Channel, ChannelKind, Side};
pub use field::FieldError;
pub use frame::{DataHead, DataHeader, DecodeError, FrameHead, MessageHead, Pieces};
pub use held::Held;
pub use limits::*;
pub use list::List;
pub use manifest::{EntryError, ManifestDecodeError, decode_manifest, encode_manifest};
pub use message::{Agent, ByeText, Chunks, HashCount, Hashes, Message, Peers, Tag, TicketBytes};
pub use peer_address::PeerAddress;
pub use reason::{ByeReason, RefuseReason, UnavailableReason};
pub use ring::{
    CARD_ADDRESSES_MAX, CARD_NAME_BYTES_MAX, CARD_RUNS_MAX, CardKind, Reply, RingCard, RingContext,
    RingDecodeError, RingFailure, RingFrame, RingHello, RingStage, Wish, ring_position,
};
pub use runs::Runs;
pub use text::Text;
