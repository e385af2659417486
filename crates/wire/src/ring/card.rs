//! What a record says of a file or folder: the value that goes with a name, a hash or a stored file.

use alloc::vec::Vec;
use core::net::SocketAddr;

use drizzle_model::{Bitmap, ChunkRun, ContentKind, FileKey, Mtime, PeerId, RelPath};

use super::fields::read_flag;
use crate::PeerAddress;
use crate::field::{Field, FieldError, Fields, write_text};

/// The longest name of a card, in bytes. With the rest a card stays below the 1,024 bytes of a record's value.
pub const CARD_NAME_BYTES_MAX: usize = 480;
/// The most addresses of a card: each may cost whoever fetches a time-out.
pub const CARD_ADDRESSES_MAX: usize = 4;
/// The most runs of chunks on a card. Peers tell each other the rest.
pub const CARD_RUNS_MAX: usize = 40;

/// Under what a card lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CardKind {
    /// Under its name: what is called so.
    Name,
    /// Under its hash: who has some of it.
    Provider,
    /// Under its name: a file that the ring itself keeps.
    Stored,
}

crate::field::codes!(CardKind, "the kind of a card (0 to 2)", 0 => Name, 1 => Provider, 2 => Stored);

/// A card. Its publisher is whoever signed the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingCard {
    /// Under what it lies.
    pub kind: CardKind,
    /// What it is of.
    pub key: FileKey,
    /// When that changed last.
    pub mtime: Mtime,
    /// Where the publisher serves, the best first.
    pub addresses: Vec<SocketAddr>,
    /// What it has of it, or of more than fits on a card the first.
    pub have: Vec<ChunkRun>,
}

impl RingCard {
    /// Writes it, of addresses and runs as many as a card has room for; none when the name is too long for a card.
    pub fn encode(&self, publisher: PeerId) -> Option<Vec<u8>> {
        if self.key.name.as_str().len() > CARD_NAME_BYTES_MAX {
            return None;
        }
        let mut out = Vec::new();
        self.kind.write(&mut out);
        write_text(self.key.name.as_str(), &mut out);
        self.key.hash.write(&mut out);
        self.key.size.write(&mut out);
        self.key.chunks.write(&mut out);
        out.push(u8::from(self.key.kind == ContentKind::Folder));
        self.mtime.seconds().write(&mut out);
        self.mtime.nanoseconds().write(&mut out);
        let addresses = self.addresses.iter().filter_map(|&address| PeerAddress::new(publisher, address));
        let addresses: Vec<PeerAddress> = addresses.take(CARD_ADDRESSES_MAX).collect();
        out.push(addresses.len() as u8);
        addresses.iter().for_each(|address| address.write_address(&mut out));
        let runs = &self.have[..self.have.len().min(CARD_RUNS_MAX)];
        out.push(runs.len() as u8);
        for run in runs {
            run.first.write(&mut out);
            run.last.write(&mut out);
        }
        Some(out)
    }

    /// Reads one that `publisher` signed.
    pub fn decode(bytes: &[u8], publisher: PeerId) -> Result<Self, FieldError> {
        let mut fields = Fields::new(bytes);
        let card = Self::read(&mut fields, publisher)?;
        fields.finish().map(|()| card)
    }

    fn read(fields: &mut Fields<'_>, publisher: PeerId) -> Result<Self, FieldError> {
        let kind = fields.read("kind")?;
        fields.rename("name");
        let name = RelPath::new(fields.text()?).map_err(|_| fields.form("a relative path"))?;
        if name.as_str().len() > CARD_NAME_BYTES_MAX {
            return Err(fields.form("a name of at most 480 bytes"));
        }
        let hash = fields.read("hash")?;
        let size = fields.read("size")?;
        let chunks = fields.read("chunks")?;
        if chunks > crate::CHUNKS_MAX {
            return Err(fields.value("at most 2^24 chunks", chunks));
        }
        let content = if read_flag(fields, "folder")? { ContentKind::Folder } else { ContentKind::File };
        let seconds = fields.read("seconds")?;
        let nanoseconds: u32 = fields.read("nanoseconds")?;
        let mtime = Mtime::new(seconds, nanoseconds)
            .ok_or_else(|| fields.value("less than a second of nanoseconds", nanoseconds))?;
        let addresses = read_addresses(fields, publisher)?;
        let have = read_runs(fields, chunks)?;
        let key = FileKey { name, hash, size, chunks, kind: content };
        Ok(Self { kind, key, mtime, addresses, have })
    }

