//! What is reported of a ring, as values that are written as results and passed between a ring node and the commands
//! that speak to it.

use std::path::{Path, PathBuf};

use drizzle_node::{RingId, RingPeer, RingReceived, RingState, RingStored};
use serde::{Deserialize, Serialize};

/// A place in a ring: a number in a small one, 64 hexadecimal digits in the ring of hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum IdField {
    /// Of a small ring.
    Number(u64),
    /// Of the ring of hashes.
    Text(String),
}

impl From<RingId> for IdField {
    fn from(id: RingId) -> Self {
        match id {
            RingId::Number(number) => Self::Number(number),
            RingId::Hash(hex) => Self::Text(hex),
        }
    }
}

impl From<&RingPeer> for IdField {
    fn from(peer: &RingPeer) -> Self {
        peer.id.clone().into()
    }
}

/// The first digits are enough for a person.
impl std::fmt::Display for IdField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(hex) => f.write_str(super::text::short(hex)),
        }
    }
}

/// JSON is UTF-8, and a path need not be.
fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// A step of a question's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HopFields {
    /// Who named the next.
    pub(crate) from: IdField,
    /// The next.
    pub(crate) to: IdField,
}

/// A file that the ring keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFields {
    /// What it is called.
    pub(crate) name: String,
    /// Its hash.
    pub(crate) hash: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Where its key lies.
    pub(crate) key: IdField,
    /// The key of the closest successor, which keeps it.
    pub(crate) peer: String,
    /// The place of that one.
    pub(crate) id: Option<IdField>,
    /// The places of all who keep it.
    pub(crate) at: Vec<IdField>,
    /// The file that was stored.
    #[serde(serialize_with = "lossy")]
    pub(crate) path: PathBuf,
}

impl StoredFields {
    /// Of a file that was stored from `path`.
    pub(crate) fn new(stored: RingStored, path: PathBuf) -> Self {
        let RingStored { key, place, at } = stored;
        Self {
            name: key.name.to_string(),
            hash: key.hash.to_string(),
            size: key.size,
            key: place.into(),
            peer: at.first().map(|first| first.peer.to_string()).unwrap_or_default(),
            id: at.first().map(Into::into),
            at: at.iter().map(Into::into).collect(),
            path,
        }
    }
}

/// A file that came from the ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReceivedFields {
    /// What it is called.
    pub(crate) name: String,
    /// Its hash.
    pub(crate) hash: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The key of the peer that answered for it.
    pub(crate) peer: String,
    /// The place of that one.
    pub(crate) id: IdField,
    /// Whether the node that was asked keeps it itself.
    pub(crate) own: bool,
    /// Where it is now.
    #[serde(serialize_with = "lossy")]
    pub(crate) path: PathBuf,
}

impl From<RingReceived> for ReceivedFields {
    fn from(received: RingReceived) -> Self {
        let RingReceived { key, by, path, is_own } = received;
        Self {
            name: key.name.to_string(),
            hash: key.hash.to_string(),
            size: key.size,
            peer: by.peer.to_string(),
            id: (&by).into(),
            own: is_own,
            path,
        }
    }
}

/// Who is near a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NeighboursFields {
    /// The node's place.
    pub(crate) id: IdField,
    /// Its key.
    pub(crate) peer: String,
    /// Those before it, the closest first.
    pub(crate) predecessors: Vec<IdField>,
    /// Those after it, the closest first.
    pub(crate) successors: Vec<IdField>,
    /// What it keeps for the ring; none when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keeps: Option<KeptFields>,
}

/// What a node keeps for its ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptFields {
    /// Records.
    pub(crate) records: usize,
    /// Files.
    pub(crate) files: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Bytes of files that it keeps at the most.
    pub(crate) quota: u64,
}

impl NeighboursFields {
    /// Of what is near `me`.
    pub(crate) fn new(me: &RingPeer, predecessors: &[RingPeer], successors: &[RingPeer]) -> Self {
        let all = |peers: &[RingPeer]| peers.iter().map(Into::into).collect();
        let (predecessors, successors) = (all(predecessors), all(successors));
        Self { id: me.into(), peer: me.peer.to_string(), predecessors, successors, keeps: None }
    }

    /// Of a node that says what it keeps.
    pub(crate) fn of_node(state: &RingState) -> Self {
        let RingState { me, predecessors, successors, records, files, file_bytes, file_bytes_max } = state;
        let (records, files, bytes) = (*records, *files, *file_bytes);
        let keeps = file_bytes_max.map(|quota| KeptFields { records, files, bytes, quota });
        Self { keeps, ..Self::new(me, predecessors, successors) }
    }
}
