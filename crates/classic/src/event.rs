//! What a synchronizer tells the one who runs it.

use std::net::SocketAddr;

use crate::name::Name;

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was not here.
    Create,
    /// It is newer than the one that was here.
    Update,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A file of another peer is here now.
    Applied {
        /// Its name.
        name: Name,
        /// Whether there was one before.
        action: Action,
        /// Who had it.
        peer: SocketAddr,
    },
    /// Everything that the tracker names is here. Told again only after a change.
    InSync {
        /// How many files there are here.
        files: usize,
        /// How many bytes they have.
        bytes: u64,
    },
    /// A file did not come, and is tried again later.
    Refused {
        /// Its name.
        name: Name,
        /// Who has it.
        peer: SocketAddr,
        /// What went wrong.
        reason: String,
    },
    /// Something that a person should know and that ends nothing.
    Notice(String),
}
