//! One state of a shared path, as it is served and registered.
//!
//! It is served until it is dropped, whether it is registered or not: one that was replaced goes on serving whoever is
//! fetching it, as far as its files are still there, and says of the others that they changed.

use std::sync::Arc;

use drizzle_model::{ContentHash, FileKey, Mtime};
use drizzle_store::{Shared, Source};
use tokio::sync::mpsc;

use super::contents::{check_size, contents_of};
use super::means::Means;
use super::registration::{Registration, Watch};
use crate::error::ShareError;
use crate::hub_handle::Held;
use crate::network::Network;

/// What is served.
pub(super) struct Version {
    pub(super) shared: Arc<Shared>,
    pub(super) key: FileKey,
    pub(super) mtime: Mtime,
    pub(super) registration: Registration,
    _held: Held,
}

impl Version {
    /// Gives it to the hub; the tracker does not know of it yet. `changed` is called when a reader finds a file changed.
    pub(super) async fn serve(
        means: &Means,
        network: &Network,
        shared: Arc<Shared>,
        changed: impl Fn() + Send + 'static,
    ) -> Result<Self, ShareError> {
        check_size(&shared)?;
        let (watcher, happened) = mpsc::unbounded_channel();
        let mut held = Held::new(means.hub.clone());
        for content in contents_of(network.id(), &shared, &watcher) {
            held.add(content).await.ok_or(ShareError::Closing)?;
        }
        let (key, mtime) = (shared.content().key(), mtime_of(&shared));
        let registration = Registration::new(network.clone(), key.clone(), mtime, means.claims.clone());
        let source = Arc::clone(&shared) as Arc<dyn Source>;
        network.offer(shared.content(), &source);
        let events = means.events.clone();
        let watch = Watch { registration: registration.clone(), source, events, changed };
        tokio::spawn(watch.run(happened));
        Ok(Self { shared, key, mtime, registration, _held: held })
    }

    pub(super) fn hash(&self) -> ContentHash {
        self.key.hash
    }
}

/// A folder is as new as the newest thing in it: what changes deep inside leaves the folder's own time as it is. A thing of
/// the future makes no folder newer than now, since the tracker takes no such time.
fn mtime_of(shared: &Shared) -> Mtime {
    let own = shared.content().metadata().mtime;
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = Mtime::from_seconds(since_1970.as_secs().cast_signed());
    own.max(shared.newest_mtime().min(now))
}
