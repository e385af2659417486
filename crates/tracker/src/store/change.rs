//! What changes in a catalogue, what is known of it, and the trait of whatever keeps it.
//!
//! Law: changes mean something only in their order, and the same row of changes gives the same catalogue in every store. A
//! change about a peer or a file that is not there changes nothing, so that a row may be told twice.

use std::net::SocketAddr;
use std::sync::Arc;

use drizzle_directory::{Claim, Registration};
use drizzle_model::{ChunkRun, FileKey, Mtime, PeerId};

use super::error::StoreError;

/// Something that happened in the directory and is to last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The peer is there, and serves at this address.
    Peer {
        /// Who.
        peer: PeerId,
        /// Where.
        address: SocketAddr,
    },
    /// The peer is gone, and holds nothing any more.
    Gone {
        /// Who.
        peer: PeerId,
    },
    /// The peer holds a file. The first one who ever did is its registrar; its newest modification time counts.
    Registered {
        /// Who.
        peer: PeerId,
        /// What, and which chunks of it.
        file: Registration,
        /// When, in seconds since 1970.
        unix_s: u64,
    },
    /// The peer holds more of a file than before.
    Chunks {
        /// Who.
        peer: PeerId,
        /// Of what.
        key: FileKey,
        /// Runs of chunks that the file has.
        runs: Vec<ChunkRun>,
    },
    /// The peer does not hold the file any more.
    Unregistered {
        /// Who.
        peer: PeerId,
        /// What.
        key: FileKey,
    },
    /// Nobody holds the file, and it is not remembered any longer.
    Forgotten {
        /// What.
        key: Arc<FileKey>,
    },
    /// No version of the directory has reached this number yet. The greatest one counts.
    Versions {
        /// The first that was given to nobody.
        below: u64,
    },
}

/// Something that a store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// No version of the directory had reached this number.
    Versions {
        /// The first that was given to nobody.
        below: u64,
    },
    /// A file that was registered, whether or not somebody holds it.
    File {
        /// What.
        key: FileKey,
        /// The newest modification time that it was registered with.
        mtime: Mtime,
        /// Who registered it first.
        registrar: PeerId,
        /// When that was, in seconds since 1970.
        unix_s: u64,
    },
    /// A peer that was there.
    Peer {
        /// Who.
        peer: PeerId,
        /// Where it served.
        address: SocketAddr,
    },
    /// What the peer that was told last held of a file. The claim is never about all chunks one by one.
    Holding {
        /// Of which file, of all that were told, counted from 0.
        file: usize,
        /// Which chunks.
        claim: Claim,
    },
}

/// Keeps a catalogue.
pub trait Store: Send + 'static {
    /// Tells everything: the bound of versions, if there is one, then files in the order in which they were first registered, then peers, each followed by what it holds in the
    /// order of the files.
    fn load(&mut self, tell: &mut dyn FnMut(Known)) -> Result<(), StoreError>;

    /// Makes the changes last, all or none of them. When this has returned well they survive whatever happens to the process.
    /// After an error it can be tried again.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError>;
}

impl Change {
    /// About how many bytes it takes in memory, or stands for in the work of a store: whoever is gone takes what it held along.
    pub(crate) fn weight(&self) -> usize {
        const BASE: usize = 128;
        const GONE: usize = 64 * BASE;
        let more = match self {
            Self::Peer { .. } | Self::Versions { .. } => 0,
            Self::Gone { .. } => GONE,
            Self::Registered { file, .. } => file.key.name.as_str().len() + claim_bytes(&file.claim),
            Self::Chunks { key, runs, .. } => key.name.as_str().len() + size_of_val(runs.as_slice()),
            Self::Unregistered { key, .. } => key.name.as_str().len(),
            Self::Forgotten { key } => key.name.as_str().len(),
        };
        BASE + more
    }
}

fn claim_bytes(claim: &Claim) -> usize {
    match claim {
        Claim::All => 0,
        Claim::Runs(runs) => size_of_val(runs.as_slice()),
        Claim::Bits(bits) => bits.len() as usize / 8,
    }
}
