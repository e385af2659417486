//! Sharing: a path becomes a content that the hub serves and the tracker knows, for as long as the node runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::{Bitmap, FileKey, Link, Mtime, NetworkId, RelPath};
use drizzle_store::{Chunking, Index, Progress, Shared, Source};
use drizzle_swarm::ChunkSizes;
use drizzle_wire::{CHUNKS_MAX, ChannelKind, MANIFEST_BYTES_MAX};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::content_key::ContentKey;
use crate::error::ShareError;
use crate::event::Event;
use crate::hub_handle::{Held, HubHandle};
use crate::input::{ContentEvent, NewContent};
use crate::network::Network;

/// How often the one who waits for hashes hears how far they are.
const HASHING_TOLD_EVERY: Duration = Duration::from_millis(200);

/// Something that is being shared.
#[derive(Debug)]
pub struct SharedItem {
    /// What identifies it.
    pub key: FileKey,
    /// What others need to fetch it.
    pub link: Link,
    /// What of it could not be shared, and why.
    pub skipped: Vec<SkippedPath>,
    /// What else a person should know.
    pub warnings: Vec<String>,
}

/// Something of a folder that is not shared.
#[derive(Debug, Clone)]
pub struct SkippedPath {
    /// What was left out.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What sharing needs of the node.
pub(crate) struct Sharer {
    pub(crate) hub: HubHandle,
    pub(crate) index: Index,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

impl Sharer {
    /// Reads what is not known yet, takes it up, and tells the tracker.
    pub(crate) async fn share(
        &self,
        network: &Network,
        path: PathBuf,
        name: Option<RelPath>,
    ) -> Result<SharedItem, ShareError> {
        let shared = Arc::new(self.hash(path, name).await?);
        check_size(&shared)?;
        let (watcher, held) = self.take_up(network.id(), &shared).await?;
        let key = shared.content().key();
        network.register(key.clone(), shared.content().metadata().mtime, Bitmap::full(key.chunks)).await?;
        held.keep();
        let source = Arc::clone(&shared) as Arc<dyn Source>;
        let (network, events) = (network.clone(), self.events.clone());
        let link = network.link(&key);
        let watch =
            Watch { key: key.clone(), mtime: shared.content().metadata().mtime, source, network, events };
        tokio::spawn(watch.run(watcher));
        let warnings = shared.warnings().iter().map(ToString::to_string).collect();
        let skipped = shared.skipped().iter();
        let skipped =
            skipped.map(|s| SkippedPath { path: s.path.clone(), reason: s.reason.to_string() }).collect();
        Ok(SharedItem { link, key, skipped, warnings })
    }

    async fn hash(&self, path: PathBuf, name: Option<RelPath>) -> Result<Shared, ShareError> {
        let progress = Arc::new(Progress::default());
        let _cancel = CancelOnDrop(Arc::clone(&progress));
        let (index, of_work, of_path) = (self.index.clone(), Arc::clone(&progress), path.clone());
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
                    let _ = self.events.send(Event::Hashing { path: path.clone(), done, total });
                }
            }
        }
    }

    async fn take_up(
        &self,
        network: NetworkId,
        shared: &Arc<Shared>,
    ) -> Result<(mpsc::UnboundedReceiver<ContentEvent>, Held), ShareError> {
        let (watcher, events) = mpsc::unbounded_channel();
        let mut held = Held::new(self.hub.clone());
        for content in contents_of(network, shared, &watcher) {
            held.add(content).await.ok_or(ShareError::Closing)?;
        }
        Ok((events, held))
    }
}

/// What is larger than the protocol carries is refused before anybody hears of it.
fn check_size(shared: &Shared) -> Result<(), ShareError> {
    let content = shared.content();
    let manifest_bytes = shared.manifest().map_or(0, |manifest| manifest.geometry().size());
    if content.chunk_count() > CHUNKS_MAX || manifest_bytes > MANIFEST_BYTES_MAX as u64 {
        return Err(ShareError::TooLarge { name: content.name().clone() });
    }
    Ok(())
}

/// What the hub serves for something shared: a file, or a folder and the bytes of its manifest.
fn contents_of(
    network: NetworkId,
    shared: &Arc<Shared>,
    watcher: &mpsc::UnboundedSender<ContentEvent>,
) -> Vec<NewContent> {
    let content = shared.content();
    let kind = if shared.manifest().is_some() { ChannelKind::Folder } else { ChannelKind::Bytes };
    let whole = NewContent {
        key: ContentKey { network, hash: content.hash(), kind },
        size: content.size(),
        metadata: content.metadata(),
        sizes: sizes_of(content),
        have: shared.have(),
        source: Arc::clone(shared) as Arc<dyn Source>,
        hashes: content.chunk_hashes().cloned().map(Arc::new),
        download: None,
        watcher: watcher.clone(),
        banned: Vec::new(),
    };
    let manifest = shared.manifest().map(|manifest| manifest_content(network, content, manifest));
    manifest.into_iter().chain([whole]).collect()
}

/// The bytes of a folder's manifest, as a content of its own. Nobody watches it: they lie in memory and cannot change.
pub(crate) fn manifest_content(
    network: NetworkId,
    folder: &drizzle_store::Content,
    manifest: &drizzle_store::MemorySource,
) -> NewContent {
    let (watcher, _) = mpsc::unbounded_channel();
    NewContent {
        key: ContentKey { network, hash: manifest.hash(), kind: ChannelKind::Bytes },
        size: manifest.geometry().size(),
        metadata: folder.metadata(),
        sizes: ChunkSizes::of_file(manifest.geometry()),
        have: manifest.have(),
        source: Arc::new(manifest.clone()),
        hashes: Some(Arc::new(manifest.chunk_hashes().clone())),
        download: None,
        watcher,
        banned: Vec::new(),
    }
}

/// The sizes of a content's chunks, as the swarm machine wants them.
pub(crate) fn sizes_of(content: &drizzle_store::Content) -> ChunkSizes {
    match content.chunking() {
        Chunking::File(geometry) => ChunkSizes::of_file(geometry),
        Chunking::Folder(layout) => ChunkSizes::of_folder(layout),
    }
}

/// What is served, and where others hear of it.
pub(crate) struct Watch {
    pub(crate) key: FileKey,
    pub(crate) mtime: Mtime,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) network: Network,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

impl Watch {
    /// Tells the tracker and the owner when files are no longer what they were (S4.4), for as long as they are served.
    pub(crate) async fn run(self, mut watcher: mpsc::UnboundedReceiver<ContentEvent>) {
        while let Some(event) = watcher.recv().await {
            let ContentEvent::Changed { reason } = event else { continue };
            // Nobody listening is no reason to stop.
            let _ = self
                .events
                .send(Event::Notice(format!("{}: {reason}; it is no longer served", self.key.name)));
            let have = self.source.have();
            if have.is_empty() {
                self.network.withdraw(&self.key);
            } else {
                self.network.update(self.key.clone(), self.mtime, have);
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
