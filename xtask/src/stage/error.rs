//! What can stop a run, or one program in it.

use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

/// Sorted by blame: this machine's disk, a program that was started, what it brought.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum RunError {
    /// A file or folder could not be used.
    #[error("cannot {action} {path}: {source}")]
    Disk { action: &'static str, path: String, source: io::Error },
    /// What the run needs does not fit.
    #[error("not enough room on {path}: {needed} bytes needed, {free} free")]
    NoRoom { path: String, needed: u64, free: u64 },
    /// A program could not be started or reached.
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    /// A program ended where it should not have, or with a failure.
    #[error("{program} ended with {status}; it said: {said}")]
    Ended { program: String, status: ExitStatus, said: String },
    /// A program did not do in time what it should.
    #[error("{program} was expected to {expected} within {limit:?} and did not; it said: {said}")]
    Late { program: String, expected: String, limit: Duration, said: String },
    /// The lab needs what this machine or its user lacks.
    #[error("the lab cannot run here: {reason}")]
    NoLab { reason: String },
    /// Content was damaged on its way.
    #[error("what arrived is not what was sent: {what}")]
    Different { what: String },
    /// What is to be measured does not compile.
    #[error("the release build of Drizzle failed: cargo ended with {status}")]
    Build { status: ExitStatus },
}

impl RunError {
    /// For `map_err` on what the disk refused.
    pub(crate) fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Disk { action, path, source }
    }
}
