//! Mode and time: which ones an entry must have, and how an open file gets them.

use std::os::fd::AsFd;

use drizzle_model::{ContentKind, Metadata, Mtime};
use rustix::fs::{Mode, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens};
use rustix::io::Errno;

use crate::Content;

/// The mode and time that a file gets. Those of a single file were not proved by any hash, so a stranger must not
/// make it run as its owner.
pub(super) fn wanted_metadata(content: &Content, entry: usize) -> Metadata {
    let metadata = content.entries()[entry].metadata;
    match content.kind() {
        ContentKind::File => Metadata { mode: metadata.mode & 0o777, ..metadata },
        ContentKind::Folder => metadata,
    }
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
