//! The chunks that one peer has of a content, as they go over the wire: their number, and all, none or a bit for each.

use alloc::vec::Vec;

use drizzle_model::Bitmap;

use crate::CHUNKS_MAX;
use crate::field::{Field, FieldError, Fields};

const ALL: u8 = 0;
const NONE: u8 = 1;
const BITS: u8 = 2;

/// A bitmap of at most [`CHUNKS_MAX`] chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held(Bitmap);

impl Held {
    /// Checks how many chunks the content has; a content of more cannot be spoken of.
    pub fn new(bitmap: Bitmap) -> Option<Self> {
        (bitmap.len() <= CHUNKS_MAX).then_some(Self(bitmap))
    }

    /// The bitmap.
    pub fn bitmap(&self) -> &Bitmap {
        &self.0
    }

    /// The bitmap.
    pub fn into_bitmap(self) -> Bitmap {
        self.0
    }
}

impl Field for Held {
    const LEN_MIN: usize = 4 + 1;
    const LEN_MAX: usize = 4 + 1 + CHUNKS_MAX.div_ceil(8) as usize;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.len().write(out);
        if self.0.is_full() {
            out.push(ALL);
        } else if self.0.is_empty() {
            out.push(NONE);
        } else {
            out.push(BITS);
            out.extend_from_slice(&self.0.to_bytes());
        }
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        let len = u32::read(fields)?;
        if len > CHUNKS_MAX {
            return Err(fields.value("at most 2^24 chunks", len));
        }
        match u8::read(fields)? {
            ALL => Ok(Self(Bitmap::full(len))),
            NONE if len > 0 => Ok(Self(Bitmap::empty(len))),
            BITS => read_bits(fields, len),
            other => Err(fields.value("0 (all), 1 (none, of one or more) or 2 (bits)", other)),
        }
    }
}

fn read_bits(fields: &mut Fields<'_>, len: u32) -> Result<Held, FieldError> {
    let bytes = fields.bytes(len.div_ceil(8) as usize)?;
    Bitmap::from_bytes(len, bytes)
        .filter(|bitmap| !bitmap.is_full() && !bitmap.is_empty())
        .map(Held)
        .ok_or_else(|| fields.form("bits for some chunks but not all, and none beyond the last"))
}

impl Field for Option<Held> {
    const LEN_MIN: usize = 1;
    const LEN_MAX: usize = 1 + Held::LEN_MAX;

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.is_some().into());
        if let Some(held) = self {
            held.write(out);
        }
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        match u8::read(fields)? {
            0 => Ok(None),
            1 => Held::read(fields).map(Some),
            other => Err(fields.value("0 (nothing known) or 1", other)),
        }
    }
}
