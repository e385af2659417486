//! A line to one member, as a guest asks over it: questions have numbers, and the answers come in any order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use drizzle_model::Address;
use drizzle_ring::{Contact, Space};
use drizzle_wire::{Reply, RingFrame, Wish};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::ring::backlog::Backlog;
use crate::ring::error::RingError;
use crate::ring::greet::{GreetError, Met};
use crate::ring::line::{Line, LineNews};
use crate::ring::near::Near;

/// An answer to a question that needs no file may take so long: a member goes round the dead in this time.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(20);
/// More hops than this no question takes: a look-up asks 128 members at the most, and is made a few times.
const HOPS_MAX: usize = 1024;
/// What waits on one line to be read.
const NEWS_MAX: usize = 64;

#[derive(Clone)]
pub(super) struct GuestLine {
    pub(super) line: Line,
    pub(super) address: Address,
    pub(super) space: Space,
    pub(super) host: Contact,
    calls: Calls,
    last: Arc<AtomicU64>,
}

/// Those who wait for an answer, by the number of their question; none when the line is down.
type Calls = Arc<Mutex<Option<HashMap<u64, mpsc::UnboundedSender<Reply>>>>>;

fn lock(calls: &Calls) -> MutexGuard<'_, Option<HashMap<u64, mpsc::UnboundedSender<Reply>>>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GuestLine {
    /// Puts a connection to use on which a member has said hello.
    pub(super) fn open(met: Met, address: Address, backlog: &Backlog) -> Result<Self, GreetError> {
        let (space, host) = (met.space, met.member.ok_or(GreetError::NoHello)?);
        let (sender, mut news) = mpsc::channel(NEWS_MAX);
        let line = Line::open(met, backlog, sender, |news| news);
        let calls: Calls = Arc::new(Mutex::new(Some(HashMap::new())));
        let of_reader = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Some(LineNews::Frame(frame)) = news.recv().await {
                let RingFrame::Reply(number, reply) = *frame else { continue };
                if let Some(calls) = lock(&of_reader).as_mut() {
                    let is_last = !matches!(reply, Reply::Hop { .. });
                    // Whoever asked may have given up.
                    if let Some(call) = calls.get(&number) {
                        let _ = call.send(reply);
                    }
                    if is_last {
                        calls.remove(&number);
                    }
                }
            }
            // Whoever still waits learns that nothing comes.
            *lock(&of_reader) = None;
        });
        Ok(Self { line, address, space, host, calls, last: Arc::default() })
    }

    /// The member, those before it, and those behind it.
    pub(super) async fn members(&self) -> Result<Near, RingError> {
        near_of(self.ask(Wish::Members, ANSWER_MAX, |_, _| {}).await?)
    }

    pub(super) fn is_open(&self) -> bool {
        lock(&self.calls).is_some()
    }

    pub(super) async fn ask(
        &self,
        wish: Wish,
        patience: Duration,
        mut hop: impl FnMut(Contact, Contact),
    ) -> Result<Reply, RingError> {
        let gone = || RingError::Unreachable { reason: format!("{} hung up", self.address) };
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let (sender, mut replies) = mpsc::unbounded_channel();
        lock(&self.calls).as_mut().ok_or_else(gone)?.insert(number, sender);
        let _asked = Asked { calls: &self.calls, number };
        if !self.line.say(RingFrame::Wish(number, wish)) {
            return Err(gone());
        }
        let mut hops = 0;
        let asking = async {
            loop {
                match replies.recv().await {
                    Some(Reply::Hop { from, to }) => {
                        hops += 1;
                        if hops > HOPS_MAX {
                            return Err(unexpected(&Reply::Hop { from, to }));
                        }
                        hop(from, to);
                    }
                    Some(Reply::Failed { why, text }) => {
                        return Err(RingError::of_failure(&self.address, why, text.as_str()));
                    }
                    Some(reply) => return Ok(reply),
                    None => return Err(gone()),
                }
            }
        };
        timeout(patience, asking).await.unwrap_or(Err(RingError::late(patience)))
    }
}

/// A question's place on its line, which is given up with it.
struct Asked<'a> {
    calls: &'a Calls,
    number: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(calls) = lock(self.calls).as_mut() {
            calls.remove(&self.number);
        }
    }
}

/// What a member says of those next to it.
pub(super) fn near_of(reply: Reply) -> Result<Near, RingError> {
    match reply {
        Reply::Members { me, predecessors, successors } => Ok(Near { me, predecessors, successors }),
        other => Err(unexpected(&other)),
    }
}

pub(super) fn unexpected(reply: &Reply) -> RingError {
    tracing::debug!(target: "drizzle::ring", ?reply, "an answer to another question");
    RingError::Other { reason: "the member of the ring does not answer what it was asked".into() }
}
