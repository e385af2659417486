//! Frames over a byte stream, one whole frame at a time.

use std::io;

use drizzle_wire::{DataHead, DataHeader, DecodeError, FrameHead, Message, MessageHead};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The connection broke or ended.
    #[error("the connection ended: {0}")]
    Io(#[from] io::Error),
    /// The peer sent what no peer should.
    #[error("the peer does not keep to the protocol: {0}")]
    Protocol(#[from] DecodeError),
    /// The peer sent content that was not asked for.
    #[error("the peer sent content where a message was due")]
    Content,
}

/// Reads the head of the next frame.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<FrameHead, FrameError> {
    let mut head = [0; FrameHead::LEN];
    stream.read_exact(&mut head).await?;
    Ok(FrameHead::decode(&head)?)
}

/// Reads the rest of a message whose head was read. `buffer` is only a place to read into.
pub(crate) async fn read_fields(
    stream: &mut (impl AsyncRead + Unpin),
    head: MessageHead,
    buffer: &mut Vec<u8>,
) -> Result<Message, FrameError> {
    buffer.resize(head.fields_len(), 0);
    stream.read_exact(buffer).await?;
    Ok(head.decode(buffer)?)
}

/// Reads the rest of a piece of content whose head was read; its payload is then all of `buffer`.
pub(crate) async fn read_piece(
    stream: &mut (impl AsyncRead + Unpin),
    head: DataHead,
    buffer: &mut Vec<u8>,
) -> Result<DataHeader, FrameError> {
    let mut fields = [0; DataHeader::FIELDS_LEN];
    stream.read_exact(&mut fields).await?;
    let header = head.decode(&fields)?;
    buffer.resize(header.payload_len(), 0);
    stream.read_exact(buffer).await?;
    Ok(header)
}

/// Reads a whole message.
pub(crate) async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> Result<Message, FrameError> {
    match read_head(stream).await? {
        FrameHead::Message(head) => read_fields(stream, head, &mut Vec::new()).await,
        FrameHead::Data(_) => Err(FrameError::Content),
    }
}

/// Writes a whole message.
pub(crate) async fn write_message(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &Message,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    stream.write_all(&bytes).await?;
    stream.flush().await
}
