//! The ways in which a peer of the tests does not keep to the truth or the protocol, one for each peer.

/// What is wrong with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lie {
    /// Nothing: it shows that the others are refused for their lies, and not for how this peer is written.
    None,
    /// Bytes that are no TLS.
    GarbageBeforeTls,
    /// It takes the call and says nothing.
    SilentBeforeTls,
    /// After the handshake it says nothing.
    SilentAfterTls,
    /// It ends the connection when it is asked for something.
    HangsUp,
    /// It shows a ticket that is none.
    FalseTicket,
    /// It begins a frame of 4 GiB, and sends and sends.
    EndlessFrame,
    /// It answers with messages without end that answer nothing.
    EndlessTalk,
    /// Size and number of chunks do not belong together.
    FalseCount,
    /// The content has one byte more than it has; the hashes prove nothing about that.
    SizeUp,
    /// One byte less.
    SizeDown,
    /// Chunk hashes that prove nothing.
    FalseHashes,
    /// Chunk hashes, but of other chunks than were asked for.
    OtherHashes,
    /// Chunks with one byte changed.
    WrongBytes,
    /// The same, but only of a folder's files: its manifest is right.
    WrongFiles,
    /// Chunks with a byte too much.
    TooLong,
    /// Chunks with a byte too little, as if that were all.
    TooShort,
    /// Chunks of whose pieces one is left out.
    Gap,
    /// Chunks that were not asked for, without end, and never one that was.
    Unasked,
    /// Half of a chunk, and then nothing.
    SilentInChunk,
}
