//! Mode and time: which ones an entry must have, and how an open file gets them.

use std::os::fd::AsFd;

use drizzle_model::{Metadata, Mtime};
use rustix::fs::{Mode, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens};
use rustix::io::Errno;

use crate::Content;

/// The bits of a mode that are taken over: who may read, write and run. Setuid, setgid and sticky are not, for whatever
/// kind of thing: what is fetched belongs to whoever fetches, and a stranger must not make it run with those rights.
const PERMISSION_BITS: u16 = 0o777;

/// The mode and time that an entry gets.
pub(super) fn wanted_metadata(content: &Content, entry: usize) -> Metadata {
    permitted(content.entries()[entry].metadata)
}

/// The metadata without what a stranger must not set.
pub(super) fn permitted(metadata: Metadata) -> Metadata {
    Metadata { mode: metadata.mode & PERMISSION_BITS, ..metadata }
}

/// Mode and time of an open file. The time is last, since it must outlive every other change.
pub(super) fn set_metadata(file: impl AsFd, metadata: Metadata) -> Result<(), Errno> {
    fchmod(&file, Mode::from_raw_mode(metadata.mode.into()))?;
    futimens(&file, &times(metadata.mtime))
}

/// A modification time to be set, with the time of last access left alone.
pub(super) fn times(mtime: Mtime) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds(), tv_nsec: mtime.nanoseconds().into() },
    }
}
