//! What a node tells the one who runs it, as it happens.

use std::net::SocketAddr;
use std::path::PathBuf;

use drizzle_model::{ChunkIndex, ContentHash, FileKey, PeerId, RelPath};

use crate::share::SharedItem;

/// Something that happened. Nothing waits for it to be read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Shared files are read to learn their hashes.
    Hashing {
        /// What is being shared.
        path: PathBuf,
        /// Bytes read until now.
        done: u64,
        /// Bytes to read in all, as far as known.
        total: u64,
    },
    /// What is shared changed, and is shared as it is now.
    Shared {
        /// What it is now.
        item: Box<SharedItem>,
        /// The hash of what was there before; none where nothing was.
        replaces: Option<ContentHash>,
    },
    /// What was shared is gone, and the tracker knows.
    Unshared {
        /// What it was.
        key: FileKey,
    },
    /// A chunk came, and is what it should be.
    Chunk {
        /// Of which fetch.
        name: RelPath,
        /// Which chunk.
        index: ChunkIndex,
        /// Who sent it.
        peer: PeerId,
    },
    /// How far a fetch is. Comes some times a second.
    Progress {
        /// Which fetch.
        name: RelPath,
        /// Verified bytes, from earlier runs too.
        done: u64,
        /// Bytes in all.
        total: u64,
        /// Bytes a second, over the last seconds.
        rate: u64,
        /// How many peers it comes from.
        peers: usize,
    },
    /// How far one big file of a folder is.
    FileProgress {
        /// Which fetch.
        name: RelPath,
        /// Which file of it.
        path: RelPath,
        /// Verified bytes.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Something that a peer sent was refused, or the peer itself.
    Refused {
        /// Which fetch.
        name: RelPath,
        /// Who sent it.
        peer: PeerId,
        /// Why.
        reason: String,
    },
    /// A classic peer did not give what it was asked for; the next one is asked.
    ClassicRefused {
        /// Which fetch.
        name: RelPath,
        /// Where it serves: it has no other name.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// What is told is not all there is.
    Incomplete {
        /// What is missing, and why.
        reason: String,
    },
    /// Something that a person should know and that ends nothing.
    Notice(String),
}
