//! How many bytes each chunk has: a few bytes where all are alike, 4 bytes a chunk where they are not.

use alloc::boxed::Box;

use drizzle_model::{ChunkIndex, Geometry, Layout};

/// The sizes of a content's chunks, in bytes.
#[derive(Debug, Clone)]
pub struct ChunkSizes(Sizes);

#[derive(Debug, Clone)]
enum Sizes {
    Alike { count: u32, each: u32, last: u32 },
    Listed { sizes: Box<[u32]>, mean: u64 },
}

impl ChunkSizes {
    /// Those of a file.
    pub fn of_file(geometry: Geometry) -> Self {
        let count = geometry.chunk_count();
        let each = geometry.chunk_size() as u32;
        let last = count.checked_sub(1).and_then(|last| geometry.chunk(last));
        let last = last.map_or(0, |last| (geometry.size() - geometry.range(last).start) as u32);
        Self(Sizes::Alike { count, each, last })
    }

    /// So many chunks of so many bytes each.
    pub fn alike(count: u32, bytes: u32) -> Self {
        Self(Sizes::Alike { count, each: bytes, last: bytes })
    }

    /// Those of a folder.
    pub fn of_folder(layout: &Layout) -> Self {
        // No chunk is larger than 16 MiB, and no pack larger than two small chunks.
        let sizes: Box<[u32]> = layout.chunks().map(|chunk| layout.chunk_bytes(chunk) as u32).collect();
        let sum: u64 = sizes.iter().map(|&bytes| u64::from(bytes)).sum();
        let mean = (sum / sizes.len().max(1) as u64).max(1);
        Self(Sizes::Listed { sizes, mean })
    }

    /// How many chunks there are.
    pub fn count(&self) -> u32 {
        match &self.0 {
            Sizes::Alike { count, .. } => *count,
            Sizes::Listed { sizes, .. } => sizes.len() as u32,
        }
    }

    /// How many bytes a chunk has on average, at least 1.
    pub(crate) fn mean_bytes(&self) -> u64 {
        match &self.0 {
            Sizes::Alike { each, .. } => u64::from(*each).max(1),
            Sizes::Listed { mean, .. } => *mean,
        }
    }

    /// How many bytes a chunk has.
    pub fn bytes(&self, chunk: ChunkIndex) -> u32 {
        match &self.0 {
            Sizes::Alike { count, last, .. } if chunk.number() + 1 == *count => *last,
            Sizes::Alike { each, .. } => *each,
            Sizes::Listed { sizes, .. } => sizes.get(chunk.position()).copied().unwrap_or(0),
        }
    }
}
