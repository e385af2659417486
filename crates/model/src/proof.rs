//! The hash of a chunk, and the proof that a list of them belongs to a file's hash.
//!
//! A chunk is an aligned power-of-two part of its file, so it is a subtree of the file's BLAKE3 tree; its hash is
//! that subtree's chaining value. Chaining values merge, left side the largest power of two, into exactly the
//! file's hash (BLAKE3 paper, section 2.1; `blake3::hazmat`). The list of chunk hashes therefore needs no
//! trust and no second hash: merged, it must give the hash that was asked for. A file of one chunk has no chaining
//! value; its chunk's hash is the file's.

use alloc::boxed::Box;
use alloc::vec::Vec;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::{ChunkIndex, ContentHash, Geometry};

/// Why a list of chunk hashes is not that of the file. The one who sent the list is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// There are more or fewer hashes than chunks.
    #[error("expected {expected} chunk hashes, received {received}")]
    Count {
        /// How many chunks the file has.
        expected: usize,
        /// How many hashes there are.
        received: usize,
    },
    /// The hashes merge into another hash than the file's.
    #[error("the chunk hashes do not give the hash of the file")]
    Mismatch,
}

/// The hashes of all chunks of one file, known to belong to its hash. Made by [`ChunkHashes::prove`] from what a
/// stranger says, and by [`ChunkHashes::of_own`] from what was read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkHashes(Box<[[u8; 32]]>);

impl ChunkHashes {
    /// Checks that `hashes` are those of the chunks of the file named `file`.
    pub fn prove(file: &ContentHash, geometry: Geometry, hashes: Vec<[u8; 32]>) -> Result<Self, ProofError> {
        let (root, proved) = Self::of_own(geometry, hashes)?;
        if root == *file { Ok(proved) } else { Err(ProofError::Mismatch) }
    }

    /// The file's hash from its chunks' hashes, in order, as [`ChunkHasher`] gave them.
    pub fn of_own(geometry: Geometry, hashes: Vec<[u8; 32]>) -> Result<(ContentHash, Self), ProofError> {
        let expected = geometry.chunk_count() as usize;
        if hashes.len() != expected {
            return Err(ProofError::Count { expected, received: hashes.len() });
        }
        let root = match &hashes[..] {
            [] => *blake3::hash(&[]).as_bytes(),
            [only] => *only,
            many => {
                let (left, right) = many.split_at(left_len(many.len()));
                *merge_subtrees_root(&merge(left), &merge(right), Mode::Hash).as_bytes()
            }
        };
        Ok((ContentHash::from_bytes(root), Self(hashes.into())))
    }

    /// The hash of one chunk.
    ///
    /// # Panics
    /// If the chunk is of another, longer file: a bug of the caller.
    pub fn of(&self, chunk: ChunkIndex) -> &[u8; 32] {
        &self.0[chunk.position()]
    }

    /// All hashes, in the order of the chunks.
    pub fn as_slice(&self) -> &[[u8; 32]] {
        &self.0
    }
}

/// How many of `count` leaves are in the left subtree: the largest power of two below `count`.
const fn left_len(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

fn merge(hashes: &[[u8; 32]]) -> ChainingValue {
    match hashes {
        [only] => *only,
        many => {
            let (left, right) = many.split_at(left_len(many.len()));
            merge_subtrees_non_root(&merge(left), &merge(right), Mode::Hash)
        }
    }
}

/// Hashes one chunk as its bytes come in.
#[derive(Debug, Clone)]
pub struct ChunkHasher {
    hasher: blake3::Hasher,
    is_whole_file: bool,
}

impl ChunkHasher {
    /// Starts on one chunk of a file. Give [`ChunkHasher::update`] just its bytes, 16 KiB or more at a time: it is slow
    /// below that.
    pub fn new(geometry: Geometry, chunk: ChunkIndex) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(geometry.range(chunk).start);
        Self { hasher, is_whole_file: geometry.chunk_count() == 1 }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// The chunk's hash.
    pub fn finish(&self) -> [u8; 32] {
        if self.is_whole_file { *self.hasher.finalize().as_bytes() } else { self.hasher.finalize_non_root() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn chunk_hashes(bytes: &[u8], geometry: Geometry) -> Vec<[u8; 32]> {
        geometry
            .chunks()
            .map(|chunk| {
                let range = geometry.range(chunk);
                let mut hasher = ChunkHasher::new(geometry, chunk);
                hasher.update(&bytes[range.start as usize..range.end as usize]);
                hasher.finish()
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn chunk_hashes_merge_into_the_hash_of_the_file(size in 0usize..3 << 20, byte in any::<u8>()) {
            let bytes: Vec<u8> = (0..size).map(|i| (i / 1000) as u8 ^ byte).collect();
            let geometry = Geometry::for_size(size as u64).unwrap();
            let file = ContentHash::from_bytes(*blake3::hash(&bytes).as_bytes());
            prop_assert!(ChunkHashes::prove(&file, geometry, chunk_hashes(&bytes, geometry)).is_ok());
        }
    }

    #[test]
    fn a_list_with_one_wrong_or_missing_hash_is_refused() {
        let bytes = vec![7; 300_000];
        let geometry = Geometry::for_size(bytes.len() as u64).unwrap();
        let file = ContentHash::from_bytes(*blake3::hash(&bytes).as_bytes());
        let hashes = chunk_hashes(&bytes, geometry);
        for wrong in 0..hashes.len() {
            let mut lie = hashes.clone();
            lie[wrong][0] ^= 1;
            assert_eq!(ChunkHashes::prove(&file, geometry, lie), Err(ProofError::Mismatch));
        }
        let short = hashes[1..].to_vec();
        assert!(matches!(ChunkHashes::prove(&file, geometry, short), Err(ProofError::Count { .. })));
    }
}
