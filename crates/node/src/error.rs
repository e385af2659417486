//! Why something did not work, sorted by who is to blame, each with what the user can do.

use std::io;
use std::net::SocketAddr;

use drizzle_model::{PeerId, RelPath};
use drizzle_net::KeyFileError;
use drizzle_store::{DiskError, ShareError as StoreShareError};
use drizzle_tracker::{ClientError, NetworkError};

use crate::discovery::DiscoveryError;
use crate::ring::RingError;

/// Who or what is to blame: what scripts tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something that was said to this program makes no sense.
    Usage,
    /// Nobody has registered it, or nothing is at a local path.
    NotFound,
    /// All sources sent something else than what was asked for.
    Integrity,
    /// It is known, but nobody answers in time.
    Unreachable,
    /// The local disk.
    Disk,
    /// This peer is not let in, or somebody is not who was expected.
    Refused,
    /// Anything else.
    Other,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The peer's key cannot be read or made.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The embedded tracker's network cannot be read or made.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The key cannot be used.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl StartError {
    /// Who is to blame.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Key(_) | Self::Network(_) => ErrorKind::Disk,
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => {
                ErrorKind::Usage
            }
            Self::Listen { .. } | Self::Tls(_) => ErrorKind::Other,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => Some(
                "another program uses that port; name another one, or port 0 for any free one".to_owned(),
            ),
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("ports below 1024 need more rights; name a higher one".to_owned())
            }
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => {
                Some("this machine does not have that address".to_owned())
            }
            _ => None,
        }
    }
}

fn client_kind(error: &ClientError) -> ErrorKind {
    match error {
        ClientError::Unreachable { .. } | ClientError::Lost { .. } | ClientError::Busy { .. } => {
            ErrorKind::Unreachable
        }
        ClientError::Refused { .. } => ErrorKind::Refused,
        ClientError::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Other,
    }
}

fn discovery_kind(error: &DiscoveryError) -> ErrorKind {
    match error {
        DiscoveryError::Tracker(error) => client_kind(error),
        DiscoveryError::Ring(error) => error.kind(),
    }
}

fn discovery_hint(error: &DiscoveryError) -> Option<String> {
    match error {
        DiscoveryError::Tracker(error) => client_hint(error),
        DiscoveryError::Ring(error) => error.hint(),
    }
}

impl RingError {
    /// Who is to blame.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. } | Self::NoAnswer | Self::NotMember => ErrorKind::Unreachable,
            Self::Refused { .. } | Self::Taken(_) | Self::NotTaken { .. } | Self::Full { .. } => {
                ErrorKind::Refused
            }
            Self::NotFound => ErrorKind::NotFound,
            Self::Id { .. } => ErrorKind::Usage,
            Self::Disk { .. } | Self::Unreadable { .. } | Self::Write { .. } => ErrorKind::Disk,
            Self::Integrity { .. } => ErrorKind::Integrity,
            Self::Other { .. } => ErrorKind::Other,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable { .. } => {
                "check that a member of the ring runs there and can be reached from here"
            }
            Self::Refused { .. } => "ask a member for the ring's invite, as `drizzle ring start` prints it",
            Self::Taken(_) => "choose another id",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn client_hint(error: &ClientError) -> Option<String> {
    match error {
        ClientError::Unreachable { .. } => {
            Some("check that the tracker runs and that its address can be reached from here".to_owned())
        }
        ClientError::Refused { .. } => {
            Some("ask for a new invite: this one is for another network, or its secret is wrong".to_owned())
        }
        _ => None,
    }
}

/// Why a tracker or a ring cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TrackerError(#[from] pub(crate) DiscoveryError);

impl TrackerError {
    /// Who is to blame.
    pub fn kind(&self) -> ErrorKind {
        discovery_kind(&self.0)
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        discovery_hint(&self.0)
    }
}

/// Why something is not shared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The local disk.
    #[error(transparent)]
    Store(#[from] StoreShareError),
    /// The tracker cannot be asked.
    #[error("the tracker does not take {name}: {error}")]
    Tracker {
        /// What was to be shared.
        name: RelPath,
        /// What went wrong.
        error: DiscoveryError,
    },
    /// The tracker does not want it.
    #[error("the tracker refuses {name}: {reason}")]
    Refused {
        /// What was to be shared.
        name: RelPath,
        /// The tracker's reason.
        reason: String,
    },
    /// It is more than one content can hold.
    #[error("{name} holds too many files or bytes to be shared as one")]
    TooLarge {
        /// What was to be shared.
        name: RelPath,
    },
    /// This node is shutting down.
    #[error("this peer is shutting down")]
    Closing,
}

impl ShareError {
    /// Who is to blame.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(StoreShareError::Disk(DiskError::NotFound { .. })) => ErrorKind::NotFound,
            Self::Store(StoreShareError::Name { .. } | StoreShareError::NameNotUtf8 { .. }) => {
                ErrorKind::Usage
            }
            Self::Store(_) => ErrorKind::Disk,
            Self::Tracker { error, .. } => discovery_kind(error),
            Self::Refused { .. } | Self::TooLarge { .. } | Self::Closing => ErrorKind::Other,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tracker { error, .. } => discovery_hint(error),
            Self::Store(StoreShareError::Disk(error)) => error.hint().map(str::to_owned),
            Self::TooLarge { .. } => Some("share its sub-folders one by one".to_owned()),
            _ => None,
        }
    }
}

