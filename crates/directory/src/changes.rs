//! What changed in listings, and which peers came and went: the last changes, in order, for whoever keeps a copy.
//!
//! Laws: each change has a version of its own, later ones a greater one; a copy of a listing, changed by all changes since its
//! version, is the listing of today; what is kept is bounded, the oldest is dropped, and whoever is further behind lists anew.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use drizzle_model::{FileKey, PeerId, Time};

use crate::directory::Directory;
use crate::files::FileId;
use crate::list::Listed;
use crate::peers::PeerNumber;
use crate::quota::limits::{CHANGES_MAX, CHANGES_NAME_BYTES_MAX};
use crate::version::Version;

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

/// The changes since a version, or the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// In order.
    pub changes: Vec<Recorded>,
    /// What to ask for changes since, to get the next ones.
    pub version: Version,
    /// Whether these are all until now.
    pub is_all: bool,
}

/// The changes since then are not known, or not all of them: list anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a version from {oldest} to {newest}: list anew")]
pub struct TooOld {
    /// The oldest version since which the changes are known.
    pub oldest: Version,
    /// The version of today.
    pub newest: Version,
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
    since: Version,
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

    fn after(&self, since: Version) -> impl Iterator<Item = &Recorded> {
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

impl Directory {
    /// What changed since that version: the first `changes_max` changes, and where to go on.
    pub fn changes(&mut self, now: Time, since: Version, changes_max: usize) -> Result<Changes, TooOld> {
        self.expire(now);
        let (oldest, newest) = (self.changes.since, self.version);
        if since < oldest || since > newest {
            return Err(TooOld { oldest, newest });
        }
        let mut after = self.changes.after(since);
        let changes: Vec<Recorded> = after.by_ref().take(changes_max.max(1)).cloned().collect();
        match (after.next(), changes.last()) {
            (Some(_), Some(last)) => Ok(Changes { version: last.version, changes, is_all: false }),
            _ => Ok(Changes { version: newest, changes, is_all: true }),
        }
    }

    /// Notes that the file in a listing is not what it was with so many sources, unless it is in none then and now.
    pub(crate) fn note_file(&mut self, id: FileId, sources_before: u32) {
        let Some(file) = self.files.file(id) else { return };
        let listed = || Listed { key: Arc::clone(&file.key), mtime: file.mtime, peers: file.sources };
        let change = match (sources_before, file.sources) {
            (0, 0) => return,
            (0, _) => Change::Added(listed()),
            (_, 0) => Change::Removed(Arc::clone(&file.key)),
            _ => Change::Changed(listed()),
        };
        self.changes.push(self.version, change);
    }
}
