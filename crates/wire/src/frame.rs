//! The frame: a length, a tag, and what the tag stands for.
//!
//! A reader takes [`FrameHead::LEN`] bytes, and learns from them what follows: the fields of a message, which it reads
//! whole, or a [`DataHeader`] and a payload, which it streams. The length is checked against the tag before anything is
//! read, so nobody announces a large frame where a small one is due.

use crate::field::{FieldError, Fields};
use crate::message::DATA_TAG;
use crate::{CHUNK_BYTES_MAX, CHUNKS_MAX, Channel, Message, PAYLOAD_BYTES_MAX, Tag};

/// Why bytes are no frame. The one who sent them is to blame, and the stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body has not even a tag.
    #[error("expected a frame with a tag, received an empty one")]
    Empty,
    /// No frame has this tag.
    #[error("expected the tag of a message, received {received}")]
    Tag {
        /// What stands in its place.
        received: u8,
    },
    /// No frame of this tag has this length.
    #[error("a frame of tag {tag}: expected a body of {min} to {max} bytes, received {received}")]
    Length {
        /// The frame's tag.
        tag: u8,
        /// The shortest body of the tag, the tag included.
        min: u32,
        /// The longest.
        max: u32,
        /// How long the body is said to be.
        received: u32,
    },
    /// The fields are not those of the message.
    #[error("a frame of tag {tag}: {error}")]
    Field {
        /// The frame's tag.
        tag: u8,
        /// What is wrong.
        error: FieldError,
    },
}

/// The first bytes of a frame, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameHead {
    /// A message follows.
    Message(MessageHead),
    /// Content follows.
    Data(DataHead),
}

impl FrameHead {
    /// How many bytes a head has: the length of the body, and its tag.
    pub const LEN: usize = 4 + 1;

    /// Reads a head.
    pub fn decode(bytes: &[u8; Self::LEN]) -> Result<Self, DecodeError> {
        let [a, b, c, d, tag] = *bytes;
        let body_len = u32::from_le_bytes([a, b, c, d]);
        if tag == DATA_TAG {
            return DataHead::new(body_len).map(Self::Data);
        }
        let tag = Tag::from_byte(tag).ok_or(DecodeError::Tag { received: tag })?;
        MessageHead::new(tag, body_len).map(Self::Message)
    }
}

/// The head of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHead {
    tag: Tag,
    fields_len: u32,
}

impl MessageHead {
    /// The most bytes that any message has behind its head.
    pub const FIELDS_LEN_MAX: usize = {
        let (mut max, mut at) = (0, 0);
        while at < Tag::ALL.len() {
            let len = Tag::ALL[at].fields_len_max();
            max = if len > max { len } else { max };
            at += 1;
        }
        max
    };

    fn new(tag: Tag, body_len: u32) -> Result<Self, DecodeError> {
        let (min, max) = (1 + tag.fields_len_min() as u32, 1 + tag.fields_len_max() as u32);
        if !(min..=max).contains(&body_len) {
            return Err(DecodeError::Length { tag: tag.byte(), min, max, received: body_len });
        }
        Ok(Self { tag, fields_len: body_len - 1 })
    }

    /// Which message it is.
    pub const fn tag(self) -> Tag {
        self.tag
    }

    /// How many bytes follow.
    pub const fn fields_len(self) -> usize {
        self.fields_len as usize
    }

    /// Reads the message from the [`MessageHead::fields_len`] bytes that follow the head.
    pub fn decode(self, fields: &[u8]) -> Result<Message, DecodeError> {
        let mut reader = Fields::new(fields);
        let message = Message::read_fields(self.tag, &mut reader);
        message
            .and_then(|message| reader.finish().map(|()| message))
            .map_err(|error| DecodeError::Field { tag: self.tag.byte(), error })
    }
}

impl Message {
    /// Reads a whole body, the tag included: for who has all of it at hand.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let (&tag, fields) =
            body.split_first().ok_or(DecodeError::Length { tag: 0, min: 1, max: u32::MAX, received: 0 })?;
        let tag = Tag::from_byte(tag).ok_or(DecodeError::Tag { received: tag })?;
        let body_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        MessageHead::new(tag, body_len)?.decode(fields)
    }
}

