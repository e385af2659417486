//! Contacts, positions and signed records, made of random numbers: they stand for what keys would make.

use std::net::{Ipv4Addr, SocketAddr};

use drizzle_model::{ContentHash, PeerId};
use drizzle_ring::{Contact, Content, Key, Lease, Position, Record, RecordId};
use drizzle_sim::{HostId, Random};

pub(crate) fn random_bytes(random: &mut Random) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&random.bits().to_le_bytes()));
    bytes
}

/// A contact of the full ring: the key is random, and stands for its own hash.
pub(crate) fn new_contact(host: HostId, random: &mut Random) -> Contact {
    let bytes = random_bytes(random);
    let address = SocketAddr::new(Ipv4Addr::from(host.0).into(), 7441);
    Contact { position: Position::from_bytes(&bytes), peer: PeerId::from_bytes(bytes), address }
}

pub(crate) fn random_position(random: &mut Random) -> Position {
    Position::from_bytes(&random_bytes(random))
}

/// A signature that only stands for one: the bytes decide it, and no other will do.
fn signature_of(bytes: &[u8]) -> [u8; 64] {
    let mut seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29)
    });
    let mut signature = [0; 64];
    for part in signature.chunks_exact_mut(8) {
        seed = Random::new(seed).bits();
        part.copy_from_slice(&seed.to_le_bytes());
    }
    signature
}

pub(crate) fn signed(content: Content) -> Record {
    let signature = signature_of(&content.signed_bytes());
    let is_signed = |_: &PeerId, bytes: &[u8], signature: &[u8; 64]| *signature == signature_of(bytes);
    Record::checked(content, signature, is_signed).unwrap()
}

/// A stored file's record.
pub(crate) fn blob_record(key: Key, publisher: PeerId, blob: ContentHash, bytes: u64) -> Record {
    signed(Content {
        id: RecordId { key, publisher, subject: blob },
        version: 1,
        lease: Lease::Forever,
        rank: 0,
        blob_bytes: Some(bytes),
        withdrawn: false,
        value: b"a file".to_vec(),
    })
}
