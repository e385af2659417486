//! What can go wrong when a peer calls a tracker.

use drizzle_net::DialError;

use crate::answer::AnswerError;

/// Why a call brought no answer, by whose fault it is.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody there: no address of the invite answers.
    #[error("the tracker cannot be reached: {reason}")]
    Unreachable {
        /// What happened at each address.
        reason: String,
    },
    /// Nobody there any more: the connection broke, or no answer came in time.
    #[error("the tracker did not answer: {reason}")]
    Lost {
        /// What happened.
        reason: String,
    },
    /// The tracker is another one than the invite names, or does not let this peer in.
    #[error("refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// The tracker does not know this peer any more, since it was started anew or the lease ran out: register again.
    #[error("the tracker does not know this peer, or no longer")]
    Lapsed,
    /// Nobody has registered what was asked for.
    #[error("nobody has registered that")]
    NotFound,
    /// The tracker has no room at this time.
    #[error("the tracker is busy: {reason}")]
    Busy {
        /// What it says.
        reason: String,
    },
    /// The tracker and this client do not understand each other.
    #[error("the tracker does not speak as expected: {reason}")]
    Protocol {
        /// What was wrong.
        reason: String,
    },
}

impl ClientError {
    /// What many addresses that failed come to: if one of them is somebody else, that is what to know.
    pub(crate) fn from_failures(failures: &[DialError]) -> Self {
        let texts: Vec<String> = failures.iter().map(DialError::to_string).collect();
        let reason = texts.join("; ");
        let is_other = |failure: &DialError| matches!(failure, DialError::WrongKey { .. });
        if failures.iter().any(is_other) { Self::Refused { reason } } else { Self::Unreachable { reason } }
    }
}

impl From<AnswerError> for ClientError {
    fn from(error: AnswerError) -> Self {
        Self::Protocol { reason: error.to_string() }
    }
}
