//! What was heard of a shared path, where the system's watcher tells it and its follower waits for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use drizzle_store::{Stir, Unfinished, WatchError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::settling::{Found, Settling};

/// Bounded, however much is told.
#[derive(Debug)]
pub(super) struct Heard {
    settling: Mutex<Settling>,
    blind: Mutex<Option<WatchError>>,
    told: Notify,
}

impl Heard {
    pub(super) fn new(rescan: Duration) -> Self {
        let settling = Mutex::new(Settling::new(Instant::now(), rescan));
        Self { settling, blind: Mutex::default(), told: Notify::new() }
    }

    /// Something happened.
    pub(super) fn tell(&self, stir: Stir) {
        if let Stir::Blind(error) = &stir {
            *self.blind.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
        self.settling().heard(Instant::now(), stir);
        self.told.notify_one();
    }

    /// Waits until it is time to look, and says what to leave out.
    pub(super) async fn time_to_look(&self) -> Unfinished {
        loop {
            let due = self.settling().due();
            let now = Instant::now();
            if due <= now {
                return self.settling().begin(now);
            }
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.told.notified() => {}
            }
        }
    }

    /// Looking ended.
    pub(super) fn looked(&self, found: Found) {
        self.settling().ended(Instant::now(), found);
    }

    /// Why a part of it is not watched, if that was told since this was asked last.
    pub(super) fn take_blind(&self) -> Option<WatchError> {
        self.blind.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn settling(&self) -> MutexGuard<'_, Settling> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
