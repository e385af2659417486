//! The messages: what two peers say to each other, but for the content itself.
//!
//! The table below is the only place where a message's tag and fields stand; writing, reading and the limits on a frame's
//! length follow from it.

use alloc::vec::Vec;
use core::num::NonZeroU16;

use drizzle_model::{ContentHash, Metadata};

use crate::field::{Field, FieldError, Fields};
use crate::{
    AGENT_BYTES_MAX, BYE_BYTES_MAX, ByeReason, Channel, ChannelKind, HASHES_MAX, Held, List, PEERS_MAX,
    PeerAddress, RefuseReason, Runs, TICKET_BYTES_MAX, Text, UnavailableReason, WANTS_MAX,
};

/// A ticket, not looked into here.
pub type TicketBytes = List<u8, 0, TICKET_BYTES_MAX>;
/// The name and version of a program.
pub type Agent = Text<AGENT_BYTES_MAX>;
/// What a person should know about a goodbye.
pub type ByeText = Text<BYE_BYTES_MAX>;
/// Numbers of chunks, most wanted first.
pub type Chunks = List<u32, 1, WANTS_MAX>;
/// Hashes of chunks that follow each other.
pub type Hashes = List<[u8; 32], 1, HASHES_MAX>;
/// Peers that speak of the same content.
pub type Peers = List<PeerAddress, 1, PEERS_MAX>;

macro_rules! messages {
    ($($(#[$doc:meta])* $tag:literal $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        /// One message. Numbers of chunks are as the remote says: whether the content has them is for the reader to check.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Message {
            $($(#[$doc])* $name { $($(#[$field_doc])* $field: $type,)* },)*
        }

        /// Which message a frame holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Tag {
            $($(#[$doc])* $name = $tag,)*
        }

        impl Tag {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) const fn fields_len_min(self) -> usize {
                match self { $(Self::$name => 0 $(+ <$type as Field>::LEN_MIN)*,)* }
            }

            pub(crate) const fn fields_len_max(self) -> usize {
                match self { $(Self::$name => 0 $(+ <$type as Field>::LEN_MAX)*,)* }
            }
        }

        impl Message {
            /// Which message it is.
            pub const fn tag(&self) -> Tag {
                match self { $(Self::$name { .. } => Tag::$name,)* }
            }

            fn write_fields(&self, out: &mut Vec<u8>) {
                match self { $(Self::$name { $($field),* } => { $($field.write(out);)* })* }
            }

            pub(crate) fn read_fields(tag: Tag, fields: &mut Fields<'_>) -> Result<Self, FieldError> {
                Ok(match tag {
                    $(Tag::$name => Self::$name { $($field: fields.read(stringify!($field))?,)* },)*
                })
            }
        }
    };
}

messages! {
    /// The first frame of each side: who is speaking, and what admits it.
    1 Hello {
        /// The highest version of the messages that it speaks; both sides use the lower of the two.
        version: u16,
        /// What admits it to the network.
        ticket: TicketBytes,
        /// Where it accepts connections, at the address that this one comes from; none if it does not.
        listen_port: Option<NonZeroU16>,
        /// Its program.
        agent: Agent,
    }
    /// The last frame of a side; nothing it asked for is of use to it any more.
    2 Bye {
        /// Why, for the program.
        reason: ByeReason,
        /// Why, for a person.
        text: ByeText,
    }
    /// Is anybody there?
    3 Ping {
        /// Comes back in the answer.
        nonce: u64,
    }
    /// The answer to a ping.
    4 Pong {
        /// That of the ping.
        nonce: u64,
    }
    /// From now on the channel stands for this content.
    5 Open {
        /// The next number of the one who opens.
        channel: Channel,
        /// Names the content.
        hash: ContentHash,
        /// What the hash is of.
        kind: ChannelKind,
        /// What the opener has of it; none when it does not know yet how many chunks there are.
        have: Option<Held>,
    }
    /// The answer to `Open`: the content is here, at least a part of it.
    6 Opened {
        /// That of the `Open`.
        channel: Channel,
        /// The size of the content in bytes.
        size: u64,
        /// The mode and time of the file, or of the folder itself.
        metadata: Metadata,
        /// Which chunks of how many the answerer has.
        have: Held,
    }
    /// The answer to `Open`: the content is not here, and the channel is closed.
    7 Unavailable {
        /// That of the `Open`.
        channel: Channel,
        /// Why not.
        reason: UnavailableReason,
    }
    /// The channel is no more needed. What is asked for on it is cancelled.
    8 Close {
        /// Any that is open.
        channel: Channel,
    }
    /// Asks for the hashes of chunks, on a channel of kind `Bytes`.
    9 WantHashes {
        /// An open one.
        channel: Channel,
        /// The first chunk.
        first: u32,
        /// How many: 1 to [`HASHES_MAX`].
        count: HashCount,
    }
    /// The answer to `WantHashes`: exactly what it asks for.
    10 Hashes {
        /// That of the `WantHashes`.
        channel: Channel,
        /// The chunk whose hash is the first one.
        first: u32,
        /// The hashes.
        hashes: Hashes,
    }
    /// Asks for chunks. Each is answered by its data or by `Refuse`.
    11 Want {
        /// An open one.
        channel: Channel,
        /// Which chunks.
        chunks: Chunks,
    }
    /// A chunk that was asked for does not come, or not to its end.
    13 Refuse {
        /// That of the `Want`.
        channel: Channel,
        /// Which chunk.
        chunk: u32,
        /// Why not.
        reason: RefuseReason,
    }
    /// Chunks that were asked for are no more needed; their data may still be under way.
    14 Cancel {
        /// That of the `Want`.
        channel: Channel,
        /// Which chunks.
        chunks: Chunks,
    }
    /// The sender has these chunks now.
    15 Have {
        /// An open one.
        channel: Channel,
        /// Which chunks.
        runs: Runs,
    }
    /// The sender does not serve these chunks any more.
    16 Lost {
        /// An open one.
        channel: Channel,
        /// Which chunks.
        runs: Runs,
    }
    /// Others that speak of the same content.
    17 Peers {
        /// An open one.
        channel: Channel,
        /// Who, and where.
        peers: Peers,
    }
}

/// The tag of a frame that carries content; it is no message.
pub(crate) const DATA_TAG: u8 = 12;

impl Tag {
    /// The tag as it stands in a frame.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|tag| tag.byte() == byte)
    }
}

impl Message {
    /// Appends the whole frame: length, tag and fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        0u32.write(out);
        out.push(self.tag().byte());
        self.write_fields(out);
        // No frame comes near 4 GiB: every field has its limit.
        let body_len = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&body_len.to_le_bytes());
    }
}

/// How many hashes are asked for: 1 to [`HASHES_MAX`], so that one frame answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashCount(u16);

impl HashCount {
    /// Checks the number.
    pub const fn new(count: usize) -> Option<Self> {
        if 1 <= count && count <= HASHES_MAX { Some(Self(count as u16)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }
}

impl Field for HashCount {
    const LEN_MIN: usize = 2;
    const LEN_MAX: usize = 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        let count = u16::read(fields)?;
        Self::new(count.into()).ok_or_else(|| fields.value("1 to 16384 hashes", count))
    }
}

impl Field for Option<NonZeroU16> {
    const LEN_MIN: usize = 2;
    const LEN_MAX: usize = 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.map_or(0, NonZeroU16::get).write(out);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        u16::read(fields).map(NonZeroU16::new)
    }
}
