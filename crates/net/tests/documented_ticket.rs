//! The ticket in docs/protocol.md is the one that its secret gives, so that a peer written from the page alone gets in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../wire/tests/document/mod.rs"]
#[allow(dead_code, reason = "the tests of the frames use more of it")]
mod document;

use drizzle_model::{JoinSecret, PeerId};
use drizzle_net::{NetworkKey, Ticket};

#[test]
fn the_ticket_is_as_documented() {
    let documented = document::block("hex", "ticket ring").bytes();
    let ring = NetworkKey::from_secret(&JoinSecret::from_bytes([0xcd; 32]));
    let peer = PeerId::from_bytes([0x44; 32]);
    let ticket = ring.issue(peer, 1_800_000_000);
    assert_eq!(&ticket.to_bytes()[..], documented);
    let read = Ticket::from_bytes(&documented).unwrap();
    assert_eq!(read.verify(1_800_000_000 - 1, &ring.id(), &peer), Ok(()));
}
