//! Finding the first source: candidates are called a little after each other, and the first that can say what the
//! hash stands for is used. A slow or lying one costs no more than the others' head start.

use std::collections::VecDeque;
use std::time::Duration;

use drizzle_model::{NetworkId, PeerId};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::calling::{CallError, Caller};
use crate::describe::{DescribeError, Description, Subject, describe};
use crate::input::Candidate;
use crate::lane::{Greeted, HelloError};

/// How long a candidate is alone before the next is called as well (the idea of RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);
/// A candidate that failed is called again after so long, as long as there is patience.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A source, and what it said.
pub(super) struct FirstSource {
    pub(super) candidate: Candidate,
    pub(super) greeted: Greeted,
    pub(super) description: Description,
    /// Who told a falsehood before this one told the truth.
    pub(super) liars: Vec<Liar>,
}

/// Who told a falsehood, and which.
pub(super) struct Liar {
    pub(super) peer: PeerId,
    pub(super) reason: String,
}

/// Why no candidate could say what the hash stands for.
pub(super) enum NoFirstSource {
    /// They did not answer, or did not have it.
    Silent { reasons: Vec<String> },
    /// They do not let this peer in.
    NotAdmitted { reasons: Vec<String> },
    /// They lied, all that answered.
    Liars { liars: Vec<Liar> },
    /// What the hash stands for cannot be used.
    Content { reason: String },
}

/// What one attempt came to.
struct Attempt {
    candidate: Candidate,
    result: Result<(Greeted, Description), Failure>,
}

enum Failure {
    Call(CallError),
    Describe(Option<PeerId>, DescribeError),
}

/// The search for one content.
pub(super) struct Search {
    caller: Caller,
    network: NetworkId,
    subject: Subject,
    waiting: VecDeque<(Instant, Candidate)>,
    reasons: Vec<String>,
    liars: Vec<Liar>,
    refusals: usize,
}

impl Search {
    pub(super) fn new(
        caller: Caller,
        network: NetworkId,
        subject: Subject,
        candidates: &[Candidate],
    ) -> Self {
        let now = Instant::now();
        let waiting = candidates.iter().map(|candidate| (now, candidate.clone())).collect();
        Self { caller, network, subject, waiting, reasons: Vec::new(), liars: Vec::new(), refusals: 0 }
    }

    /// Searches until a source is found, or no candidate is left that could be asked again. When patience ends nobody new is
    /// asked, but whoever is answering may go on: each answer has its own time.
    pub(super) async fn run(mut self, patience: Duration) -> Result<FirstSource, NoFirstSource> {
        let end = Instant::now() + patience;
        let mut attempts = JoinSet::new();
        let mut next_start = Instant::now();
        loop {
            let due = self.waiting.front().map(|(at, _)| (*at).max(next_start));
            if attempts.is_empty() && due.is_none_or(|due| due > end) {
                return Err(self.give_up());
            }
            tokio::select! {
                Some(attempt) = attempts.join_next(), if !attempts.is_empty() => {
                    let Ok(attempt) = attempt else { continue };
                    next_start = Instant::now();
                    match self.judge(attempt) {
                        Ok(Some(source)) => return Ok(source),
                        Ok(None) => {}
                        Err(hopeless) => return Err(hopeless),
                    }
                }
                () = sleep_until(due.unwrap_or(end)), if due.is_some_and(|due| due <= end) => {
                    if let Some((_, candidate)) = self.waiting.pop_front() {
                        attempts.spawn(attempt(self.caller.clone(), self.network, self.subject, candidate));
                        next_start = Instant::now() + HEAD_START;
                    }
                }
            }
        }
    }

    fn judge(&mut self, attempt: Attempt) -> Result<Option<FirstSource>, NoFirstSource> {
        let Attempt { candidate, result } = attempt;
        let (text, again) = match result {
            Ok((greeted, description)) => {
                let liars = std::mem::take(&mut self.liars);
                return Ok(Some(FirstSource { candidate, greeted, description, liars }));
            }
            Err(Failure::Describe(peer, error)) => match error {
                DescribeError::NoManifest(_) => {
                    return Err(NoFirstSource::Content { reason: error.to_string() });
                }
                error if error.is_lie() => {
                    warn!(target: "drizzle::fetch", address = %candidate.address, "dropped: {error}");
                    let reason = error.to_string();
                    self.liars.extend(peer.map(|peer| Liar { peer, reason }));
                    (error.to_string(), false)
                }
                error => (error.to_string(), true),
            },
            Err(Failure::Call(error)) => {
                let is_refusal = matches!(
                    &error,
                    CallError::Hello {
                        error: HelloError::NotAdmitted(_)
                            | HelloError::Bye { reason: drizzle_wire::ByeReason::NotAdmitted, .. },
                        ..
                    }
                );
                self.refusals += usize::from(is_refusal);
                (error.to_string(), !is_refusal)
            }
        };
        debug!(target: "drizzle::fetch", address = %candidate.address, "no first source: {text}");
        if !self.reasons.contains(&text) {
            self.reasons.push(text);
        }
        if again {
            self.waiting.push_back((Instant::now() + AGAIN_AFTER, candidate));
        }
        Ok(None)
    }

    fn give_up(self) -> NoFirstSource {
        let others = self.reasons.len().saturating_sub(self.refusals + self.liars.len());
        match (self.liars.is_empty(), self.refusals) {
            (false, _) => NoFirstSource::Liars { liars: self.liars },
            (true, 1..) if others == 0 => NoFirstSource::NotAdmitted { reasons: self.reasons },
            (true, _) => NoFirstSource::Silent { reasons: self.reasons },
        }
    }
}

async fn attempt(caller: Caller, network: NetworkId, subject: Subject, candidate: Candidate) -> Attempt {
    let result = match caller.call(&candidate, network).await {
        Ok(mut greeted) => match describe(&mut greeted, subject).await {
            Ok(description) => Ok((greeted, description)),
            Err(error) => Err(Failure::Describe(Some(greeted.peer), error)),
        },
        Err(error) => Err(Failure::Call(error)),
    };
    Attempt { candidate, result }
}
