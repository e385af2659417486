//! Whatever gives chunks out: a shared file or folder, a download, bytes in memory.
//!
//! Law: bytes of a file are given out only when the file looks, after they were read, as it did when it was hashed.
//! The receiver checks the hash all the same; the law is there so that a changed file is withdrawn at its first reading,
//! and by the one who has it.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use drizzle_model::{Bitmap, ChunkHasher, ChunkHashes, ChunkIndex, ChunkRun, ContentHash, Geometry, Segment};

use crate::{Content, DiskError};

/// Why a chunk cannot be given out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is not here. A fault of the one who asked, or it was withdrawn since.
    #[error("chunk {chunk} is not here")]
    Missing {
        /// Which chunk.
        chunk: ChunkIndex,
    },
    /// The reading would begin at or beyond the end of the chunk. A fault of the one who asked.
    #[error("chunk {chunk} has {bytes} bytes, none at offset {offset}")]
    Offset {
        /// Which chunk.
        chunk: ChunkIndex,
        /// How many bytes it has.
        bytes: u64,
        /// Where reading would begin.
        offset: u64,
    },
    /// The file is no longer the one that was hashed. Its chunks are withdrawn.
    #[error("{} has changed since it was shared", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The chunks that are no longer served from now on.
        lost: Vec<ChunkRun>,
    },
    /// The disk failed; the chunk may be readable later.
    #[error("cannot read what is shared: {0}")]
    Unreadable(DiskError),
}

/// Gives chunks out, to many readers at once.
pub trait Source: Send + Sync {
    /// The chunks that are served now.
    fn have(&self) -> Bitmap;

    /// How many bytes the chunk has.
    fn chunk_bytes(&self, chunk: ChunkIndex) -> u64;

    /// Fills `buffer` from the chunk's bytes at `offset` on, and says how many there were: fewer only at the end.
    fn read(&self, chunk: ChunkIndex, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError>;
}

/// A part of one file, and where in the buffer it goes.
pub(crate) struct Part {
    pub(crate) segment: Segment,
    /// Which bytes of the file; within the segment.
    pub(crate) range: Range<u64>,
    pub(crate) target: Range<usize>,
}

/// Which parts of which files the bytes of a chunk are, from `offset` on, as far as `room` goes.
pub(crate) fn parts(
    content: &Content,
    chunk: ChunkIndex,
    offset: u64,
    room: usize,
) -> Result<Vec<Part>, SourceError> {
    let (mut parts, mut start, mut filled) = (Vec::new(), 0, 0);
    for segment in content.segments(chunk) {
        let bytes = segment.range.end - segment.range.start;
        let skip = offset.saturating_sub(start).min(bytes);
        let count = usize::try_from(bytes - skip).unwrap_or(usize::MAX).min(room - filled);
        if count > 0 {
            let from = segment.range.start + skip;
            let range = from..from + count as u64;
            parts.push(Part { segment, range, target: filled..filled + count });
            filled += count;
        }
        start += bytes;
        if filled == room {
            break;
        }
    }
    if parts.is_empty() && room > 0 {
        return Err(SourceError::Offset { chunk, bytes: content.chunk_bytes(chunk), offset });
    }
    Ok(parts)
}

/// Bytes in memory, cut as a file is: the manifest of a folder.
#[derive(Debug, Clone)]
pub struct MemorySource {
    bytes: Arc<[u8]>,
    geometry: Geometry,
    hash: ContentHash,
    chunks: ChunkHashes,
}

impl MemorySource {
    /// Hashes the bytes.
    pub fn new(bytes: Arc<[u8]>) -> Result<Self, io::Error> {
        let geometry = Geometry::for_size(bytes.len() as u64);
        let geometry = geometry.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let hash_of = |chunk| {
            let range = geometry.range(chunk);
            let mut hasher = ChunkHasher::new(geometry, chunk);
            hasher.update(&bytes[range.start as usize..range.end as usize]);
            hasher.finish()
        };
        let hashes = geometry.chunks().map(hash_of).collect();
        let (hash, chunks) = ChunkHashes::of_own(geometry, hashes).map_err(io::Error::other)?;
        Ok(Self { bytes, geometry, hash, chunks })
    }

    /// The hash of the bytes.
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// How the bytes are cut.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The hashes of the chunks.
    pub fn chunk_hashes(&self) -> &ChunkHashes {
        &self.chunks
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl Source for MemorySource {
    fn have(&self) -> Bitmap {
        Bitmap::full(self.geometry.chunk_count())
    }

    fn chunk_bytes(&self, chunk: ChunkIndex) -> u64 {
        let range = self.geometry.range(chunk);
        range.end.saturating_sub(range.start)
    }

    fn read(&self, chunk: ChunkIndex, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if self.geometry.chunk(chunk.number()).is_none() {
            return Err(SourceError::Missing { chunk });
        }
        let range = self.geometry.range(chunk);
        let bytes = range.end - range.start;
        if offset >= bytes {
            return Err(SourceError::Offset { chunk, bytes, offset });
        }
        let whole = &self.bytes[range.start as usize..range.end as usize];
        let rest = &whole[offset as usize..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
