//! One content, a file or a folder, seen alike: entries, and chunks that are parts of them.

use drizzle_model::{
    ChunkHashes, ChunkIndex, ContentHash, ContentKind, Entry, EntryKind, FileKey, Geometry, Layout, Manifest,
    Metadata, RelPath, Segment,
};

/// What is shared or fetched. A file is seen as a folder of one entry that bears the content's own name.
#[derive(Debug, Clone)]
pub struct Content {
    name: RelPath,
    hash: ContentHash,
    size: u64,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    File { entry: Box<Entry>, geometry: Geometry, chunks: ChunkHashes },
    Folder { manifest: Manifest, layout: Layout },
}

/// How a content is cut into chunks.
#[derive(Debug, Clone, Copy)]
pub enum Chunking<'a> {
    /// A file, by its size.
    File(Geometry),
    /// A folder, by its files.
    Folder(&'a Layout),
}

impl Content {
    /// A single file; `chunks` are the proved hashes of its chunks.
    pub fn file(
        name: RelPath,
        metadata: Metadata,
        hash: ContentHash,
        geometry: Geometry,
        chunks: ChunkHashes,
    ) -> Self {
        let kind = EntryKind::File { geometry, hash, chunks: chunks.clone() };
        let entry = Box::new(Entry { path: name.clone(), metadata, kind });
        Self { name, hash, size: geometry.size(), body: Body::File { entry, geometry, chunks } }
    }

    /// A folder; `hash` is that of the manifest's encoding.
    pub fn folder(name: RelPath, hash: ContentHash, manifest: Manifest) -> Self {
        let layout = Layout::new(&manifest);
        Self { name, hash, size: manifest.size(), body: Body::Folder { manifest, layout } }
    }

    /// What it is called.
    pub fn name(&self) -> &RelPath {
        &self.name
    }

    /// The hash that names it.
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// What the hash is of.
    pub fn kind(&self) -> ContentKind {
        match self.body {
            Body::File { .. } => ContentKind::File,
            Body::Folder { .. } => ContentKind::Folder,
        }
    }

    /// The size of all its files, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The mode and time of the file, or of the folder itself.
    pub fn metadata(&self) -> Metadata {
        match &self.body {
            Body::File { entry, .. } => entry.metadata,
            Body::Folder { manifest, .. } => manifest.metadata(),
        }
    }

    /// The identity quadruple, and the kind.
    pub fn key(&self) -> FileKey {
        FileKey {
            name: self.name.clone(),
            hash: self.hash,
            size: self.size,
            chunks: self.chunk_count(),
            kind: self.kind(),
        }
    }

    /// How it is cut into chunks.
    pub fn chunking(&self) -> Chunking<'_> {
        match &self.body {
            Body::File { geometry, .. } => Chunking::File(*geometry),
            Body::Folder { layout, .. } => Chunking::Folder(layout),
        }
    }

    /// The folder's manifest; none for a file.
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.body {
            Body::File { .. } => None,
            Body::Folder { manifest, .. } => Some(manifest),
        }
    }

    /// The hashes of the file's chunks; none for a folder, whose manifest holds them.
    pub fn chunk_hashes(&self) -> Option<&ChunkHashes> {
        match &self.body {
            Body::File { chunks, .. } => Some(chunks),
            Body::Folder { .. } => None,
        }
    }

    /// The folder's entries, or the file as the only one.
    pub fn entries(&self) -> &[Entry] {
        match &self.body {
            Body::File { entry, .. } => std::slice::from_ref(entry),
            Body::Folder { manifest, .. } => manifest.entries(),
        }
    }

    /// How many chunks it has.
    pub fn chunk_count(&self) -> u32 {
        match &self.body {
            Body::File { geometry, .. } => geometry.chunk_count(),
            Body::Folder { layout, .. } => layout.chunk_count(),
        }
    }

    /// The chunk of that number, if there is one.
    pub fn chunk(&self, number: u32) -> Option<ChunkIndex> {
        match &self.body {
            Body::File { geometry, .. } => geometry.chunk(number),
            Body::Folder { layout, .. } => layout.chunk(number),
        }
    }

    /// All chunks, in order.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkIndex> + '_ {
        (0..self.chunk_count()).filter_map(|number| self.chunk(number))
    }

    /// How many bytes the chunk has.
    pub fn chunk_bytes(&self, chunk: ChunkIndex) -> u64 {
        self.segments(chunk).map(|segment| segment.range.end - segment.range.start).sum()
    }

    /// The parts of the chunk, in the order in which their bytes follow each other.
    pub fn segments(&self, chunk: ChunkIndex) -> impl Iterator<Item = Segment> + '_ {
        let (of_file, layout) = match &self.body {
            Body::File { geometry, .. } => {
                (Some(Segment { entry: 0, chunk, range: geometry.range(chunk) }), None)
            }
            Body::Folder { layout, .. } => (None, Some(layout)),
        };
        of_file.into_iter().chain(layout.into_iter().flat_map(move |layout| layout.segments(chunk)))
    }

    /// How the entry is cut and what its chunks' hashes are; none when it is no file.
    pub(crate) fn file_at(&self, entry: usize) -> Option<(Geometry, &ChunkHashes)> {
        match &self.entries().get(entry)?.kind {
            EntryKind::File { geometry, chunks, .. } => Some((*geometry, chunks)),
            EntryKind::Directory | EntryKind::Symlink { .. } => None,
        }
    }

    /// The chunks that hold bytes of the entry.
    pub(crate) fn chunks_of(&self, entry: usize) -> impl Iterator<Item = ChunkIndex> + '_ {
        self.chunks().filter(move |&chunk| self.segments(chunk).any(|segment| segment.entry == entry))
    }
}
