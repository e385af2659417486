//! How a file of some size is cut into chunks.
//!
//! The chunk size is a power of two from 64 KiB to 16 MiB, and follows from the file's size alone, so that every
//! peer cuts alike. It is chosen to give some 1,024 chunks: enough that the start-up term of a swarm, log2(peers)
//! chunk times, stays near one percent (Mundinger, Weber, Weiss 2008), few enough that lists of them stay small.

use core::fmt;
use core::ops::Range;

const CHUNK_LOG2_MIN: u32 = 16;
const CHUNK_LOG2_MAX: u32 = 24;
const CHUNKS_AIM: u64 = 1024;

/// The number of a chunk within its content. Only a [`Geometry`], a [`Layout`](crate::Layout) or a
/// [`Bitmap`](crate::Bitmap) makes one, so it is in range for the content it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkIndex(u32);

impl ChunkIndex {
    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The number itself, from 0.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The number as a position in a slice.
    pub const fn position(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for ChunkIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for ChunkIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a file is cut. Every chunk has the same power-of-two size but the last, which is 1 byte or more; an empty
/// file has no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    size: u64,
    chunk_log2: u32,
}

impl Geometry {
    /// The largest file that can be cut: its chunk count still fits in 31 bits.
    pub const SIZE_MAX: u64 = 1 << (31 + CHUNK_LOG2_MAX);

    /// The geometry of a file of `size` bytes; none above [`Geometry::SIZE_MAX`].
    pub const fn for_size(size: u64) -> Option<Self> {
        if size > Self::SIZE_MAX {
            return None;
        }
        let mut chunk_log2 = CHUNK_LOG2_MIN;
        while chunk_log2 < CHUNK_LOG2_MAX && size > CHUNKS_AIM << chunk_log2 {
            chunk_log2 += 1;
        }
        Some(Self { size, chunk_log2 })
    }

    /// The file's size in bytes.
    pub const fn size(self) -> u64 {
        self.size
    }

    /// The size of every chunk but the last, in bytes.
    pub const fn chunk_size(self) -> u64 {
        1 << self.chunk_log2
    }

    /// How many chunks there are.
    pub const fn chunk_count(self) -> u32 {
        self.size.div_ceil(self.chunk_size()) as u32
    }

    /// The chunk of that number, if there is one.
    pub const fn chunk(self, number: u32) -> Option<ChunkIndex> {
        if number < self.chunk_count() { Some(ChunkIndex(number)) } else { None }
    }

    /// All chunks, in order.
    pub fn chunks(self) -> impl ExactSizeIterator<Item = ChunkIndex> {
        (0..self.chunk_count()).map(ChunkIndex)
    }

    /// Which bytes of the file the chunk holds.
    pub const fn range(self, chunk: ChunkIndex) -> Range<u64> {
        let start = (chunk.0 as u64) << self.chunk_log2;
        let end = start + self.chunk_size();
        start..if end < self.size { end } else { self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_at_the_edges() {
        let shape = |size| {
            let geometry = Geometry::for_size(size).unwrap();
            (geometry.chunk_size(), geometry.chunk_count())
        };
        assert_eq!(shape(0), (64 << 10, 0));
        assert_eq!(shape(1), (64 << 10, 1));
        assert_eq!(shape(64 << 20), (64 << 10, 1024));
        assert_eq!(shape((64 << 20) + 1), (128 << 10, 513));
        assert_eq!(shape(1 << 30), (1 << 20, 1024));
        assert_eq!(shape(1 << 40), (16 << 20, 65536));
        assert!(Geometry::for_size(Geometry::SIZE_MAX).is_some());
        assert!(Geometry::for_size(Geometry::SIZE_MAX + 1).is_none());
    }

    proptest! {
        #[test]
        fn chunks_cover_the_file_once(size in 0..1u64 << 34) {
            let geometry = Geometry::for_size(size).unwrap();
            let mut end = 0;
            for chunk in geometry.chunks() {
                let range = geometry.range(chunk);
                prop_assert_eq!(range.start, end);
                prop_assert!(range.end > range.start);
                end = range.end;
            }
            prop_assert_eq!(end, size);
        }
    }
}
