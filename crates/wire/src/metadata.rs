//! Mode and modification time: 2 + 8 + 4 bytes.

use alloc::vec::Vec;

use drizzle_model::{Metadata, Mtime};

use crate::field::{Field, FieldError, Fields};

/// The permission bits; what kind of file it is, which stands above them on disk, is not sent.
const MODE_MASK: u16 = 0o7777;

impl Field for Metadata {
    const LEN_MIN: usize = 2 + 8 + 4;
    const LEN_MAX: usize = Self::LEN_MIN;

    fn write(&self, out: &mut Vec<u8>) {
        (self.mode & MODE_MASK).write(out);
        self.mtime.seconds().write(out);
        self.mtime.nanoseconds().write(out);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        let mode = u16::read(fields)?;
        if mode > MODE_MASK {
            return Err(fields.value("a mode of at most 0o7777", mode));
        }
        let seconds = i64::read(fields)?;
        let nanoseconds = u32::read(fields)?;
        let mtime = Mtime::new(seconds, nanoseconds)
            .ok_or_else(|| fields.value("less than 1,000,000,000 nanoseconds", nanoseconds))?;
        Ok(Self { mode, mtime })
    }
}
