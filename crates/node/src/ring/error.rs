//! Why something did not work in a ring, sorted by who is to blame.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use drizzle_model::Address;
use drizzle_ring::{JoinError, OperationError};
use drizzle_wire::RingFailure;

use super::greet::GreetError;

/// Why a ring did not do what was asked of it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// No member answers.
    #[error("no member of the ring can be reached: {reason}")]
    Unreachable {
        /// What happened at each address.
        reason: String,
    },
    /// The ring does not let this peer in, or is another one.
    #[error("the ring does not let this peer in: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// The place in the ring is another's.
    #[error("{0}")]
    Taken(JoinError),
    /// Nothing is stored under the name or hash.
    #[error("nobody in the ring has that")]
    NotFound,
    /// The node that was asked is in no ring yet, or any more.
    #[error("this peer is not in the ring: it is joining or leaving; ask again in a moment")]
    NotMember,
    /// Nobody who should know answers.
    #[error("nobody in the ring who should know answers")]
    NoAnswer,
    /// Whoever should keep it does not.
    #[error("the ring does not take it: {reason}")]
    NotTaken {
        /// Why.
        reason: String,
    },
    /// The member that was asked has no room, or no time; another one may.
    #[error("a member of the ring does not take it: {reason}")]
    Full {
        /// Why.
        reason: String,
    },
    /// The ring's ids are other ones than was said.
    #[error("{reason}")]
    Id {
        /// What is wrong.
        reason: String,
    },
    /// The local disk.
    #[error("{}: {reason}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// What is to be stored cannot be read.
    #[error("{reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
    },
    /// What came is not what was asked for.
    #[error("{reason}")]
    Integrity {
        /// Who sent what.
        reason: String,
    },
    /// What came cannot be written.
    #[error("{reason}")]
    Write {
        /// What the system says.
        reason: String,
    },
    /// Something else.
    #[error("{reason}")]
    Other {
        /// What.
        reason: String,
    },
}

impl RingError {
    pub(crate) fn disk(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        Self::Disk { path: path.into(), reason: error.to_string() }
    }

    /// What many calls that failed come to: if one was refused, that is what to know.
    pub(crate) fn from_failures(failures: Vec<GreetError>) -> Self {
        let is_refusal = |error: &GreetError| match error {
            GreetError::Dial(drizzle_net::DialError::WrongKey { .. })
            | GreetError::NotAdmitted(_)
            | GreetError::Space { .. }
            | GreetError::DoorClosed
            | GreetError::OtherRing => true,
            GreetError::Bye { reason, .. } => {
                matches!(reason, drizzle_wire::ByeReason::NotAdmitted | drizzle_wire::ByeReason::Version)
            }
            _ => false,
        };
        if let Some(refusal) = failures.iter().find(|error| is_refusal(error)) {
            return Self::Refused { reason: refusal.to_string() };
        }
        let reasons: Vec<String> = failures.iter().map(ToString::to_string).collect();
        Self::Unreachable { reason: reasons.join("; ") }
    }
}

impl From<OperationError> for RingError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::NotMember => Self::NotMember,
            OperationError::NotFound => Self::NotFound,
            OperationError::NoAnswer => Self::NoAnswer,
            OperationError::Refused(refusal) => Self::NotTaken { reason: refusal.to_string() },
            other => Self::NotTaken { reason: other.to_string() },
        }
    }
}

impl From<JoinError> for RingError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Taken(_) => Self::Taken(error),
            other => Self::Unreachable { reason: other.to_string() },
        }
    }
}

impl RingError {
    /// What a member answered.
    pub(crate) fn of_failure(member: &Address, why: RingFailure, text: &str) -> Self {
        match why {
            RingFailure::NotMember => Self::NotMember,
            RingFailure::NotFound => Self::NotFound,
            RingFailure::NoAnswer => Self::NoAnswer,
            RingFailure::Busy => Self::Full { reason: format!("{member} says: {text}") },
            _ => Self::NotTaken { reason: text.to_owned() },
        }
    }

    /// What is said of it to whoever asked, who knows by [`Self::failure`] what the beginning would be.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::NotTaken { reason } | Self::Full { reason } => reason.clone(),
            other => other.to_string(),
        }
    }

    /// The same, for answering.
    pub(crate) fn failure(&self) -> RingFailure {
        match self {
            Self::NotMember => RingFailure::NotMember,
            Self::NotFound => RingFailure::NotFound,
            Self::NoAnswer | Self::Unreachable { .. } => RingFailure::NoAnswer,
            Self::Full { .. } => RingFailure::Busy,
            _ => RingFailure::Refused,
        }
    }

    pub(crate) fn late(after: Duration) -> Self {
        Self::Unreachable { reason: format!("no answer within {} s", after.as_secs()) }
    }
}
