//! Why a catalogue cannot be kept. The local disk is to blame, always.

use std::io;
use std::path::PathBuf;

/// Why a catalogue cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has it open.
    #[error("the catalogue {} is in use by another tracker", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is no catalogue, or not a whole one.
    #[error(
        "the catalogue {} is damaged: {reason}; put it back from a copy, or move it away to start with an empty one: peers \
         that still run will register again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The system does not let it be read or written.
    #[error("cannot {action} the catalogue {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl StoreError {
    /// The thread that writes cannot be started.
    pub(crate) fn thread(source: io::Error) -> Self {
        Self::Io { action: "start to write", path: PathBuf::new(), source }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InUse { .. } => {
                Some("stop the other tracker, or give this one a --data folder of its own".into())
            }
            Self::Damaged { .. } => None,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("make room on the disk, or name another folder with --data".into())
            }
            Self::Io { .. } => {
                Some("check the permissions of the folder, or name another one with --data".into())
            }
        }
    }
}
