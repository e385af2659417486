//! What the hub serves for something shared.

use std::sync::Arc;

use drizzle_model::NetworkId;
use drizzle_store::{Chunking, Shared, Source};
use drizzle_swarm::ChunkSizes;
use drizzle_wire::{CHUNKS_MAX, ChannelKind, MANIFEST_BYTES_MAX};
use tokio::sync::mpsc;

use crate::content_key::ContentKey;
use crate::error::ShareError;
use crate::input::{ContentEvent, NewContent};

/// What is larger than the protocol carries is refused before anybody hears of it.
pub(super) fn check_size(shared: &Shared) -> Result<(), ShareError> {
    let content = shared.content();
    let manifest_bytes = shared.manifest().map_or(0, |manifest| manifest.geometry().size());
    if content.chunk_count() > CHUNKS_MAX || manifest_bytes > MANIFEST_BYTES_MAX as u64 {
        return Err(ShareError::TooLarge { name: content.name().clone() });
    }
    Ok(())
}

/// What the hub serves for something shared: a file, or a folder and the bytes of its manifest.
pub(crate) fn contents_of(
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
