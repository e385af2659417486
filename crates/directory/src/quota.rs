//! How much a peer, and all of them together, can make the directory hold.

/// The limits on what strangers can make grow.
pub mod limits {
    /// Peers at one time: what a flood of new keys can cost is some 60 MB.
    pub const PEERS_MAX: usize = 1 << 18;
    /// Files of one peer. Whoever has more shares a folder, which is one file here.
    pub const FILES_PER_PEER_MAX: u32 = 100_000;
    /// All names of one peer's files together, in bytes: room for [`FILES_PER_PEER_MAX`] long ones.
    pub const NAME_BYTES_PER_PEER_MAX: u64 = 16 << 20;
    /// Chunks of one file: as many as the peer protocol lets a content have, since nobody could fetch more. Whoever asks for a
    /// file makes a bitmap of its chunks, here one of 2 MiB.
    pub const CHUNKS_MAX: u32 = 1 << 24;
    /// Chunks of all files that one peer has in part: each costs a bit. Room for 64 files of a tebibyte.
    pub const PARTIAL_CHUNKS_PER_PEER_MAX: u64 = 1 << 22;
    /// Pairs of a file and a peer that holds it, of all peers: some 2 GB at worst.
    pub const HOLDINGS_MAX: usize = 1 << 24;
    /// Chunks of all files that are held in part, of all peers: 1 GiB of bits.
    pub const PARTIAL_CHUNKS_MAX: u64 = 1 << 33;
    /// Files that nobody holds any more, but whose first registrar is remembered: some 40 MB. Of more, those that were registered
    /// longest ago are forgotten.
    pub const PAST_FILES_MAX: usize = 1 << 17;
    /// All names of such files together, in bytes.
    pub const PAST_NAME_BYTES_MAX: usize = 32 << 20;
    /// Reports of bad sources that are remembered, of all peers; later ones are refused.
    pub const REPORTS_MAX: usize = 1 << 16;
    /// Reports that are remembered about one source of one file. More would not change its place.
    pub const REPORTS_PER_HOLDING_MAX: usize = 16;
    /// Files in one page of a listing.
    pub const PAGE_FILES_MAX: usize = 1000;
    /// Names that are looked at for one page, so that a search that finds nothing ends in a few milliseconds. A page may
    /// therefore hold less than was asked for, or nothing, and still have a next one.
    pub const PAGE_SCAN_MAX: usize = 16_384;
    /// What comparing names may cost for one page, about in characters that are looked at, since long names and long patterns
    /// cost more: some 10 ms. The name at which that is reached is still compared.
    pub const PAGE_STEPS_MAX: usize = 4 << 20;
    /// Changes that are remembered for those who keep a copy of a listing: some 6 MB.
    pub const CHANGES_MAX: usize = 1 << 16;
    /// All names in those changes together, in bytes: files that are gone live on in them.
    pub const CHANGES_NAME_BYTES_MAX: usize = 16 << 20;
    /// Files of one name or one hash in the answer to a single question.
    pub const LOCATED_FILES_MAX: usize = 64;
    /// Files of one name or one hash that are looked at to choose those.
    pub const LOCATED_SCAN_MAX: usize = 4096;
    /// Holders in the answer to a single question. Each of them knows others.
    pub const LOCATED_HOLDERS_MAX: usize = 1000;
    /// Chunks of holders that have a part, in the answer to a single question: 4 MiB of bits.
    pub const LOCATED_CHUNKS_MAX: u64 = 1 << 25;
}

use limits::{FILES_PER_PEER_MAX, NAME_BYTES_PER_PEER_MAX, PARTIAL_CHUNKS_PER_PEER_MAX};

/// What a peer holds, as far as it counts against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) files: u32,
    pub(crate) name_bytes: u64,
    pub(crate) partial_chunks: u64,
}

impl Usage {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            files: self.files + other.files,
            name_bytes: self.name_bytes + other.name_bytes,
            partial_chunks: self.partial_chunks + other.partial_chunks,
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            files: self.files - other.files,
            name_bytes: self.name_bytes - other.name_bytes,
            partial_chunks: self.partial_chunks - other.partial_chunks,
        }
    }

    /// The first quota of a single peer that this exceeds.
    pub(crate) fn exceeds(self) -> Option<QuotaError> {
        if self.files > FILES_PER_PEER_MAX {
            Some(QuotaError::Files)
        } else if self.name_bytes > NAME_BYTES_PER_PEER_MAX {
            Some(QuotaError::NameBytes)
        } else if self.partial_chunks > PARTIAL_CHUNKS_PER_PEER_MAX {
            Some(QuotaError::PartialChunks)
        } else {
            None
        }
    }
}

/// Which quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuotaError {
    Files,
    NameBytes,
    PartialChunks,
}
