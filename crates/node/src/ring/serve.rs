//! One file, hashed and served, for as long as what comes back is held.

use std::path::PathBuf;
use std::sync::Arc;

use drizzle_model::{NetworkId, RelPath};
use drizzle_store::{Index, Progress, Shared, Source};
use drizzle_wire::ChannelKind;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::content_key::ContentKey;
use crate::error::ShareError;
use crate::hub_handle::{Held, HubHandle};
use crate::input::NewContent;
use crate::share::sizes_of;

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

    /// Serves it. That it has changed shows when it is read, and nobody need be told sooner.
    pub(crate) async fn serve(&self, shared: &Arc<Shared>) -> Option<Held> {
        let content = shared.content();
        let (watcher, _) = mpsc::unbounded_channel();
        let mut held = Held::new(self.hub.clone());
        let served = NewContent {
            key: ContentKey { network: self.network, hash: content.hash(), kind: ChannelKind::Bytes },
            size: content.size(),
            metadata: content.metadata(),
            sizes: sizes_of(content),
            have: shared.have(),
            source: Arc::clone(shared) as Arc<dyn Source>,
            hashes: content.chunk_hashes().cloned().map(Arc::new),
            download: None,
            watcher,
            banned: Vec::new(),
        };
        held.add(served).await?;
        Some(held)
    }
}
