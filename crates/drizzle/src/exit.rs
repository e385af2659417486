//! How the program ends: the one place that knows exit codes, and what a person can do about a failure.
//!
//! The codes are those of the contract: 0 done, 1 failed otherwise, 2 usage, 3 not found, 4 integrity, 5 nobody
//! answers, 6 local disk, 7 refused, 130 interrupted.

use std::io;

use drizzle_model::{ParseLinkError, PathError};
use drizzle_node::{ErrorKind, FetchError, RingError, ShareError, StartError, TrackerError};

use crate::config::{ConfigError, InviteError};

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was said cannot be read: a flag, a setting, a link, an invite.
    Usage,
    /// Nobody has registered it, or the local path is not there.
    NotFound,
    /// What came is not what was asked for, and no honest source is left.
    Integrity,
    /// It is registered, but nobody answers.
    Unreachable,
    /// The local disk.
    Disk,
    /// Not invited, or not who was expected.
    Refused,
    /// Anything else.
    Other,
    /// A person or the system asked for the end.
    Interrupted,
}

impl Kind {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Integrity => 4,
            Self::Unreachable => 5,
            Self::Disk => 6,
            Self::Refused => 7,
            Self::Interrupted => 130,
        }
    }

    /// The word for it in the `error` event.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Usage => "usage",
            Self::NotFound => "not-found",
            Self::Integrity => "integrity",
            Self::Unreachable => "unreachable",
            Self::Disk => "disk",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command failed, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What kind it is.
    pub(crate) kind: Kind,
    /// What happened.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failure of the local disk at a path.
    pub(crate) fn at_path(path: &std::path::Path, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Disk,
        };
        Self::new(kind, format!("{}: {error}", path.display()))
    }
}

/// How a command ended without a failure that is still to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All was done.
    Done,
    /// It was told already what failed, or that it was interrupted.
    Told(Kind),
}

/// Why a command stops before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It failed.
    Failed(Failure),
    /// Nobody reads the output any more, so there is nobody to tell.
    OutputClosed,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<ConfigError> for Stop {
    fn from(error: ConfigError) -> Self {
        Self::Failed(error.into())
    }
}

/// An error in writing results.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Failed(Failure::new(Kind::Disk, format!("the output cannot be written: {error}"))),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Kind::Usage, error.to_string())
    }
}

impl From<InviteError> for Failure {
    fn from(error: InviteError) -> Self {
        let hint = match &error {
            InviteError::File { .. } | InviteError::TooLong { .. } => {
                "@FILE names a file that holds the invite, as `drizzle tracker --invite-file FILE` writes it"
            }
            _ => {
                "copy the whole invite that `drizzle tracker` or `drizzle ring start` prints; it was perhaps cut off"
            }
        };
        Self::new(Kind::Usage, error.to_string()).hint(hint)
    }
}

impl From<ErrorKind> for Kind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Integrity => Self::Integrity,
            ErrorKind::Unreachable => Self::Unreachable,
            ErrorKind::Disk => Self::Disk,
            ErrorKind::Refused => Self::Refused,
            _ => Self::Other,
        }
    }
}

macro_rules! from_node {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self { kind: error.kind().into(), message: error.to_string(), hint: error.hint() }
            }
        }

        impl From<$error> for Stop {
            fn from(error: $error) -> Self {
                Self::Failed(error.into())
            }
        }
    )*};
}

from_node!(RingError, StartError, TrackerError, ShareError, FetchError);

impl From<ParseLinkError> for Failure {
    fn from(error: ParseLinkError) -> Self {
        Self::new(Kind::Usage, error.to_string())
            .hint("copy the whole link that `drizzle share` prints, in quotes")
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Self::new(Kind::Usage, format!("the name cannot be used: {error}"))
    }
}

/// What a command hands back.
pub(crate) type Outcome = Result<End, Stop>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_contract() {
        let codes = [
            (Kind::Other, 1, "other"),
            (Kind::Usage, 2, "usage"),
            (Kind::NotFound, 3, "not-found"),
            (Kind::Integrity, 4, "integrity"),
            (Kind::Unreachable, 5, "unreachable"),
            (Kind::Disk, 6, "disk"),
            (Kind::Refused, 7, "refused"),
            (Kind::Interrupted, 130, "interrupted"),
        ];
        for (kind, code, word) in codes {
            assert_eq!((kind.code(), kind.as_str()), (code, word));
        }
    }

    #[test]
    fn a_missing_path_is_not_found_and_others_are_the_disks() {
        let kind = |kind: io::ErrorKind| Failure::at_path("p".as_ref(), &kind.into()).kind;
        assert_eq!(kind(io::ErrorKind::NotFound), Kind::NotFound);
        assert_eq!(kind(io::ErrorKind::PermissionDenied), Kind::Disk);
        assert_eq!(kind(io::ErrorKind::StorageFull), Kind::Disk);
        assert_eq!(kind(io::ErrorKind::NotADirectory), Kind::Disk);
    }

    #[test]
    fn a_closed_pipe_ends_quietly_and_a_full_disk_does_not() {
        assert!(matches!(Stop::from(io::Error::from(io::ErrorKind::BrokenPipe)), Stop::OutputClosed));
        let full = Stop::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, Stop::Failed(Failure { kind: Kind::Disk, .. })));
    }
}
