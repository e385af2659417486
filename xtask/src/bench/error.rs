//! What can stop a benchmark, or one contestant in it.

use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

/// Sorted by blame: this machine's disk, a program that was started, what it brought.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BenchError {
    #[error("cannot {action} {path}: {source}")]
    Disk { action: &'static str, path: String, source: io::Error },
    #[error("not enough room on {path}: {needed} bytes needed, {free} free")]
    NoRoom { path: String, needed: u64, free: u64 },
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error("{program} ended with {status}; it said: {said}")]
    Ended { program: String, status: ExitStatus, said: String },
    #[error("{program} was expected to {expected} within {limit:?} and did not; it said: {said}")]
    Late { program: String, expected: String, limit: Duration, said: String },
    #[error("what arrived is not what was sent: {what}")]
    Different { what: String },
    #[error("the release build of Drizzle failed: cargo ended with {status}")]
    Build { status: ExitStatus },
}

impl BenchError {
    /// For `map_err` on what the disk refused.
    pub(crate) fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Disk { action, path, source }
    }
}
