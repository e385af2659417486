//! Whether an unfinished file is still the one that was written before.
//!
//! Big files are closed and opened again while they are fetched, and meanwhile something else may come to bear the name.
//! Some file systems (FUSE among them) number a file anew after it was closed, so another number is no proof; it means that
//! the whole is hashed once more before it is put in place.

use std::os::fd::AsFd;

use rustix::fs::{Stat, fstat};
use rustix::io::Errno;

/// Which file something is, under whatever name. To be relied on while one of the two that are compared is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(file: impl AsFd) -> Result<Self, Errno> {
        fstat(file).map(|stat| Self::of_stat(&stat))
    }

    pub(super) fn of_stat(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// What is known of the file that bears a partial file's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Acquaintance {
    /// It was not opened yet.
    #[default]
    None,
    /// Whenever it was opened it was this one.
    Same(Identity),
    /// It was not always the same one.
    Doubtful,
}

impl Acquaintance {
    /// Takes note of what was opened.
    pub(super) fn meet(&mut self, opened: Identity) {
        *self = match *self {
            Self::None => Self::Same(opened),
            Self::Same(known) if known == opened => Self::Same(known),
            Self::Same(_) | Self::Doubtful => Self::Doubtful,
        };
    }
}
