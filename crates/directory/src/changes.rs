//! What changed since a version, for whoever keeps a copy of a listing.
//!
//! Laws: a copy, changed by all changes since its version, is the listing of today; whoever is further behind than the log goes back
//! lists anew.

use alloc::sync::Arc;
use alloc::vec::Vec;

use drizzle_model::Time;

use crate::change_log::{Change, Listed, Recorded};
use crate::directory::Directory;
use crate::files::FileId;
use crate::version::Version;

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
