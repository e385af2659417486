//! A ticket: nothing panics, what is taken is written back as the same bytes, and nobody signs for a network without its key.

#![no_main]

use std::sync::LazyLock;

use drizzle_model::{JoinSecret, NetworkId};
use drizzle_net::{NetworkKey, Ticket};
use libfuzzer_sys::fuzz_target;

/// Where the network's id stands in a ticket.
const NETWORK_AT: usize = 1 + 32;

static NETWORK: LazyLock<NetworkId> =
    LazyLock::new(|| NetworkKey::from_secret(&JoinSecret::from_bytes([7; 32])).id());

fuzz_target!(|bytes: &[u8]| {
    let Ok(ticket) = Ticket::from_bytes(bytes) else { return };
    assert_eq!(ticket.to_bytes()[..], *bytes);

    // With the right network and at a time before its end, the signature alone decides.
    let mut claim = ticket.to_bytes();
    claim[NETWORK_AT..][..32].copy_from_slice(NETWORK.as_bytes());
    if let Ok(ticket) = Ticket::from_bytes(&claim) {
        assert!(ticket.verify(0, &NETWORK, &ticket.peer()).is_err());
    }
});
