//! One file, hashed and served, for as long as what comes back is held.

use std::path::PathBuf;
use std::sync::Arc;

use drizzle_model::{NetworkId, RelPath};
use drizzle_store::{Index, Progress, Shared};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::error::ShareError;
use crate::hub_handle::{Held, HubHandle};
use crate::input::ContentEvent;
use crate::share::contents_of;

/// What is needed to serve files.
#[derive(Clone)]
pub(crate) struct FileServer {
    pub(crate) hub: HubHandle,
    pub(crate) index: Index,
    pub(crate) network: NetworkId,
}

impl FileServer {
    /// Hashes a file, unless the index knows it.
    pub(crate) async fn hash(&self, path: PathBuf, name: RelPath) -> Result<Arc<Shared>, ShareError> {
        let index = self.index.clone();
        let hashing = move || Shared::of_path(&path, Some(name), &index, &Progress::default());
        Ok(Arc::new(spawn_blocking(hashing).await.map_err(|_| ShareError::Closing)??))
    }

    /// Serves it. That it has changed shows when it is read; then the watcher hears of it.
    pub(crate) async fn serve(
        &self,
        shared: &Arc<Shared>,
        watcher: &mpsc::UnboundedSender<ContentEvent>,
    ) -> Option<Held> {
        let mut held = Held::new(self.hub.clone());
        for content in contents_of(self.network, shared, watcher) {
            held.add(content).await?;
        }
        Some(held)
    }
}
