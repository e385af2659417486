//! All that can happen to the hub but on its lanes: who calls, who was called, and what the owner wants.

use std::sync::Arc;

use drizzle_model::{Address, Bitmap, ChunkHashes, ChunkIndex, Metadata, PeerId};
use drizzle_store::{DiskError, Download, Source};
use drizzle_swarm::ChunkSizes;
use tokio::sync::{mpsc, oneshot};

use crate::content_key::{ContentId, ContentKey};
use crate::lane::Greeted;

/// A content that the hub is to serve, and to fetch where there is a download.
pub(crate) struct NewContent {
    pub(crate) key: ContentKey,
    pub(crate) size: u64,
    pub(crate) metadata: Metadata,
    pub(crate) sizes: ChunkSizes,
    pub(crate) have: Bitmap,
    pub(crate) source: Arc<dyn Source>,
    /// Those that are told on a channel of kind `Bytes`.
    pub(crate) hashes: Option<Arc<ChunkHashes>>,
    pub(crate) download: Option<Arc<Download>>,
    pub(crate) watcher: mpsc::UnboundedSender<ContentEvent>,
    /// Peers that are known to tell falsehoods about it.
    pub(crate) banned: Vec<PeerId>,
}

/// What the owner of a content hears of it.
#[derive(Debug)]
pub(crate) enum ContentEvent {
    /// Bytes came in, not yet known to be right.
    Arrived { bytes: u64 },
    /// A chunk is here and right.
    Verified { peer: PeerId, chunk: ChunkIndex, bytes: u64 },
    /// A peer sent a wrong chunk and is dropped.
    Corrupt { peer: PeerId, chunk: ChunkIndex },
    /// A peer broke the protocol and is dropped.
    Violation { peer: PeerId, reason: String },
    /// A peer says that its file changed.
    SourceChanged { peer: PeerId },
    /// So many peers are connected that have some of it.
    Sources { connected: usize },
    /// Chunks are missing that no connected peer has.
    Starved,
    /// No chunk is missing.
    Complete,
    /// The disk does not take it.
    DiskFailed(DiskError),
    /// The shared file is no longer what it was.
    Changed { reason: String },
}

/// Somebody who may have a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) address: Address,
    /// Whose key to expect there; none where only the address is known.
    pub(crate) peer: Option<PeerId>,
}

/// What the hub is told to do.
pub(crate) enum Command {
    /// Take up a content.
    Add { content: Box<NewContent>, reply: oneshot::Sender<ContentId> },
    /// Forget a content.
    Remove { content: ContentId },
    /// These may have it.
    Candidates { content: ContentId, candidates: Vec<Candidate> },
    /// Use this connection for it.
    Attach { content: ContentId, greeted: Box<Greeted>, address: Address },
    /// Say goodbye to all, and end.
    ShutDown,
}

/// Something that happened.
pub(crate) enum Input {
    /// A peer called and was let in.
    Called(Box<Greeted>),
    /// A call to a candidate ended.
    Dialled { content: ContentId, candidate: Candidate, greeted: Result<Box<Greeted>, String> },
    /// The node's owner wants something.
    Command(Command),
}
