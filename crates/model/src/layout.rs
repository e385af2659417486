//! The chunks of a folder: every file's chunks in one row of numbers, small files packed together.
//!
//! A folder is one content with one bitmap, so that the swarm and the tracker treat it as they treat a file. A file
//! of two or more chunks gives its chunks as they are. Files of one chunk are packed: a pack is one chunk of the
//! folder and holds whole files, so that thousands of small files cost few requests. The layout follows from the manifest
//! alone, so every peer numbers alike.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use crate::{ChunkIndex, EntryKind, Geometry, Manifest};

/// A pack is closed when it holds this many bytes or more.
const PACK_BYTES: u64 = 512 << 10;
/// A pack is closed when it holds this many files.
const PACK_FILES: usize = 256;

/// A part of a folder's chunk: some bytes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The file's position among the manifest's entries.
    pub entry: usize,
    /// Which of the file's own chunks it is.
    pub chunk: ChunkIndex,
    /// Which bytes of the file.
    pub range: Range<u64>,
}

/// A chunk of the folder: a run in the table of segments.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chunk {
    /// One chunk of a file of several.
    Slice { entry: u32, number: u32 },
    /// Whole files of one chunk each: a part of `Layout::packed`.
    Pack { first: u32, end: u32 },
}

/// Which bytes of which files each chunk of a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    chunks: Box<[Chunk]>,
    packed: Box<[u32]>,
    geometries: Box<[Option<Geometry>]>,
}

impl Layout {
    /// Lays out the files of a folder. Empty files are in no chunk: there is nothing to fetch.
    pub fn new(manifest: &Manifest) -> Self {
        let mut layout = Builder::default();
        let geometries: Box<[_]> = manifest.entries().iter().map(|entry| geometry_of(&entry.kind)).collect();
        for (entry, geometry) in geometries.iter().enumerate() {
            if let Some(geometry) = geometry {
                layout.add(entry as u32, *geometry);
            }
        }
        layout.close_pack();
        Self { chunks: layout.chunks.into(), packed: layout.packed.into(), geometries }
    }

    /// How many chunks the folder has.
    pub fn chunk_count(&self) -> u32 {
        self.chunks.len() as u32
    }

    /// The chunk of that number, if there is one.
    pub fn chunk(&self, number: u32) -> Option<ChunkIndex> {
        (number < self.chunk_count()).then_some(ChunkIndex::new(number))
    }

    /// All chunks, in order.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = ChunkIndex> {
        (0..self.chunk_count()).map(ChunkIndex::new)
    }

    /// The parts of a chunk, in the order in which their bytes follow each other.
    pub fn segments(&self, chunk: ChunkIndex) -> impl Iterator<Item = Segment> + '_ {
        let (slice, pack) = match self.chunks[chunk.position()] {
            Chunk::Slice { entry, number } => (Some((entry, number)), 0..0),
            Chunk::Pack { first, end } => (None, first as usize..end as usize),
        };
        let packed = self.packed[pack].iter().map(|&entry| (entry, 0));
        slice.into_iter().chain(packed).filter_map(|(entry, number)| {
            let geometry = self.geometries[entry as usize]?;
            let chunk = geometry.chunk(number)?;
            Some(Segment { entry: entry as usize, chunk, range: geometry.range(chunk) })
        })
    }

    /// How many bytes a chunk has.
    pub fn chunk_bytes(&self, chunk: ChunkIndex) -> u64 {
        self.segments(chunk).map(|segment| segment.range.end - segment.range.start).sum()
    }
}

fn geometry_of(kind: &EntryKind) -> Option<Geometry> {
    match kind {
        EntryKind::File { geometry, .. } => Some(*geometry),
        EntryKind::Directory | EntryKind::Symlink { .. } => None,
    }
}

#[derive(Default)]
struct Builder {
    chunks: Vec<Chunk>,
    packed: Vec<u32>,
    pack_first: usize,
    pack_bytes: u64,
}

impl Builder {
    fn add(&mut self, entry: u32, geometry: Geometry) {
        match geometry.chunk_count() {
            0 => {}
            1 => {
                self.packed.push(entry);
                self.pack_bytes += geometry.size();
                if self.pack_bytes >= PACK_BYTES || self.packed.len() - self.pack_first == PACK_FILES {
                    self.close_pack();
                }
            }
            count => self.chunks.extend((0..count).map(|number| Chunk::Slice { entry, number })),
        }
    }

    fn close_pack(&mut self) {
        if self.packed.len() > self.pack_first {
            self.chunks.push(Chunk::Pack { first: self.pack_first as u32, end: self.packed.len() as u32 });
        }
        self.pack_first = self.packed.len();
        self.pack_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChunkHashes, Entry, Metadata, Mtime, RelPath};
    use alloc::format;
    use alloc::vec;
    use proptest::prelude::*;

    fn folder(sizes: &[u64]) -> Manifest {
        let metadata = Metadata { mode: 0o644, mtime: Mtime::default() };
        let entry = |(at, &size): (usize, &u64)| {
            let geometry = Geometry::for_size(size).unwrap();
            let hashes = vec![[0; 32]; geometry.chunk_count() as usize];
            let (hash, chunks) = ChunkHashes::of_own(geometry, hashes).unwrap();
            let path = RelPath::new(&format!("{at:06}")).unwrap();
            Entry { path, metadata, kind: EntryKind::File { geometry, hash, chunks } }
        };
        Manifest::new(metadata, sizes.iter().enumerate().map(entry).collect()).unwrap()
    }

    proptest! {
        #[test]
        fn every_byte_of_every_file_is_in_one_chunk(sizes in prop::collection::vec(prop_oneof![0u64..70_000, 0u64..1_000_000], 0..600)) {
            let layout = Layout::new(&folder(&sizes));
            let mut seen = vec![0u64; sizes.len()];
            for chunk in layout.chunks() {
                let segments: Vec<_> = layout.segments(chunk).collect();
                prop_assert!(!segments.is_empty() && segments.len() <= PACK_FILES);
                prop_assert!(layout.chunk_bytes(chunk) < PACK_BYTES + (64 << 10));
                for segment in segments {
                    // A file's segments come in order, so its bytes are covered when each begins where the last ended.
                    prop_assert_eq!(seen[segment.entry], segment.range.start);
                    seen[segment.entry] = segment.range.end;
                }
            }
            prop_assert_eq!(seen, sizes);
        }
    }

    #[test]
    fn ten_thousand_small_files_are_few_chunks() {
        let layout = Layout::new(&folder(&[4096; 10_000]));
        assert_eq!(layout.chunk_count(), 10_000u32.div_ceil(128));
    }
}
