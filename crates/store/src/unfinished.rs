//! Files that somebody is still writing, as far as can be told from outside.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use drizzle_model::Mtime;

use crate::signature::distance;

/// What is left out when a shared path is looked at again.
#[derive(Debug, Clone, Default)]
pub struct Unfinished {
    /// Files that were written, and not closed since.
    pub open: HashSet<PathBuf>,
    /// A file that was modified so shortly ago is perhaps being written by somebody who was not noticed.
    pub fresh_for: Duration,
}

impl Unfinished {
    /// Whether the file is to be left alone for now.
    pub(crate) fn holds(&self, now: SystemTime, path: &Path, mtime: Mtime) -> bool {
        self.open.contains(path) || distance(mtime, now) < self.fresh_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_or_was_written_just_now_is_left_alone() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let open = HashSet::from([PathBuf::from("/d/open")]);
        let unfinished = Unfinished { open, fresh_for: Duration::from_millis(300) };
        let holds = |path: &str, mtime| unfinished.holds(now, path.as_ref(), mtime);
        assert!(holds("/d/open", Mtime::from_seconds(5)));
        assert!(holds("/d/x", Mtime::from_seconds(1000)));
        assert!(holds("/d/x", Mtime::new(999, 800_000_000).unwrap()));
        assert!(!holds("/d/x", Mtime::from_seconds(999)));
        // A clock that is ahead is no reason to leave a file out for as long.
        assert!(!holds("/d/x", Mtime::from_seconds(1001)));
    }
}