/// The head of a frame with content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataHead {
    payload_len: u32,
}

impl DataHead {
    fn new(body_len: u32) -> Result<Self, DecodeError> {
        const FIXED: u32 = 1 + DataHeader::FIELDS_LEN as u32;
        let (min, max) = (FIXED + 1, FIXED + PAYLOAD_BYTES_MAX);
        if !(min..=max).contains(&body_len) {
            return Err(DecodeError::Length { tag: DATA_TAG, min, max, received: body_len });
        }
        Ok(Self { payload_len: body_len - FIXED })
    }

    /// Reads the rest of the header.
    pub fn decode(self, fields: &[u8; DataHeader::FIELDS_LEN]) -> Result<DataHeader, DecodeError> {
        self.read(&mut Fields::new(fields)).map_err(|error| DecodeError::Field { tag: DATA_TAG, error })
    }

    fn read(self, fields: &mut Fields<'_>) -> Result<DataHeader, FieldError> {
        let channel = fields.read("channel")?;
        let chunk = fields.read("chunk")?;
        if chunk >= CHUNKS_MAX {
            return Err(fields.value("a chunk below 2^24", chunk));
        }
        let offset = fields.read("offset")?;
        if offset > CHUNK_BYTES_MAX - self.payload_len {
            return Err(fields.value("a place within the largest chunk", offset));
        }
        Ok(DataHeader { channel, chunk, offset, payload_len: self.payload_len })
    }
}

/// What stands before a piece of a chunk. The pieces of a chunk come in order and cover it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataHeader {
    channel: Channel,
    chunk: u32,
    offset: u32,
    payload_len: u32,
}

impl DataHeader {
    /// How many bytes stand before the payload, the frame's head included.
    pub const LEN: usize = FrameHead::LEN + Self::FIELDS_LEN;
    /// How many bytes stand between the frame's head and the payload.
    pub const FIELDS_LEN: usize = 4 + 4 + 4;

    /// The pieces in which a chunk of `chunk_len` bytes is sent.
    ///
    /// `None` when the chunk's number or length is beyond the limits of the protocol.
    pub fn pieces(channel: Channel, chunk: u32, chunk_len: u64) -> Option<Pieces> {
        let chunk_len = u32::try_from(chunk_len).ok().filter(|len| *len <= CHUNK_BYTES_MAX)?;
        (chunk < CHUNKS_MAX).then_some(Pieces { channel, chunk, chunk_len, offset: 0 })
    }

    /// The channel.
    pub const fn channel(self) -> Channel {
        self.channel
    }

    /// The chunk's number, as the remote says: whether the content has it is for the reader to check.
    pub const fn chunk(self) -> u32 {
        self.chunk
    }

    /// Where in the chunk the payload begins, in bytes.
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// How many bytes of content follow: 1 to [`PAYLOAD_BYTES_MAX`].
    pub const fn payload_len(self) -> usize {
        self.payload_len as usize
    }

