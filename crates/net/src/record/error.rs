//! What a remote did wrong after the handshake. It ends the connection.

use std::io;

use super::frame::SEALED_LEN_MAX;

/// Why no more can be read. The remote, or somebody on the way to it, is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("expected records of at most {max} bytes, received one of {received}", max = SEALED_LEN_MAX)]
    TooLong { received: usize },
    #[error("expected a sealed record, received one of type {received}")]
    NotSealed { received: u8 },
    #[error("a record was changed on its way, or sealed with another key")]
    Forged,
    #[error("expected data, received a message of type {received}")]
    Unexpected { received: u8 },
    #[error("more than {max} records in a row carried no data")]
    TooQuiet { max: u8 },
    #[error("the remote gave up with TLS alert {0}")]
    Alert(u8),
    #[error("the connection was cut off before its end")]
    Cut,
}

impl From<RecordError> for io::Error {
    fn from(error: RecordError) -> Self {
        let kind = match error {
            RecordError::Cut => io::ErrorKind::UnexpectedEof,
            RecordError::Alert(_) => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
