//! What a lane tells the hub.

use drizzle_model::{ChunkIndex, PeerId};
use drizzle_store::{DiskError, SourceError};
use drizzle_wire::{Channel, Message};

use crate::content_key::ContentId;

/// The number of a lane, never used twice in the life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LaneId(pub(crate) u64);

/// Something that happened on a lane.
pub(crate) struct LaneNews {
    pub(crate) lane: LaneId,
    /// Who is at its other end: what it sent counts even when the lane is gone by the time that the hub hears of it.
    pub(crate) peer: PeerId,
    pub(crate) what: Happening,
}

/// What happened.
pub(crate) enum Happening {
    /// A message came.
    Message(Message),
    /// A piece of a chunk came.
    Arrived { content: ContentId, chunk: ChunkIndex, bytes: u64 },
    /// A whole chunk came, is right, and is on disk.
    Verified { content: ContentId, chunk: ChunkIndex, bytes: u64 },
    /// A whole chunk came, and is wrong.
    Corrupt { content: ContentId, chunk: ChunkIndex },
    /// The disk does not take a content.
    DiskFailed { content: ContentId, error: DiskError },
    /// An upload is over.
    UploadEnded(UploadEnded),
    /// The connection is gone.
    Down { why: Option<String>, fault: Fault },
}

/// Whose fault it is that a connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody's, or that of the way between.
    None,
    /// The peer's: it broke the protocol.
    Violation,
}

/// The number of an upload, never used twice in the life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct UploadId(pub(crate) u64);

/// An upload is over.
pub(crate) struct UploadEnded {
    pub(crate) id: UploadId,
    pub(crate) channel: Channel,
    pub(crate) chunk: ChunkIndex,
    pub(crate) end: UploadEnd,
}

/// How an upload ended.
pub(crate) enum UploadEnd {
    /// All of it went out.
    Sent,
    /// It could not be read here.
    Failed(SourceError),
}
