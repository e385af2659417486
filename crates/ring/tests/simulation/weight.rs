//! What the ring's messages weigh on the wire.

use drizzle_ring::{Answer, Ask, Message, Tell};

/// TCP, IP and Ethernet headers, a TLS record's own bytes, a frame's head, and as much again for the acknowledgement.
const FRAME_BYTES: u32 = 20 + 20 + 14 + 22 + 8 + 54;
/// A key, an address and a port; the position is the key's hash.
const CONTACT_BYTES: u32 = 32 + 18;

/// All that a message costs its sender.
pub(crate) fn wire_bytes(message: &Message) -> u32 {
    FRAME_BYTES + message_bytes(message)
}

fn message_bytes(message: &Message) -> u32 {
    let contacts = |count: usize| 2 + CONTACT_BYTES * count as u32;
    let records = |offers: &[drizzle_ring::Offered]| -> u32 {
        offers.iter().map(|offer| 64 + offer.record.content().signed_bytes().len() as u32).sum()
    };
    match message {
        Message::Ask(_, ask) => match ask {
            Ask::Ping | Ask::Join => 0,
            Ask::State { .. } => 9,
            Ask::Route { .. } | Ask::Owner { .. } | Ask::Get(_) => 32,
            Ask::Put(offers) => records(offers),
            Ask::Compare { .. } => 80,
            Ask::Pull(prints) | Ask::Settled(prints) => 16 * prints.len() as u32,
        },
        Message::Answer(_, answer) => match answer {
            Answer::Pong | Answer::Busy | Answer::NotMember | Answer::Unchanged | Answer::Same => 0,
            Answer::State { predecessor, successors, .. } => {
                8 + contacts(successors.len() + usize::from(predecessor.is_some()))
            }
            Answer::Route { nearer, owners } => contacts(nearer.len()) + contacts(owners.len()),
            Answer::Owner { predecessor } => contacts(usize::from(predecessor.is_some())),
            Answer::Put(results) => 2 * results.len() as u32,
            Answer::Records(offers) => records(offers),
            Answer::Differs { holdings, .. } => 32 + 16 * holdings.len() as u32,
            Answer::Settled(prints) => 16 * prints.len() as u32,
        },
        Message::Tell(tell) => match tell {
            Tell::Notify { predecessors } => contacts(predecessors.len()),
            Tell::Stabilize | Tell::Quit => 0,
            Tell::Merge(_) => CONTACT_BYTES,
        },
    }
}
