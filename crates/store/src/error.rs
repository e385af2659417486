//! What the local disk refused, for which path, and what the user can do about it.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why something could not be read from or written to the local disk. Nobody but this machine is to blame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// No room, or the user's quota is used up.
    #[error("the disk is full: cannot write {}", path.display())]
    Full {
        /// What was to be written.
        path: PathBuf,
    },
    /// There is less room than the whole needs; found before anything was written.
    #[error("the disk is too full for {}: {needed} bytes are needed, {available} are free", path.display())]
    TooSmall {
        /// What was to be written.
        path: PathBuf,
        /// How many bytes are still to be written.
        needed: u64,
        /// How many bytes are free.
        available: u64,
    },
    /// This user may not do it.
    #[error("no permission for {}", path.display())]
    Permission {
        /// For what permission is missing.
        path: PathBuf,
    },
    /// The file system takes no writes.
    #[error("the file system of {} is read-only", path.display())]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
    },
    /// Something else is where a folder is due.
    #[error("{} is a file, expected a folder", path.display())]
    NotAFolder {
        /// Where the folder is due.
        path: PathBuf,
    },
    /// A folder is where a file or link is due.
    #[error("{} is a folder, expected a file", path.display())]
    NotAFile {
        /// Where the file is due.
        path: PathBuf,
    },
    /// A symbolic link is where a folder is due; to follow it could lead out of the target.
    #[error("{} is a symbolic link, expected a folder", path.display())]
    IsALink {
        /// Where the folder is due.
        path: PathBuf,
    },
    /// Nothing is there.
    #[error("{} is not there", path.display())]
    NotFound {
        /// What is missing.
        path: PathBuf,
    },
    /// The file system does not take the name.
    #[error("the file system does not take the name of {}", path.display())]
    Name {
        /// The path with that name.
        path: PathBuf,
    },
    /// The content, or a part of it, bears a name that is kept for unfinished downloads. Who shares it is to blame.
    #[error("{} is not fetched, since its name is kept for unfinished downloads", path.display())]
    Reserved {
        /// Where it would have come to lie.
        path: PathBuf,
    },
    /// A file is there that has nothing in common with the one that is due.
    #[error("{} is there already and is another file", path.display())]
    Exists {
        /// Where the file is due.
        path: PathBuf,
    },
    /// Whoever owns the partial folder could change in it what was verified.
    #[error("{} belongs to another user", path.display())]
    Foreign {
        /// The partial folder.
        path: PathBuf,
    },
    /// Something else came into the place of an unfinished file after its data was verified.
    #[error("{} was replaced while it was written", path.display())]
    Replaced {
        /// The unfinished file.
        path: PathBuf,
    },
    /// Another process fetches the same content into the same place.
    #[error("another process is fetching the same into {}", path.display())]
    InUse {
        /// The partial folder that it holds.
        path: PathBuf,
    },
    /// A download was to be finished that is not complete: a bug of the caller.
    #[error("the download lacks {missing} chunks")]
    Incomplete {
        /// How many chunks are not verified.
        missing: u32,
    },
    /// The caller asked for the end.
    #[error("cancelled")]
    Cancelled,
    /// Anything else that the system reports.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was worked on.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl DiskError {
    /// Sorts the system's error.
    pub(crate) fn new(path: impl Into<PathBuf>, error: Errno) -> Self {
        let path = path.into();
        match error {
            Errno::NOSPC | Errno::DQUOT => Self::Full { path },
            Errno::ACCESS | Errno::PERM => Self::Permission { path },
            Errno::ROFS => Self::ReadOnly { path },
            Errno::NOTDIR => Self::NotAFolder { path },
            Errno::ISDIR | Errno::NOTEMPTY => Self::NotAFile { path },
            Errno::LOOP => Self::IsALink { path },
            Errno::NOENT => Self::NotFound { path },
            Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL => Self::Name { path },
            other => Self::Io { path, source: other.into() },
        }
    }

    /// The same for errors of the standard library.
    pub(crate) fn of_std(path: impl Into<PathBuf>, error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => Self::new(path, errno),
            None => Self::Io { path: path.into(), source: error },
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Full { .. } | Self::TooSmall { .. } => {
                Some("make room and start again: what is verified is kept and not fetched again")
            }
            Self::Permission { .. } => Some("check the owner and the mode, or choose another folder"),
            Self::ReadOnly { .. } => Some("choose a folder on a file system that can be written"),
            Self::NotAFolder { .. } | Self::NotAFile { .. } | Self::IsALink { .. } => {
                Some("move it away, or choose another folder")
            }
            Self::Exists { .. } => Some("move it away, or choose another folder with -o"),
            Self::Reserved { .. } => Some("ask for it to be shared under another name"),
            Self::Foreign { .. } => Some("remove it, or choose another place with --partial-dir"),
            Self::Replaced { .. } => {
                Some("start again: what is there is verified anew, and what is right is kept")
            }
            Self::InUse { .. } => Some("wait for the other process, or choose another folder"),
            Self::Name { .. } => Some("choose a folder on a file system that takes such names"),
            _ => None,
        }
    }
}