    /// All that stands before the payload.
    pub fn encode(self) -> [u8; Self::LEN] {
        let body_len = 1 + Self::FIELDS_LEN as u32 + self.payload_len;
        let mut bytes = [DATA_TAG; Self::LEN];
        bytes[..4].copy_from_slice(&body_len.to_le_bytes());
        bytes[5..9].copy_from_slice(&self.channel.number().to_le_bytes());
        bytes[9..13].copy_from_slice(&self.chunk.to_le_bytes());
        bytes[13..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }
}

/// A chunk on its way out, piece by piece.
#[derive(Debug, Clone)]
pub struct Pieces {
    channel: Channel,
    chunk: u32,
    chunk_len: u32,
    offset: u32,
}

impl Pieces {
    /// The header of the next piece, of `len_max` bytes at most; none when the chunk is through. A piece is never
    /// empty nor larger than the protocol allows, whatever `len_max` says.
    pub fn next_of(&mut self, len_max: u32) -> Option<DataHeader> {
        let Self { channel, chunk, chunk_len, offset } = *self;
        let payload_len = len_max.clamp(1, PAYLOAD_BYTES_MAX).min(chunk_len - offset);
        self.offset += payload_len;
        (payload_len > 0).then_some(DataHeader { channel, chunk, offset, payload_len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Would fail if a size that changes on the way left a gap, or one of 0 or beyond the limit went out as it is.
    #[test]
    fn the_pieces_cover_a_chunk_once_whatever_their_sizes() {
        const PIECE: u64 = PAYLOAD_BYTES_MAX as u64;
        let sizes = [&[PAYLOAD_BYTES_MAX][..], &[u32::MAX], &[0, 16 << 10, 1 << 20]];
        let chunks = [0, 1, 3, PIECE - 1, PIECE, PIECE + 1, CHUNK_BYTES_MAX.into()];
        for (sizes, chunk_len) in sizes.iter().flat_map(|sizes| chunks.map(|chunk_len| (sizes, chunk_len))) {
            let mut pieces = DataHeader::pieces(Channel::new(7), 3, chunk_len).unwrap();
            let mut end = 0;
            for &len_max in sizes.iter().cycle() {
                let Some(piece) = pieces.next_of(len_max) else { break };
                assert_eq!(u64::from(piece.offset()), end);
                assert!((1..=PAYLOAD_BYTES_MAX.min(len_max.max(1)) as usize).contains(&piece.payload_len()));
                end += piece.payload_len() as u64;
                assert_eq!(decode(&piece.encode()), Ok(piece));
            }
            assert_eq!(end, chunk_len);
        }
        assert!(DataHeader::pieces(Channel::new(7), 3, u64::from(CHUNK_BYTES_MAX) + 1).is_none());
        assert!(DataHeader::pieces(Channel::new(7), CHUNKS_MAX, 1).is_none());
    }

    fn decode(bytes: &[u8; DataHeader::LEN]) -> Result<DataHeader, DecodeError> {
        let (head, fields) = bytes.split_first_chunk().unwrap();
        match FrameHead::decode(head)? {
            FrameHead::Data(head) => head.decode(fields.try_into().unwrap()),
            FrameHead::Message(head) => panic!("{head:?}"),
        }
    }

    #[test]
    fn data_beyond_the_limits_is_refused() {
        let header =
            |payload_len, chunk, offset| DataHeader { channel: Channel::new(0), chunk, offset, payload_len };
        let is_taken = |header: DataHeader| decode(&header.encode()).is_ok();
        assert!(is_taken(header(1, 0, CHUNK_BYTES_MAX - 1)));
        assert!(!is_taken(header(2, 0, CHUNK_BYTES_MAX - 1)));
        assert!(!is_taken(header(1, 0, u32::MAX)));
        assert!(!is_taken(header(1, CHUNKS_MAX, 0)));
        assert!(!is_taken(header(0, 0, 0)));
        assert!(is_taken(header(PAYLOAD_BYTES_MAX, 0, 0)));
        assert!(!is_taken(header(PAYLOAD_BYTES_MAX + 1, 0, 0)));
    }

    #[test]
    fn no_tag_admits_a_longer_frame_than_its_fields_can_fill() {
        for &tag in Tag::ALL {
            let head = |fields_len: usize| {
                let [a, b, c, d] = (1 + fields_len as u32).to_le_bytes();
                FrameHead::decode(&[a, b, c, d, tag.byte()])
            };
            assert!(head(tag.fields_len_min()).is_ok() && head(tag.fields_len_max()).is_ok());
            assert!(head(tag.fields_len_max() + 1).is_err());
        }
        let large: Vec<_> = Tag::ALL.iter().filter(|tag| tag.fields_len_max() > 513 << 10).collect();
        assert_eq!(large, [&Tag::Open, &Tag::Opened], "only a bitmap has more than 513 KiB");
    }
}
