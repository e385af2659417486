//! Frames over a byte stream, one whole frame at a time.

use std::io;

use drizzle_wire::{DataHead, DataHeader, DecodeError, FrameHead, Message, MessageHead};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Memory for a message grows by so much as its bytes arrive: who only announces a large one takes none.
const FIELDS_STEP: usize = 64 << 10;
/// More is not kept after a message. A piece of content fits.
const BUFFER_KEPT_MAX: usize = 512 << 10;

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
    buffer.clear();
    while buffer.len() < head.fields_len() {
        let begin = buffer.len();
        buffer.resize(head.fields_len().min(begin + FIELDS_STEP), 0);
        stream.read_exact(&mut buffer[begin..]).await?;
    }
    let message = head.decode(buffer)?;
    if buffer.capacity() > BUFFER_KEPT_MAX {
        *buffer = Vec::new();
    }
    Ok(message)
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

#[cfg(test)]
mod tests {
    use drizzle_model::{Bitmap, Metadata, Mtime};
    use drizzle_wire::{Channel, Held};

    use super::*;

    /// Fails when memory is taken for what was only announced, or kept for what is long read.
    #[tokio::test]
    async fn a_large_message_takes_memory_only_while_it_comes() {
        let mut have = Bitmap::empty(1 << 24);
        have.insert(have.chunk(7).unwrap());
        let (channel, have) = (Channel::new(0), Held::new(have).unwrap());
        let metadata = Metadata { mode: 0o644, mtime: Mtime::default() };
        let message = Message::Opened { channel, size: 1, metadata, have };
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        let mut buffer = Vec::new();

        let mut cut = &bytes[..FrameHead::LEN + 10];
        let FrameHead::Message(head) = read_head(&mut cut).await.unwrap() else { panic!("a message") };
        assert!(matches!(read_fields(&mut cut, head, &mut buffer).await, Err(FrameError::Io(_))));
        assert!(buffer.capacity() <= FIELDS_STEP);

        let mut whole = &bytes[FrameHead::LEN..];
        assert_eq!(read_fields(&mut whole, head, &mut buffer).await.unwrap(), message);
        assert!(buffer.capacity() <= BUFFER_KEPT_MAX);
    }
}
