//! What sharing needs of the node.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use drizzle_store::{Index, WatchError, Watcher};
use tokio::sync::mpsc;

use super::claims::Claims;
use crate::event::Event;
use crate::hub_handle::HubHandle;

/// Clones are the same.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) hub: HubHandle,
    pub(super) index: Index,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) claims: Claims,
    /// How often to look at what is shared whatever the system reports.
    pub(super) rescan: Option<Duration>,
    /// There from the first time that something is watched.
    watcher: Arc<OnceLock<Result<Watcher, WatchError>>>,
    is_blind_told: Arc<AtomicBool>,
}

impl Means {
    pub(super) fn new(
        hub: HubHandle,
        index: Index,
        events: mpsc::UnboundedSender<Event>,
        rescan: Option<Duration>,
    ) -> Self {
        let (watcher, is_blind_told) = (Arc::default(), Arc::default());
        Self { hub, index, events, claims: Claims::default(), rescan, watcher, is_blind_told }
    }

    /// The one watcher of all that is shared.
    pub(super) fn watcher(&self) -> Result<&Watcher, WatchError> {
        self.watcher.get_or_init(Watcher::start).as_ref().map_err(Clone::clone)
    }

    /// What a person is told when not all is watched; once, since the reason is the same for whatever else is shared.
    pub(super) fn blind(&self, name: &str, error: &WatchError) -> Option<String> {
        if self.is_blind_told.swap(true, Ordering::Relaxed) {
            return None;
        }
        let every = self.rescan.unwrap_or_default().as_secs_f64();
        let hint = error.hint().map(|hint| format!(". {hint}")).unwrap_or_default();
        Some(format!(
            "{name}: {error}. Changes of what is not watched are noticed by looking, every {every} s{hint}"
        ))
    }
}
