//! How one field is written and read: the trait that each kind of field implements, and the reader over the bytes.

use alloc::vec::Vec;

use drizzle_model::{ContentHash, PeerId};

/// Why bytes are not the fields that are due. The one who sent them is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The bytes end within the field.
    #[error("{field}: expected {expected} more bytes, received {received}")]
    Truncated {
        /// The field's name.
        field: &'static str,
        /// How many bytes it needs.
        expected: usize,
        /// How many are left.
        received: usize,
    },
    /// A number is not one that may stand there.
    #[error("{field}: expected {expected}, received {received}")]
    Value {
        /// The field's name.
        field: &'static str,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        received: u64,
    },
    /// The bytes have a form that is never written.
    #[error("{field}: expected {expected}")]
    Form {
        /// The field's name.
        field: &'static str,
        /// What should stand there.
        expected: &'static str,
    },
    /// Bytes are left behind the last field.
    #[error("expected no more bytes, received {received}")]
    Trailing {
        /// How many.
        received: usize,
    },
}

/// A kind of field. Reading takes exactly what writing gives, and nothing else.
pub(crate) trait Field: Sized {
    /// The fewest bytes that it has.
    const LEN_MIN: usize;
    /// The most bytes that it has.
    const LEN_MAX: usize;

    fn write(&self, out: &mut Vec<u8>);

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError>;
}

/// The bytes that are not read yet, and the name of the field that is being read.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    name: &'static str,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, name: "" }
    }

    /// Reads the field of that name.
    pub(crate) fn read<T: Field>(&mut self, name: &'static str) -> Result<T, FieldError> {
        self.rename(name);
        T::read(self)
    }

    /// Says which field is read from here on.
    pub(crate) fn rename(&mut self, name: &'static str) {
        self.name = name;
    }

    /// The next `len` bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], FieldError> {
        let short = FieldError::Truncated { field: self.name, expected: len, received: self.rest.len() };
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(short)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FieldError> {
        let short = FieldError::Truncated { field: self.name, expected: N, received: self.rest.len() };
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(short)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Text with its length before it.
    pub(crate) fn text(&mut self) -> Result<&'a str, FieldError> {
        let len = u16::read(self)?;
        let bytes = self.bytes(len.into())?;
        core::str::from_utf8(bytes).map_err(|_| self.form("UTF-8"))
    }

    /// How many fields of `len_min` bytes or more can still follow: room for more than these is never made, whatever is
    /// announced.
    pub(crate) fn room_for(&self, count: usize, len_min: usize) -> usize {
        count.min(self.rest.len() / len_min.max(1))
    }

    /// Refuses bytes behind the last field.
    pub(crate) fn finish(self) -> Result<(), FieldError> {
        match self.rest.len() {
            0 => Ok(()),
            received => Err(FieldError::Trailing { received }),
        }
    }

    pub(crate) fn value(&self, expected: &'static str, received: impl Into<u64>) -> FieldError {
        FieldError::Value { field: self.name, expected, received: received.into() }
    }

    pub(crate) fn form(&self, expected: &'static str) -> FieldError {
        FieldError::Form { field: self.name, expected }
    }
}

/// Writes text with its length before it.
///
/// The caller's type keeps the text below 64 KiB.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u16).write(out);
    out.extend_from_slice(text.as_bytes());
}

macro_rules! number {
    ($($number:ty),+) => {$(
        impl Field for $number {
            const LEN_MIN: usize = size_of::<$number>();
            const LEN_MAX: usize = Self::LEN_MIN;

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
                fields.array().map(Self::from_le_bytes)
            }
        }
    )+};
}
number!(u8, u16, u32, u64, i64);

impl Field for [u8; 32] {
    const LEN_MIN: usize = 32;
    const LEN_MAX: usize = 32;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        fields.array()
    }
}

macro_rules! id {
    ($($id:ty),+) => {$(
        impl Field for $id {
            const LEN_MIN: usize = 32;
            const LEN_MAX: usize = 32;

            fn write(&self, out: &mut Vec<u8>) {
                self.as_bytes().write(out);
            }

            fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
                fields.array().map(Self::from_bytes)
            }
        }
    )+};
}
id!(ContentHash, PeerId);

/// A code of one byte for each variant of an enum without fields.
macro_rules! codes {
    ($name:ty, $expected:literal, $($code:literal => $variant:ident),+ $(,)?) => {
        impl $crate::field::Field for $name {
            const LEN_MIN: usize = 1;
            const LEN_MAX: usize = 1;

            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                out.push(match self { $(Self::$variant => $code),+ });
            }

            fn read(fields: &mut $crate::field::Fields<'_>) -> Result<Self, $crate::field::FieldError> {
                match u8::read(fields)? {
                    $($code => Ok(Self::$variant),)+
                    other => Err(fields.value($expected, other)),
                }
            }
        }
    };
}
pub(crate) use codes;
