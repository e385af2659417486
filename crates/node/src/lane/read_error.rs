//! Why a lane reads no more, and whose fault that is.

use drizzle_wire::SILENCE_MAX;

use super::frame::FrameError;
use super::news::Fault;

/// Why a lane reads no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The peer, or the way to it.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The peer: the pieces of a chunk do not follow each other.
    #[error("the peer sent a piece at {received} where {expected} was due")]
    Offset {
        /// Where the next piece had to begin, in bytes within the chunk.
        expected: u64,
        /// Where it begins.
        received: u64,
    },
    /// The peer: it sends what nobody asked for.
    #[error(
        "the peer sent content that was not asked for: expected at most {expected} bytes of it, received {received}"
    )]
    Unasked {
        /// How much is read over, in bytes.
        expected: u64,
        /// How much came, in bytes.
        received: u64,
    },
    /// The peer: it sent nothing at all.
    #[error("the peer said nothing for {} s", SILENCE_MAX.as_secs())]
    Silence,
    /// Here: the hub is gone.
    #[error("this peer is shutting down")]
    Closing,
}

impl ReadError {
    /// Whose fault it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Frame(FrameError::Protocol(_) | FrameError::Content)
            | Self::Offset { .. }
            | Self::Unasked { .. } => Fault::Violation,
            Self::Frame(FrameError::Io(_)) | Self::Silence | Self::Closing => Fault::None,
        }
    }
}
