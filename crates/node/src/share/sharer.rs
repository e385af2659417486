//! From a path to something that is served, registered and followed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drizzle_model::RelPath;
use drizzle_store::{Index, Progress, Shared, Stir};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use super::follower::Follower;
use super::heard::Heard;
use super::item::SharedItem;
use super::means::Means;
use super::version::Version;
use crate::error::ShareError;
use crate::event::Event;
use crate::hub_handle::HubHandle;
use crate::network::Network;

/// How often the one who waits for hashes hears how far they are.
const HASHING_TOLD_EVERY: Duration = Duration::from_millis(200);

/// Shares paths for as long as it is there.
pub(crate) struct Sharer {
    means: Means,
    followers: Mutex<JoinSet<()>>,
    /// What is not followed is served until the node ends.
    unfollowed: Mutex<Vec<Version>>,
}

impl Sharer {
    pub(crate) fn new(
        hub: HubHandle,
        index: Index,
        events: mpsc::UnboundedSender<Event>,
        rescan: Option<Duration>,
    ) -> Self {
        let means = Means::new(hub, index, events, rescan);
        Self { means, followers: Mutex::default(), unfollowed: Mutex::default() }
    }

    /// Reads what is not known yet, takes it up, tells the tracker, and follows it from then on.
    pub(crate) async fn share(
        &self,
        network: &Network,
        path: PathBuf,
        name: Option<RelPath>,
    ) -> Result<SharedItem, ShareError> {
        // It is watched before it is read, so that nothing goes unheard in between.
        let followed = match self.means.rescan {
            Some(rescan) => Some(self.watch(&path, rescan).await),
            None => None,
        };
        let shared = Arc::new(self.hash(path.clone(), name).await?);
        let heard = followed.as_ref().map(|(heard, _)| Arc::clone(heard));
        let changed = move || heard.iter().for_each(|heard| heard.tell(Stir::Changed));
        let version = Version::serve(&self.means, network, Arc::clone(&shared), changed).await?;
        version.registration.register().await?;
        let mut item = SharedItem::of(&shared, network.link(&version.key));
        match followed {
            None => self.unfollowed.lock().unwrap_or_else(PoisonError::into_inner).push(version),
            Some((heard, warning)) => {
                item.warnings.extend(warning);
                let path = std::path::absolute(&path).unwrap_or(path);
                let follower = Follower::new(self.means.clone(), network.clone(), path, heard, version);
                self.followers.lock().unwrap_or_else(PoisonError::into_inner).spawn(follower.run());
            }
        }
        Ok(item)
    }

    /// Begins to watch, as far as the system does; says what a person should know of what it does not.
    async fn watch(&self, path: &std::path::Path, rescan: Duration) -> (Arc<Heard>, Option<String>) {
        let heard = Arc::new(Heard::new(rescan));
        let (means, of_watch, shown) = (self.means.clone(), path.to_owned(), path.to_string_lossy());
        let weak = Arc::downgrade(&heard);
        let watch = move || {
            let tell = move |stir: Stir| {
                if let Some(heard) = weak.upgrade() {
                    heard.tell(stir);
                }
            };
            means.watcher()?.watch(&of_watch, tell)
        };
        let watched = spawn_blocking(watch).await;
        let warning = match watched {
            Ok(Err(error)) => self.means.blind(&shown, &error),
            _ => None,
        };
        (heard, warning)
    }

    async fn hash(&self, path: PathBuf, name: Option<RelPath>) -> Result<Shared, ShareError> {
        let progress = Arc::new(Progress::default());
        let _cancel = CancelOnDrop(Arc::clone(&progress));
        let (index, of_work, of_path) = (self.means.index.clone(), Arc::clone(&progress), path.clone());
        let mut work = spawn_blocking(move || Shared::of_path(&of_path, name, &index, &of_work));
        let mut tick = interval(HASHING_TOLD_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tokio::select! {
                shared = &mut work => return Ok(shared.map_err(|_| ShareError::Closing)??),
                _ = tick.tick() => {
                    let (done, total) = (progress.bytes_done(), progress.bytes_total());
                    // Nobody listening is no reason to stop.
                    let _ = self.means.events.send(Event::Hashing { path: path.clone(), done, total });
                }
            }
        }
    }
}

/// Ends the hashing when nobody waits for it any more.
struct CancelOnDrop(Arc<Progress>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
