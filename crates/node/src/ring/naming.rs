//! Under which key something lies in a ring, and what is written on the card that lies there.

use std::net::SocketAddr;

use drizzle_model::{Bitmap, ContentHash, FileKey, Mtime, PeerId, RelPath};
use drizzle_net::Identity;
use drizzle_ring::{Content, Key, Lease, Record, RecordId, Space};
use drizzle_wire::{CardKind, RingCard};

use super::standing::{signed, version_now};

/// What the keys of names are derived for, so that no name lies where a hash does.
const NAME_CONTEXT: &str = "drizzle 2025-11 ring key of a name";
const STORED_CONTEXT: &str = "drizzle 2025-11 ring key of a stored file";

/// The key of what is shared under a name.
pub(crate) fn name_key(name: &RelPath) -> Key {
    Key::from_bytes(blake3::derive_key(NAME_CONTEXT, name.as_str().as_bytes()))
}

/// The key of who has what a hash names.
pub(crate) fn hash_key(hash: &ContentHash) -> Key {
    Key::from_bytes(*hash.as_bytes())
}

/// The key of a file that the ring keeps. Small rings name their files by numbers, which lie at the number modulo the
/// ring's size.
pub(crate) fn stored_key(space: Space, name: &RelPath) -> Key {
    let number = if space == Space::FULL { None } else { name.as_str().parse().ok() };
    match number {
        Some(number) => Key::from_number(number),
        None => Key::from_bytes(blake3::derive_key(STORED_CONTEXT, name.as_str().as_bytes())),
    }
}

/// The key of a card.
pub(crate) fn key_of(space: Space, card: &RingCard) -> Key {
    match card.kind {
        CardKind::Name => name_key(&card.key.name),
        CardKind::Stored => stored_key(space, &card.key.name),
        _ => hash_key(&card.key.hash),
    }
}

/// What a card says.
#[derive(Debug, Clone)]
pub(crate) struct CardText<'a> {
    pub(crate) kind: CardKind,
    pub(crate) key: &'a FileKey,
    pub(crate) mtime: Mtime,
    pub(crate) have: &'a Bitmap,
    pub(crate) addresses: &'a [SocketAddr],
}

/// Whether a card stays, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Until so many seconds since 1970.
    Until(u64),
    /// Taken back; remembered until so many seconds since 1970.
    Withdrawn(u64),
    /// For good, with the file.
    WithFile,
}

/// A signed record of a card; none when its name is too long for one.
pub(crate) fn record_of(
    identity: &Identity,
    space: Space,
    text: CardText<'_>,
    standing: Standing,
) -> Option<Record> {
    let CardText { kind, key, mtime, have, addresses } = text;
    let publisher = identity.id();
    let (key, addresses) = (key.clone(), addresses.to_vec());
    let card = RingCard { kind, key, mtime, addresses, have: have.runs().collect() };
    let lies_under = key_of(space, &card);
    // One publisher may share one content under several names.
    let subject = match kind {
        CardKind::Provider => {
            ContentHash::from_bytes(*blake3::hash(card.key.name.as_str().as_bytes()).as_bytes())
        }
        _ => card.key.hash,
    };
    let content = Content {
        id: RecordId { key: lies_under, publisher, subject },
        version: version_now(),
        lease: match standing {
            Standing::Until(end) | Standing::Withdrawn(end) => Lease::Until(end),
            Standing::WithFile => Lease::Forever,
        },
        rank: mtime.seconds(),
        blob_bytes: (standing == Standing::WithFile).then_some(card.key.size),
        withdrawn: matches!(standing, Standing::Withdrawn(_)),
        value: card.encode(publisher)?,
    };
    signed(identity, content)
}

/// Reads the card of a record; none when it says something else than where it lies.
pub(crate) fn card_of(space: Space, record: &Record) -> Option<(PeerId, RingCard)> {
    let content = record.content();
    let publisher = content.id.publisher;
    let card = RingCard::decode(&content.value, publisher).ok()?;
    let is_stored = content.blob_bytes == Some(card.key.size) && content.id.subject == card.key.hash;
    let fits = key_of(space, &card) == content.id.key && (card.kind != CardKind::Stored || is_stored);
    // Keepers look at the rank alone, and refuse one of the future.
    let is_dated = content.rank == card.mtime.seconds();
    (fits && is_dated).then_some((publisher, card))
}
