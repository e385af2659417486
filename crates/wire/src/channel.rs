//! Channels: the numbers under which the two sides of a connection speak of one content.
//!
//! A channel is opened by [`Message::Open`](crate::Message::Open) and lives until either side closes it. Each side takes
//! its own numbers, in rising order and each once: so a number that the opener has not reached was never opened,
//! and a frame for it breaks the protocol, while a frame for a lower one that is closed was merely under way.

use alloc::vec::Vec;

use crate::field::{Field, FieldError, Fields, codes};

/// Which end of a connection a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one who dialled; its channels have even numbers.
    Dialer,
    /// The one who accepted; its channels have odd numbers.
    Acceptor,
}

impl Side {
    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Acceptor,
            Self::Acceptor => Self::Dialer,
        }
    }

    /// The channels that this side opens, in order.
    pub fn channels(self) -> impl Iterator<Item = Channel> {
        let first = match self {
            Self::Dialer => 0,
            Self::Acceptor => 1,
        };
        (first..=u32::MAX).step_by(2).map(Channel)
    }
}

/// The number of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(u32);

impl Channel {
    /// The channel of that number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whose channel it is.
    pub const fn opener(self) -> Side {
        if self.0.is_multiple_of(2) { Side::Dialer } else { Side::Acceptor }
    }
}

impl Field for Channel {
    const LEN_MIN: usize = 4;
    const LEN_MAX: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        u32::read(fields).map(Self)
    }
}

/// What the hash of a channel is of, and so what its chunk numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// The bytes that have this hash: a file, or a folder's manifest. Chunks are those of `Geometry`.
    Bytes,
    /// The folder whose manifest has this hash. Chunks are those of `Layout`.
    Folder,
}

codes!(ChannelKind, "0 (bytes) or 1 (folder)", 0 => Bytes, 1 => Folder);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sides_never_take_the_same_number() {
        for side in [Side::Dialer, Side::Acceptor] {
            assert!(side.channels().take(100).all(|channel| channel.opener() == side));
            assert!(side.channels().take(100).is_sorted());
        }
    }
}
