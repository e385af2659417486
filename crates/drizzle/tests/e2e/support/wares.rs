//! What a peer of the tests offers, cut and hashed as the protocol says.

use drizzle_model::{
    ChunkHasher, ChunkHashes, ContentHash, ContentKind, FileKey, Geometry, Invite, Layout, Link, RelPath,
    Segment,
};
use drizzle_wire::{ChannelKind, decode_manifest};

/// A content with all that a peer must know of it.
#[derive(Debug, Clone)]
pub(crate) struct Goods {
    bytes: Vec<u8>,
    pub(super) geometry: Geometry,
    pub(super) chunks: ChunkHashes,
    pub(crate) hash: ContentHash,
}

impl Goods {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let geometry = Geometry::for_size(bytes.len() as u64).unwrap();
        let hash_of = |chunk| {
            let range = geometry.range(chunk);
            let mut hasher = ChunkHasher::new(geometry, chunk);
            hasher.update(&bytes[range.start as usize..range.end as usize]);
            hasher.finish()
        };
        let (hash, chunks) = ChunkHashes::of_own(geometry, geometry.chunks().map(hash_of).collect()).unwrap();
        Self { bytes, geometry, chunks, hash }
    }

    fn chunk(&self, number: u32) -> Option<Vec<u8>> {
        let range = self.geometry.range(self.geometry.chunk(number)?);
        Some(self.bytes[range.start as usize..range.end as usize].to_vec())
    }
}

/// What a peer offers: a file, or a manifest and the files in it.
#[derive(Debug, Clone)]
pub(crate) struct Wares {
    name: RelPath,
    kind: ContentKind,
    pub(super) goods: Goods,
    files: Vec<Vec<u8>>,
    /// Of a folder whose manifest can be read.
    pub(super) layout: Option<Layout>,
}

impl Wares {
    pub(crate) fn file(name: &str, bytes: Vec<u8>) -> Self {
        let (name, goods) = (RelPath::new(name).unwrap(), Goods::new(bytes));
        Self { name, kind: ContentKind::File, goods, files: Vec::new(), layout: None }
    }

    /// A folder. Its manifest may be what no folder has.
    pub(crate) fn folder(name: &str, manifest: Vec<u8>, files: Vec<Vec<u8>>) -> Self {
        let layout = decode_manifest(&manifest).ok().map(|manifest| Layout::new(&manifest));
        let (name, goods) = (RelPath::new(name).unwrap(), Goods::new(manifest));
        Self { name, kind: ContentKind::Folder, goods, files, layout }
    }

    pub(super) fn key(&self) -> FileKey {
        let of_folder = || self.files.iter().map(|file| file.len() as u64).sum();
        let (size, chunks) = match (self.kind, &self.layout) {
            (ContentKind::File, _) => (self.goods.geometry.size(), self.goods.geometry.chunk_count()),
            (ContentKind::Folder, layout) => (of_folder(), layout.as_ref().map_or(1, Layout::chunk_count)),
        };
        FileKey { name: self.name.clone(), hash: self.goods.hash, size, chunks, kind: self.kind }
    }

    /// A link that names no peer: who has it is for the tracker to say.
    pub(crate) fn link(&self, invite: &Invite) -> String {
        let FileKey { name, hash, size, kind, .. } = self.key();
        Link { hash, kind, name, size, invite: Some(invite.clone()), peers: Vec::new() }.to_string()
    }

    pub(super) fn chunk(&self, kind: ChannelKind, number: u32) -> Option<Vec<u8>> {
        let ChannelKind::Folder = kind else { return self.goods.chunk(number) };
        let layout = self.layout.as_ref()?;
        let segments = layout.segments(layout.chunk(number)?);
        let of = |segment: Segment| {
            self.files[segment.entry][segment.range.start as usize..segment.range.end as usize].to_vec()
        };
        Some(segments.flat_map(of).collect())
    }
}
