//! What is written down before it is acknowledged: a thread that gathers all changes that wait and commits them together.
//!
//! Whoever changes the directory notes its changes under the directory's lock, so that their order is the directory's, and then waits
//! until they are on the disk. While one transaction is written the next one gathers, so its price is shared by all who wait.
//! Nobody waits for changes that nobody asked for, such as leases that ran out; they are written within
//! [`LAZY_AFTER`].
//!
//! When the disk fails, whoever waits is told, and nobody may change anything until what was noted is written after all;
//! that is tried again and again. So memory and disk never differ for longer than the failure lasts, and nothing is
//! acknowledged that a restart would lose.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::limits::{PENDING_WEIGHT_MAX, TRANSACTION_WEIGHT_MAX};
use crate::store::{Change, Store, StoreError};

/// How soon changes are written for which nobody waits.
const LAZY_AFTER: Duration = Duration::from_secs(1);

/// How soon the disk is tried again after it failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a change is not acknowledged. The tracker's disk is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwritten {
    #[error("the tracker cannot write to its disk; try again later")]
    Failed,
    #[error("the tracker's disk is too slow; try again later")]
    Behind,
}

/// The changes on their way to a store.
pub(crate) struct Journal {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    changes: VecDeque<Change>,
    /// Of the changes.
    weight: usize,
    /// How many changes were ever noted.
    noted: u64,
    /// Who waits, and for how many of all changes.
    waiting: Vec<(u64, oneshot::Sender<Result<(), Unwritten>>)>,
    is_failing: bool,
    is_closed: bool,
}

impl Journal {
    pub(crate) fn start(store: impl Store) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), work: Condvar::new() });
        let of_writer = Arc::clone(&shared);
        let write = move || Writer { shared: of_writer, store, written: 0 }.run();
        let writer = thread::Builder::new().name("catalogue".into()).spawn(write)?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Whether anything may be changed now.
    pub(crate) fn check(&self) -> Result<(), Unwritten> {
        let queue = self.shared.queue();
        match &*queue {
            Queue { is_failing: true, .. } | Queue { is_closed: true, .. } => Err(Unwritten::Failed),
            Queue { weight, .. } if *weight > PENDING_WEIGHT_MAX => Err(Unwritten::Behind),
            _ => Ok(()),
        }
    }

    /// Notes changes. To be called in the order in which they happened.
    pub(crate) fn note(&self, changes: impl IntoIterator<Item = Change>) {
        let mut queue = self.shared.queue();
        for change in changes {
            queue.weight += change.weight();
            queue.noted += 1;
            queue.changes.push_back(change);
        }
    }

    /// Returns when everything that was noted so far is written.
    pub(crate) async fn settled(&self) -> Result<(), Unwritten> {
        let (sender, written) = oneshot::channel();
        self.shared.queue().wait(sender);
        self.shared.work.notify_one();
        // A writer that is gone writes nothing.
        written.await.unwrap_or(Err(Unwritten::Failed))
    }

    /// Writes what is noted, unless the disk fails, and lets go of the store. Nothing can be changed any more. Blocks for as long as
    /// that takes.
    pub(crate) fn close(&self) {
        self.shared.queue().is_closed = true;
        self.shared.work.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // It panicked only if there is a bug here, and that was told.
            drop(writer.join());
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn wait(&mut self, sender: oneshot::Sender<Result<(), Unwritten>>) {
        // Nobody comes back to whoever waits later than that.
        if !self.is_closed {
            self.waiting.push((self.noted, sender));
        }
    }

    fn is_idle(&self) -> bool {
        self.changes.is_empty() && self.waiting.is_empty()
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own part.
struct Writer<S> {
    shared: Arc<Shared>,
    store: S,
    /// How many of all changes are written.
    written: u64,
}

impl<S: Store> Writer<S> {
    fn run(mut self) {
        loop {
            let (part, is_closed) = self.gather();
            let outcome = if part.is_empty() { Ok(()) } else { self.store.commit(&part) };
            let is_failing = outcome.is_err();
            match outcome {
                Ok(()) => self.is_written(&part),
                Err(error) => self.has_failed(part, &error),
            }
            if is_closed && (is_failing || self.shared.queue().is_idle()) {
                return;
            }
        }
    }

    /// Waits until there is something to write, and takes as much of it as belongs into one transaction.
    fn gather(&self) -> (Vec<Change>, bool) {
        let mut queue = self.shared.queue();
        let is_idle = |queue: &mut Queue| !queue.is_closed && (queue.is_failing || queue.waiting.is_empty());
        // Those who wait are told at once that the disk fails, so it is tried again in peace.
        let patience = if queue.is_failing { RETRY_AFTER } else { LAZY_AFTER };
        let waited = self.shared.work.wait_timeout_while(queue, patience, is_idle);
        queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let (mut part, mut weight) = (Vec::new(), 0);
        while weight < TRANSACTION_WEIGHT_MAX
            && let Some(change) = queue.changes.pop_front()
        {
            weight += change.weight();
            part.push(change);
        }
        queue.weight -= weight;
        (part, queue.is_closed)
    }

    fn is_written(&mut self, part: &[Change]) {
        self.written += part.len() as u64;
        let mut queue = self.shared.queue();
        if mem::take(&mut queue.is_failing) {
            tracing::info!("the catalogue is written again");
        }
        let (done, waiting) =
            mem::take(&mut queue.waiting).into_iter().partition(|(until, _)| *until <= self.written);
        queue.waiting = waiting;
        drop(queue);
        tell(done, Ok(()));
    }

    /// Puts back what is not written, in its order, and tells whoever waits.
    fn has_failed(&self, part: Vec<Change>, error: &StoreError) {
        let mut queue = self.shared.queue();
        if !mem::replace(&mut queue.is_failing, true) {
            tracing::error!(%error, "nothing is acknowledged until the catalogue can be written");
        }
        queue.weight += part.iter().map(Change::weight).sum::<usize>();
        for change in part.into_iter().rev() {
            queue.changes.push_front(change);
        }
        let waiting = mem::take(&mut queue.waiting);
        drop(queue);
        tell(waiting, Err(Unwritten::Failed));
    }
}

fn tell(waiting: Vec<(u64, oneshot::Sender<Result<(), Unwritten>>)>, outcome: Result<(), Unwritten>) {
    for (_, waiter) in waiting {
        // Whoever asked may have gone.
        let _ = waiter.send(outcome);
    }
}