    /// Which kind of card these bytes would be, without reading the rest.
    pub fn kind_of(bytes: &[u8]) -> Option<CardKind> {
        CardKind::read(&mut Fields::new(bytes)).ok()
    }

    /// What the publisher says it has.
    pub fn bitmap(&self) -> Bitmap {
        let mut have = Bitmap::empty(self.key.chunks);
        self.have.iter().for_each(|&run| have.insert_run(run));
        have
    }
}

fn read_addresses(fields: &mut Fields<'_>, publisher: PeerId) -> Result<Vec<SocketAddr>, FieldError> {
    let count: u8 = fields.read("addresses")?;
    if usize::from(count) > CARD_ADDRESSES_MAX {
        return Err(fields.value("at most 4 addresses", count));
    }
    (0..count).map(|_| PeerAddress::read_address(fields, publisher).map(|one| one.address())).collect()
}

fn read_runs(fields: &mut Fields<'_>, chunks: u32) -> Result<Vec<ChunkRun>, FieldError> {
    let count: u8 = fields.read("runs")?;
    if usize::from(count) > CARD_RUNS_MAX {
        return Err(fields.value("at most 40 runs", count));
    }
    let mut runs: Vec<ChunkRun> = Vec::new();
    for _ in 0..count {
        let run = ChunkRun { first: fields.read("first")?, last: fields.read("last")? };
        let is_behind =
            runs.last().is_none_or(|before| before.last.checked_add(1).is_some_and(|next| run.first > next));
        if run.first > run.last || run.last >= chunks || !is_behind {
            return Err(fields.form("rising runs of the file's chunks, one chunk apart or more"));
        }
        runs.push(run);
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_model::ContentHash;
    use proptest::prelude::*;

    fn card(name: &str, runs: u32) -> RingCard {
        let key = FileKey {
            name: RelPath::new(name).unwrap(),
            hash: ContentHash::from_bytes([0x11; 32]),
            size: 1 << 40,
            chunks: 1000,
            kind: ContentKind::Folder,
        };
        let addresses = ["10.0.0.1:7441", "[2001:db8::1]:7441"].map(|text| text.parse().unwrap()).into();
        let have = (0..runs).map(|n| ChunkRun { first: n * 3, last: n * 3 + 1 }).collect();
        RingCard { kind: CardKind::Provider, key, mtime: Mtime::new(-1, 7).unwrap(), addresses, have }
    }

    const PUBLISHER: PeerId = PeerId::from_bytes([9; 32]);

    /// Would fail for a card that does not fit into a record, or loses something on the way.
    #[test]
    fn the_longest_card_fits_into_a_record_and_is_read_again() {
        let longest = (0..2).map(|_| "n".repeat(239)).collect::<Vec<_>>().join("/") + "x";
        for (name, runs) in [("n", 0), (longest.as_str(), CARD_RUNS_MAX as u32)] {
            let card = card(name, runs);
            let bytes = card.encode(PUBLISHER).unwrap();
            assert!(bytes.len() <= drizzle_ring::VALUE_BYTES_MAX, "{}", bytes.len());
            assert_eq!(RingCard::decode(&bytes, PUBLISHER), Ok(card));
            for end in 0..bytes.len() {
                assert!(RingCard::decode(&bytes[..end], PUBLISHER).is_err(), "cut at {end}");
            }
        }
    }

    #[test]
    fn more_than_fits_is_left_out_and_too_long_a_name_is_refused() {
        let bytes = card("n", 200).encode(PUBLISHER).unwrap();
        assert_eq!(RingCard::decode(&bytes, PUBLISHER).unwrap().have.len(), CARD_RUNS_MAX);
        let long = (0..3).map(|_| "n".repeat(200)).collect::<Vec<_>>().join("/");
        assert_eq!(card(&long, 1).encode(PUBLISHER), None);
    }

    proptest! {
        #[test]
        fn random_bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(card) = RingCard::decode(&bytes, PUBLISHER) {
                prop_assert_eq!(card.encode(PUBLISHER), Some(bytes));
            }
        }
    }
}
