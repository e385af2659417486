//! How much is measured, and for how long.

use std::time::Duration;

/// How much there is, and how long each thing is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) peers: u64,
    pub(crate) files_each: u64,
    /// Different files.
    pub(crate) files: u64,
    pub(crate) connections: u64,
    pub(crate) seconds: u64,
    pub(crate) pages: u64,
}

/// Half of the renewals a second that are to be reached, at which the wait is measured.
pub(crate) const PACE: u64 = 15_000;

/// A catalogue of ten million holdings is read in less.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(300);
