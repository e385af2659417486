//! What became of a file that was given to a ring or asked of it, and where a node stands.

use std::path::PathBuf;

use drizzle_model::FileKey;
use drizzle_ring::Space;

use super::happening::RingPeer;
use super::near::Near;
use super::standing::RingId;

/// A file that the ring keeps.
#[derive(Debug, Clone)]
pub struct RingStored {
    /// What it is.
    pub key: FileKey,
    /// Where its key lies.
    pub place: RingId,
    /// Who keeps it, the closest successor of its key first.
    pub at: Vec<RingPeer>,
}

/// A file that came from the ring.
#[derive(Debug, Clone)]
pub struct RingReceived {
    /// What it is.
    pub key: FileKey,
    /// Who said what it is: the first on the way that keeps it.
    pub by: RingPeer,
    /// Where it is now.
    pub path: PathBuf,
    /// Whether this node itself keeps it for the ring.
    pub is_own: bool,
}

/// Where a node stands.
#[derive(Debug, Clone)]
pub struct RingState {
    /// The node.
    pub me: RingPeer,
    /// Those before it, the closest first.
    pub predecessors: Vec<RingPeer>,
    /// Those after it, the closest first.
    pub successors: Vec<RingPeer>,
    /// Records that it keeps.
    pub records: usize,
    /// Files that it keeps.
    pub files: usize,
    /// Their bytes.
    pub file_bytes: u64,
    /// Bytes of files that it keeps at the most; none when that is for it alone to know.
    pub file_bytes_max: Option<u64>,
}

impl RingState {
    /// Who is where. What the node keeps is for it alone to know.
    pub(super) fn of(space: Space, near: Near) -> Self {
        Self {
            me: RingPeer::of(space, near.me),
            predecessors: RingPeer::all_of(space, near.predecessors),
            successors: RingPeer::all_of(space, near.successors),
            records: 0,
            files: 0,
            file_bytes: 0,
            file_bytes_max: None,
        }
    }
}
