//! The bytes of the catalogue's database. What cannot be read is damage, never a panic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use drizzle_directory::Claim;
use drizzle_model::{Bitmap, ContentHash, ContentKind, FileKey, Mtime, PeerId, RelPath};

/// A file's row: its number, which grows with each first registration, and what [`Known::File`](super::Known) says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileRow {
    pub(super) number: u64,
    pub(super) mtime: Mtime,
    pub(super) registrar: PeerId,
    pub(super) unix_s: u64,
}

/// A peer's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PeerRow {
    pub(super) number: u64,
    pub(super) address: SocketAddr,
}

impl FileRow {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.number.to_be_bytes().to_vec();
        bytes.extend(self.mtime.seconds().to_be_bytes());
        bytes.extend(self.mtime.nanoseconds().to_be_bytes());
        bytes.extend(self.registrar.as_bytes());
        bytes.extend(self.unix_s.to_be_bytes());
        bytes
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let row = Self {
            number: u64::from_be_bytes(take(&mut bytes)?),
            mtime: Mtime::new(i64::from_be_bytes(take(&mut bytes)?), u32::from_be_bytes(take(&mut bytes)?))?,
            registrar: PeerId::from_bytes(take(&mut bytes)?),
            unix_s: u64::from_be_bytes(take(&mut bytes)?),
        };
        bytes.is_empty().then_some(row)
    }
}

impl PeerRow {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.number.to_be_bytes().to_vec();
        bytes.extend(self.address.port().to_be_bytes());
        match self.address.ip() {
            IpAddr::V4(ip) => bytes.extend(ip.octets()),
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
        bytes
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let number = u64::from_be_bytes(take(&mut bytes)?);
        let port = u16::from_be_bytes(take(&mut bytes)?);
        let ip = match bytes.len() {
            4 => IpAddr::V4(Ipv4Addr::from_octets(take(&mut bytes)?)),
            16 => IpAddr::V6(Ipv6Addr::from_octets(take(&mut bytes)?)),
            _ => return None,
        };
        Some(Self { number, address: SocketAddr::new(ip, port) })
    }
}

/// A file's identity, with the name at the end, since it has no fixed length.
pub(super) fn key_to_bytes(key: &FileKey) -> Vec<u8> {
    let mut bytes = key.hash.as_bytes().to_vec();
    bytes.push(match key.kind {
        ContentKind::File => 0,
        ContentKind::Folder => 1,
    });
    bytes.extend(key.size.to_be_bytes());
    bytes.extend(key.chunks.to_be_bytes());
    bytes.extend(key.name.as_str().as_bytes());
    bytes
}

pub(super) fn key_from_bytes(mut bytes: &[u8]) -> Option<FileKey> {
    let hash = ContentHash::from_bytes(take(&mut bytes)?);
    let kind = match take(&mut bytes)? {
        [0] => ContentKind::File,
        [1] => ContentKind::Folder,
        _ => return None,
    };
    let size = u64::from_be_bytes(take(&mut bytes)?);
    let chunks = u32::from_be_bytes(take(&mut bytes)?);
    let name = RelPath::new(std::str::from_utf8(bytes).ok()?).ok()?;
    Some(FileKey { name, hash, size, chunks, kind })
}

/// What a peer has of a file, as a set; none for all of it.
pub(super) fn bits_of(claim: &Claim, chunks: u32) -> Option<Bitmap> {
    let bits = match claim {
        Claim::All => return None,
        Claim::Bits(bits) => bits.clone(),
        Claim::Runs(runs) => {
            let mut bits = Bitmap::empty(chunks);
            runs.iter().filter(|run| run.last < chunks).for_each(|&run| bits.insert_run(run));
            bits
        }
    };
    (!bits.is_full()).then_some(bits)
}

/// Nothing stands for everything: who has all of a file costs no byte.
pub(super) fn bits_to_bytes(bits: Option<&Bitmap>) -> Vec<u8> {
    bits.map(Bitmap::to_bytes).unwrap_or_default()
}

pub(super) fn claim_from_bytes(chunks: u32, bytes: &[u8]) -> Option<Claim> {
    match bytes {
        [] => Some(Claim::All),
        bytes => Bitmap::from_bytes(chunks, bytes).map(Claim::Bits),
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value goes there and back, and no shorter or longer row is taken for one, nor makes the reader panic.
    #[test]
    fn rows_go_there_and_back_and_nothing_else_does() {
        let file = FileRow {
            number: 7,
            mtime: Mtime::new(-3, 999_999_999).unwrap(),
            registrar: PeerId::from_bytes([4; 32]),
            unix_s: 1_800_000_000,
        };
        let bytes = file.to_bytes();
        assert_eq!(FileRow::from_bytes(&bytes), Some(file));
        for len in (0..bytes.len()).chain([bytes.len() + 1]) {
            let mut other = bytes.clone();
            other.resize(len, 0);
            assert_eq!(FileRow::from_bytes(&other), None, "{len} bytes");
        }
        for address in ["10.0.0.1:7441", "[2001:db8::1]:1"] {
            let peer = PeerRow { number: u64::MAX, address: address.parse().unwrap() };
            let bytes = peer.to_bytes();
            assert_eq!(PeerRow::from_bytes(&bytes), Some(peer));
            for len in 0..bytes.len() {
                assert!(PeerRow::from_bytes(&bytes[..len]).is_none_or(|other| other != peer), "{len} bytes");
            }
        }
        let key = FileKey {
            name: RelPath::new("ü/b").unwrap(),
            hash: ContentHash::from_bytes([9; 32]),
            size: 1 << 40,
            chunks: 70,
            kind: ContentKind::Folder,
        };
        let bytes = key_to_bytes(&key);
        assert_eq!(key_from_bytes(&bytes), Some(key));
        for len in 0..bytes.len() {
            assert_ne!(
                key_from_bytes(&bytes[..len]).map(|key| key.name.as_str().len()),
                Some(4),
                "{len} bytes"
            );
        }
        assert_eq!(key_from_bytes(&[&bytes[..45], b"../x"].concat()), None, "a name that leaves its folder");
    }
}
