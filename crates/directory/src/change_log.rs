//! The log of what changed in listings, and of peers that came and went: the last changes, in order.
//!
//! Laws: each change has a version of its own, later ones a greater one; what is kept is bounded, and the oldest is dropped.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use drizzle_model::{FileKey, Mtime, PeerId};

use crate::peers::PeerNumber;
use crate::quota::limits::{CHANGES_MAX, CHANGES_NAME_BYTES_MAX};
use crate::version::Version;

/// A file in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which file.
    pub key: Arc<FileKey>,
    /// The newest modification time that it was registered with.
    pub mtime: Mtime,
    /// How many peers have something of it; one or more.
    pub peers: u32,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A file can be fetched that could not be fetched before.
    Added(Listed),
    /// It has a newer modification time, or more or fewer peers.
    Changed(Listed),
    /// It cannot be fetched any more.
    Removed(Arc<FileKey>),
    /// A peer serves.
    Came {
        /// Which one.
        peer: PeerId,
        /// Its number.
        number: PeerNumber,
    },
    /// A peer that served has left, or its lease ran out.
    Went {
        /// Which one.
        peer: PeerId,
        /// The number that it had.
        number: PeerNumber,
    },
}

/// A change with its place among all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The directory's version that came of it.
    pub version: Version,
    /// What it was.
    pub change: Change,
}

impl Change {
    fn name_bytes(&self) -> usize {
        match self {
            Self::Added(listed) | Self::Changed(listed) => listed.key.name.as_str().len(),
            Self::Removed(key) => key.name.as_str().len(),
            Self::Came { .. } | Self::Went { .. } => 0,
        }
    }
}

/// The last changes.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    recorded: VecDeque<Recorded>,
    /// The changes since this version are all here.
    pub(crate) since: Version,
    name_bytes: usize,
}

impl ChangeLog {
    /// A log of what changes from that version on.
    pub(crate) fn since(since: Version) -> Self {
        Self { since, ..Self::default() }
    }

    pub(crate) fn push(&mut self, version: Version, change: Change) {
        self.name_bytes += change.name_bytes();
        self.recorded.push_back(Recorded { version, change });
        while (self.recorded.len() > CHANGES_MAX || self.name_bytes > CHANGES_NAME_BYTES_MAX)
            && let Some(oldest) = self.recorded.pop_front()
        {
            self.name_bytes -= oldest.change.name_bytes();
            self.since = oldest.version;
        }
    }

    pub(crate) fn after(&self, since: Version) -> impl Iterator<Item = &Recorded> {
        let start = self.recorded.partition_point(|recorded| recorded.version <= since);
        self.recorded.range(start..)
    }

    pub(crate) fn check_invariants(&self, version: Version) {
        let versions = self.recorded.iter().map(|recorded| recorded.version);
        let mut before = self.since;
        for recorded in versions {
            assert!(before < recorded && recorded <= version, "changes in order: {before}, {recorded}");
            before = recorded;
        }
        let name_bytes: usize = self.recorded.iter().map(|recorded| recorded.change.name_bytes()).sum();
        assert_eq!(self.name_bytes, name_bytes, "bytes of names in the log of changes");
        assert!(self.recorded.len() <= CHANGES_MAX && name_bytes <= CHANGES_NAME_BYTES_MAX, "a bounded log");
    }
}
