//! Follows one shared path: when it changed and came to rest, what is there now is served and registered in the place of
//! what was (S1.2).
//!
//! A version that was replaced is served on, so that whoever has its link still gets what has not changed, and hears of the
//! rest that it changed; the last few of them, since each holds a manifest. It stays registered for a moment, for those who
//! just looked it up. What vanished is taken back at once, and shared again when it is there again. Nothing is ever
//! written here.

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use drizzle_store::{DiskError, Progress, ShareError as StoreError, Shared, SkipReason, Unfinished};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::debug;

use super::heard::Heard;
use super::item::SharedItem;
use super::means::Means;
use super::registration::Registration;
use super::settling::Found;
use super::version::Version;
use crate::error::ShareError;
use crate::event::Event;
use crate::network::Network;

/// So many versions that were replaced are served on.
const REPLACED_MAX: usize = 4;
/// A version that was replaced stays registered for so long: who has just looked it up hears from its holder that it changed,
/// and not from the tracker that nobody has it.
const REPLACED_STAYS: Duration = Duration::from_secs(5);

pub(super) struct Follower {
    means: Means,
    network: Network,
    path: PathBuf,
    heard: Arc<Heard>,
    current: Option<Version>,
    replaced: VecDeque<Version>,
    /// The newest look, which knows what need not be read again.
    looked: Arc<Shared>,
    /// The folder that is watched.
    inode: Option<u64>,
    /// What a person was told last that keeps it from being shared.
    trouble: Option<String>,
}

/// What a look brought.
struct Looked {
    result: Result<Shared, StoreError>,
    inode: Option<u64>,
}

impl Follower {
    pub(super) fn new(
        means: Means,
        network: Network,
        path: PathBuf,
        heard: Arc<Heard>,
        current: Version,
    ) -> Self {
        let looked = Arc::clone(&current.shared);
        let inode = inode_of(&path);
        let (current, replaced) = (Some(current), VecDeque::new());
        Self { means, network, path, heard, current, replaced, looked, inode, trouble: None }
    }

    /// Follows until the node ends.
    pub(super) async fn run(mut self) {
        loop {
            let unfinished = self.heard.time_to_look().await;
            if let Some(error) = self.heard.take_blind() {
                let told = self.means.blind(&self.path.to_string_lossy(), &error);
                told.into_iter().for_each(|text| self.tell(Event::Notice(text)));
            }
            let Some(looked) = self.look(unfinished).await else { return };
            self.inode = looked.inode;
            match self.take(looked.result).await {
                Ok(found) => self.heard.looked(found),
                Err(ShareError::Closing) => return,
                Err(error) => {
                    self.heard.looked(Found::Whole);
                    self.tell_trouble(&error);
                }
            }
        }
    }

    /// None when the node ends.
    async fn look(&self, unfinished: Unfinished) -> Option<Looked> {
        let (means, before, path) = (self.means.clone(), Arc::clone(&self.looked), self.path.clone());
        let watched = self.inode;
        let look = move || {
            let inode = inode_of(&path);
            if inode.is_some() && inode != watched {
                // Before it is looked at, so that nothing goes unheard in between.
                let again = means.watcher().and_then(|watcher| watcher.watch_again(&path));
                again.unwrap_or_else(|error| debug!(target: "drizzle::serve", ?path, %error, "not watched"));
            }
            let result = before.again(&path, &unfinished, &means.index, &Progress::default());
            Looked { result, inode }
        };
        spawn_blocking(look).await.ok()
    }

    async fn take(&mut self, looked: Result<Shared, StoreError>) -> Result<Found, ShareError> {
        match looked {
            Ok(shared) => {
                let shared = Arc::new(shared);
                self.looked = Arc::clone(&shared);
                let found = if shared.has_unfinished() { Found::Unfinished } else { Found::Whole };
                if !self.current.as_ref().is_some_and(|current| current.shared.still_serves(&shared)) {
                    self.publish(shared).await?;
                }
                self.trouble = None;
                Ok(found)
            }
            Err(StoreError::Disk(DiskError::NotFound { .. })) => {
                self.vanished().await;
                Ok(Found::Whole)
            }
            Err(error) if is_unfinished(&error) => Ok(Found::Unfinished),
            Err(error) => Err(error.into()),
        }
    }

    async fn publish(&mut self, shared: Arc<Shared>) -> Result<(), ShareError> {
        let heard = Arc::clone(&self.heard);
        let changed = move || heard.tell(drizzle_store::Stir::Changed);
        let version = Version::serve(&self.means, &self.network, shared, changed).await?;
        match version.registration.register().await {
            Ok(()) => {}
            Err(ShareError::Tracker { name, error }) => {
                self.tell(Event::Notice(format!("{name} changed, and the tracker will hear of it: {error}")));
                version.registration.update(drizzle_store::Source::have(&*version.shared));
            }
            Err(error) => {
                self.take_back(&version.registration).await;
                return Err(error);
            }
        }
        let item = SharedItem::of(&version.shared, self.network.link(&version.key));
        let replaced = self.current.replace(version);
        let replaces = replaced.as_ref().map(Version::hash);
        if replaces == Some(item.key.hash) {
            // The same, but from files that look different: what was there serves no more.
            if let Some(replaced) = replaced {
                self.take_back(&replaced.registration).await;
            }
            return Ok(());
        }
        self.tell(Event::Shared { item: Box::new(item), replaces });
        if let Some(replaced) = replaced {
            self.retire(replaced);
        }
        Ok(())
    }

    /// Serves on what was replaced, but lets it be registered for a moment only.
    fn retire(&mut self, replaced: Version) {
        let is_only = replaced.registration.is_only();
        let registration = replaced.registration.clone();
        // One that seems newer than what is there now would be taken for it.
        let is_newest = self.current.as_ref().is_none_or(|current| current.mtime <= replaced.mtime);
        let wait = if is_newest { Duration::ZERO } else { REPLACED_STAYS };
        tokio::spawn(async move {
            sleep(wait).await;
            if let Err(error) = registration.take_back().await {
                debug!(target: "drizzle::tracker", %error, "a replaced version is taken back later");
            }
        });
        self.keep(replaced, is_only);
    }

    async fn vanished(&mut self) {
        let Some(gone) = self.current.take() else { return };
        let is_only = gone.registration.is_only();
        self.take_back(&gone.registration).await;
        self.tell(Event::Unshared { key: gone.key.clone() });
        self.keep(gone, is_only);
    }

    async fn take_back(&self, registration: &Registration) {
        if let Err(error) = registration.take_back().await {
            debug!(target: "drizzle::tracker", %error, "what is gone is taken back later");
        }
    }

    /// Serves on what was replaced, unless it would stand in the way of another path that still holds the same.
    fn keep(&mut self, replaced: Version, is_only: bool) {
        if is_only {
            self.replaced.truncate(REPLACED_MAX - 1);
            self.replaced.push_front(replaced);
        }
    }

    fn tell_trouble(&mut self, error: &ShareError) {
        let text = format!("{} is shared as it was: {error}", self.path.display());
        if self.trouble.as_ref() != Some(&text) {
            self.tell(Event::Notice(text.clone()));
            self.trouble = Some(text);
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.means.events.send(event);
    }
}

/// What changed while it was read, or is still being written, is looked at again.
fn is_unfinished(error: &StoreError) -> bool {
    match error {
        StoreError::Changing { .. } => true,
        StoreError::File(skipped) => {
            matches!(skipped.reason, SkipReason::Unfinished | SkipReason::Changing)
        }
        _ => false,
    }
}

fn inode_of(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|metadata| metadata.ino())
}