/// Why something is not fetched. What was verified stays, and the next try goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody has registered it.
    #[error("nobody has registered {what}")]
    NotFound {
        /// The name or hash.
        what: String,
    },
    /// It is registered, but nobody who has it answers.
    #[error("{name}: no source answers{}", tried(.reasons))]
    NoSource {
        /// What was to be fetched.
        name: RelPath,
        /// What went wrong with each source that was tried.
        reasons: Vec<String>,
    },
    /// All sources lied.
    #[error("{name}: no honest source is left{}", liars(.peers))]
    Integrity {
        /// What was to be fetched.
        name: RelPath,
        /// Who sent what was wrong.
        peers: Vec<PeerId>,
    },
    /// The hash is right, but what it names is no folder, or too large.
    #[error("{name}: {reason}")]
    Content {
        /// What was to be fetched.
        name: RelPath,
        /// What is wrong with it.
        reason: String,
    },
    /// The sources do not let this peer in.
    #[error("{name}: the sources do not let this peer in{}", tried(.reasons))]
    NotAdmitted {
        /// What was to be fetched.
        name: RelPath,
        /// What each said.
        reasons: Vec<String>,
    },
    /// The tracker cannot be asked.
    #[error("{what}: {error}")]
    Tracker {
        /// What was to be fetched.
        what: String,
        /// What went wrong.
        error: DiscoveryError,
    },
    /// The local disk.
    #[error("{name}: {error}")]
    Disk {
        /// What was to be fetched.
        name: RelPath,
        /// What went wrong.
        error: DiskError,
    },
    /// Two names of the folder are one where letter case does not count.
    #[error("{name}: {first} and {second} differ only in letter case")]
    CaseClash {
        /// What was to be fetched.
        name: RelPath,
        /// The one.
        first: RelPath,
        /// The other.
        second: RelPath,
    },
    /// This node is shutting down.
    #[error("this peer is shutting down")]
    Closing,
}

fn tried(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}

fn liars(peers: &[PeerId]) -> String {
    let peers: Vec<String> = peers.iter().map(PeerId::to_string).collect();
    if peers.is_empty() { String::new() } else { format!(": dropped {}", peers.join(", ")) }
}

impl FetchError {
    /// Who is to blame.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::NoSource { .. } => ErrorKind::Unreachable,
            Self::Integrity { .. } | Self::Content { .. } => ErrorKind::Integrity,
            Self::NotAdmitted { .. } => ErrorKind::Refused,
            Self::Tracker { error, .. } => discovery_kind(error),
            Self::Disk { .. } => ErrorKind::Disk,
            Self::CaseClash { .. } | Self::Closing => ErrorKind::Other,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some("see what there is with `drizzle list`".to_owned()),
            Self::NoSource { .. } => Some(
                "check that the one who shares it still runs and can be reached; start again to go on"
                    .to_owned(),
            ),
            Self::Integrity { .. } => Some(
                "ask the one who shared it to share it again: its content changed, or a peer lies".to_owned(),
            ),
            Self::NotAdmitted { .. } => Some("ask for a new link or invite".to_owned()),
            Self::Tracker { error, .. } => discovery_hint(error),
            Self::Disk { error, .. } => error.hint().map(str::to_owned),
            Self::CaseClash { .. } => {
                Some("fetch it without asking for portable names, or to another disk".to_owned())
            }
            Self::Content { .. } | Self::Closing => None,
        }
    }
}
