//! Fixed-size names: a content's hash, a peer's key, a network's key. Written as lower-case hexadecimal.

use core::fmt;
use core::str::FromStr;

/// Why a text is not the hexadecimal form of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// The text has another length than 64 digits.
    #[error("expected 64 hexadecimal digits, received {received}")]
    Length {
        /// How many characters the text has.
        received: usize,
    },
    /// A character is no hexadecimal digit.
    #[error("expected hexadecimal digits, received another character at position {position}")]
    Digit {
        /// Where it stands, counted in bytes from 0.
        position: usize,
    },
}

/// Reads 64 hexadecimal digits of either case.
pub(crate) fn parse_hex(text: &str) -> Result<[u8; 32], ParseIdError> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(ParseIdError::Length { received: digits.len() });
    }
    let mut bytes = [0; 32];
    for (position, &digit) in digits.iter().enumerate() {
        let value = char::from(digit).to_digit(16).ok_or(ParseIdError::Digit { position })?;
        bytes[position / 2] = bytes[position / 2] << 4 | value as u8;
    }
    Ok(bytes)
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the raw bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        // The first bytes tell ids apart for a person who reads a log.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0[..5], f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text).map(Self)
            }
        }
    };
}

id! {
    /// The BLAKE3 hash of a whole file, or of a folder's encoded manifest.
    ContentHash
}
id! {
    /// A peer's Ed25519 public key, which is its name.
    PeerId
}
id! {
    /// A network's Ed25519 public key: tickets are signed with it, and the tracker proves itself by it.
    NetworkId
}

impl NetworkId {
    /// Stands where the key is not known yet: in the invite to an open ring of which only the address is given. No network
    /// has it, since it is no key with which anybody could sign.
    pub const UNKNOWN: Self = Self([0; 32]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn hex_goes_there_and_back() {
        let id = PeerId::from_bytes(core::array::from_fn(|i| i as u8 * 7));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
    }

    #[test]
    fn what_is_not_hex_is_refused() {
        assert_eq!("ab".parse::<PeerId>(), Err(ParseIdError::Length { received: 2 }));
        let text = "0".repeat(63) + "g";
        assert_eq!(text.parse::<PeerId>(), Err(ParseIdError::Digit { position: 63 }));
    }
}
