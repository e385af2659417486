//! What names a content: to peers its key, within this node its number.

use drizzle_model::{ContentHash, NetworkId};
use drizzle_wire::ChannelKind;

/// The number of a content, never used twice in the life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ContentId(pub(crate) u64);

/// What names a content to peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ContentKey {
    pub(crate) network: NetworkId,
    pub(crate) hash: ContentHash,
    pub(crate) kind: ChannelKind,
}
