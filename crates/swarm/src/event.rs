//! What goes into a swarm machine and what comes out of it.

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun};

/// A connected peer, numbered by the driver. A number may be used again only after the machine has been told of the
/// disconnection, or has dropped the peer itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey(pub u32);

/// Why a chunk is not sent to the one who asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The chunk is not here.
    Missing,
    /// The file changed since it was shared.
    Changed,
    /// There is too much to do: ask again later.
    Busy,
    /// The disk does not give it.
    Unreadable,
}

/// What happened. Inputs that speak of a peer that is not connected, or of a request that was given up, are passed
/// over: they crossed with an output on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A peer can be asked and can ask. A second time for the same peer replaces what was known of it.
    Connected {
        /// Who.
        peer: PeerKey,
        /// Which chunks it has.
        have: Bitmap,
    },
    /// A peer is gone.
    Disconnected {
        /// Who.
        peer: PeerKey,
    },
    /// A peer has got more chunks.
    Have {
        /// Who.
        peer: PeerKey,
        /// Which; what lies beyond the content is not counted.
        run: ChunkRun,
    },
    /// A peer serves some chunks no longer.
    Lost {
        /// Who.
        peer: PeerKey,
        /// Which.
        run: ChunkRun,
    },
    /// Content bytes came in. To be told at every read, or at least several times for each chunk and second.
    Progress {
        /// From whom.
        peer: PeerKey,
        /// Of which chunk.
        chunk: ChunkIndex,
        /// How many since the last time.
        bytes: u32,
    },
    /// A whole chunk came in, its hash is right and it is stored.
    Received {
        /// From whom.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// A whole chunk came in and its hash is wrong.
    Corrupt {
        /// From whom.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// A peer will not send what it was asked for.
    Refused {
        /// Who.
        peer: PeerKey,
        /// What it was asked for.
        chunk: ChunkIndex,
        /// Why not.
        reason: Refusal,
    },
    /// A peer asks for a chunk.
    Wanted {
        /// Who.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// A peer no longer asks for a chunk.
    Unwanted {
        /// Who.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// An upload that [`Output::Send`] began is over: its last byte was handed to the network, or it was stopped. Once
    /// for each `Send`, unless its peer is gone.
    Sent {
        /// To whom.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// An upload that [`Output::Send`] began cannot be done; the driver has told the peer. Takes the place of `Sent`.
    Unsent {
        /// To whom.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// Chunks that were here are valid no longer: the file changed, or went.
    Withdrawn {
        /// Which.
        run: ChunkRun,
    },
    /// Chunks are here that no peer of this machine sent: found on disk, say.
    Available {
        /// Which.
        run: ChunkRun,
    },
    /// A deadline has passed. Any other input serves as well.
    Tick,
}

/// Why a peer is to be disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// It sent a chunk with a wrong hash: to be reported.
    Corrupt {
        /// Which chunk.
        chunk: ChunkIndex,
    },
    /// It took requests, and nothing came for a long time.
    Stalled,
    /// It asks for more at once than the protocol allows.
    Flooding,
    /// Its bitmap is of another content: the number of chunks differs.
    Misfit,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Ask a peer for a chunk.
    Request {
        /// Whom.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// Tell a peer that a chunk is no longer asked for. If it comes all the same, report it: it is not wasted.
    Cancel {
        /// Whom.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// Start an upload; answer with [`Input::Sent`] or [`Input::Unsent`].
    Send {
        /// To whom.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// Give up an upload that was started, if it is not through; answer with [`Input::Sent`] in any case.
    Stop {
        /// To whom.
        peer: PeerKey,
        /// Which.
        chunk: ChunkIndex,
    },
    /// Tell a peer that it will not get what it asked for.
    Refuse {
        /// Whom.
        peer: PeerKey,
        /// Which chunk.
        chunk: ChunkIndex,
        /// Why not.
        reason: Refusal,
    },
    /// Tell a peer what is here now, or is about to be: what it wants of that is to be passed on to the machine.
    Announce {
        /// Whom.
        peer: PeerKey,
        /// Which chunks.
        run: ChunkRun,
    },
    /// Tell a peer what is here no longer.
    Retract {
        /// Whom.
        peer: PeerKey,
        /// Which chunks.
        run: ChunkRun,
    },
    /// Disconnect a peer. The machine has forgotten it already.
    Drop {
        /// Whom.
        peer: PeerKey,
        /// Why.
        why: DropReason,
    },
    /// Chunks are missing that no usable peer has: look for more. Said again now and then while it is so.
    Starved,
    /// No chunk is missing any more.
    Complete,
}
