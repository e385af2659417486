//! Which chunks of one content are there: a bit for each.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use crate::ChunkIndex;

/// Chunks that follow each other, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkRun {
    /// The first chunk's number.
    pub first: u32,
    /// The last chunk's number, not below `first`.
    pub last: u32,
}

/// A set of chunks of a content with a fixed number of them. Bits above that number are always zero.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitmap {
    len: u32,
    ones: u32,
    words: Box<[u64]>,
}

impl Bitmap {
    /// No chunk of `len`.
    pub fn empty(len: u32) -> Self {
        Self { len, ones: 0, words: vec![0; len.div_ceil(64) as usize].into() }
    }

    /// All chunks of `len`.
    pub fn full(len: u32) -> Self {
        let mut bitmap = Self { len, ones: len, words: vec![u64::MAX; len.div_ceil(64) as usize].into() };
        if let (Some(last), 1..) = (bitmap.words.last_mut(), len % 64) {
            *last = (1 << (len % 64)) - 1;
        }
        bitmap
    }

    /// Reads [`Bitmap::to_bytes`]; none when the length is wrong or a bit above `len` is set.
    pub fn from_bytes(len: u32, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != len.div_ceil(8) as usize {
            return None;
        }
        let mut bitmap = Self::empty(len);
        for (word, bytes) in bitmap.words.iter_mut().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(whole);
        }
        bitmap.ones = bitmap.words.iter().map(|word| word.count_ones()).sum();
        let stray =
            bitmap.words.last().is_some_and(|last| !len.is_multiple_of(64) && last >> (len % 64) != 0);
        (!stray).then_some(bitmap)
    }

    /// Chunk 0 is the lowest bit of the first byte; as many bytes as the bits need.
    pub fn to_bytes(&self) -> alloc::vec::Vec<u8> {
        let mut bytes: alloc::vec::Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(self.len.div_ceil(8) as usize);
        bytes
    }

    /// The bits, 64 to a word, chunk 0 in the lowest bit of the first: for set operations on many chunks at once.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// How many chunks the content has.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether no chunk is in the set.
    pub fn is_empty(&self) -> bool {
        self.ones == 0
    }

    /// Whether every chunk is in the set.
    pub fn is_full(&self) -> bool {
        self.ones == self.len
    }

    /// How many chunks are in the set.
    pub fn count(&self) -> u32 {
        self.ones
    }

    /// The chunk of that number, if the content has it.
    pub fn chunk(&self, number: u32) -> Option<ChunkIndex> {
        (number < self.len).then_some(ChunkIndex::new(number))
    }

    /// Whether the chunk is in the set; a chunk beyond the end is not.
    pub fn contains(&self, chunk: ChunkIndex) -> bool {
        self.words.get(chunk.position() / 64).is_some_and(|word| word >> (chunk.number() % 64) & 1 == 1)
    }

    /// Puts the chunk in; says whether it is new. A chunk beyond the end is not taken.
    pub fn insert(&mut self, chunk: ChunkIndex) -> bool {
        if chunk.number() >= self.len || self.contains(chunk) {
            return false;
        }
        self.words[chunk.position() / 64] |= 1 << (chunk.number() % 64);
        self.ones += 1;
        true
    }

    /// Takes the chunk out; says whether it was there.
    pub fn remove(&mut self, chunk: ChunkIndex) -> bool {
        if !self.contains(chunk) {
            return false;
        }
        self.words[chunk.position() / 64] &= !(1 << (chunk.number() % 64));
        self.ones -= 1;
        true
    }

    /// Puts a run in, as far as it is within the content. Costs a step for 64 chunks.
    pub fn insert_run(&mut self, run: ChunkRun) {
        let end = run.last.saturating_add(1).min(self.len);
        for at in run.first / 64..end.div_ceil(64) {
            let word = &mut self.words[at as usize];
            // A run may be said again and again, by strangers too: what is there already costs next to nothing.
            if *word == u64::MAX {
                continue;
            }
            let from = run.first.saturating_sub(at * 64).min(64);
            let to = (end - at * 64).min(64);
            let mask = Self::low_bits(to) & !Self::low_bits(from);
            self.ones += (mask & !*word).count_ones();
            *word |= mask;
        }
    }

    /// A word whose lowest `count` bits are set.
    fn low_bits(count: u32) -> u64 {
        1u64.checked_shl(count).map_or(u64::MAX, |bit| bit - 1)
    }

    /// The chunks in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = ChunkIndex> + '_ {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(at, &word)| Ones(word).map(move |bit| at as u32 * 64 + bit))
            .map(ChunkIndex::new)
    }

    /// The chunks not in the set, in order.
    pub fn missing(&self) -> impl Iterator<Item = ChunkIndex> + '_ {
        let of_word = |(at, &word): (usize, &u64)| Ones(!word).map(move |bit| at as u32 * 64 + bit);
        self.words
            .iter()
            .enumerate()
            .flat_map(of_word)
            .take_while(|&number| number < self.len)
            .map(ChunkIndex::new)
    }

    /// The set as runs, in order.
    pub fn runs(&self) -> impl Iterator<Item = ChunkRun> + '_ {
        let mut chunks = self.iter().map(ChunkIndex::number).peekable();
        core::iter::from_fn(move || {
            let first = chunks.next()?;
            let mut last = first;
            while let Some(next) = chunks.next_if_eq(&(last + 1)) {
                last = next;
            }
            Some(ChunkRun { first, last })
        })
    }
}

impl fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ", self.ones, self.len)?;
        f.debug_list().entries(self.runs().map(|run| (run.first, run.last))).finish()
    }
}

/// The positions of the bits that are set, lowest first.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_as_a_set_of_numbers(len in 0u32..300, steps in prop::collection::vec((any::<bool>(), 0u32..320), 0..200)) {
            let (mut bitmap, mut model) = (Bitmap::empty(len), BTreeSet::new());
            for (put, number) in steps {
                let chunk = ChunkIndex::new(number);
                if put {
                    prop_assert_eq!(bitmap.insert(chunk), number < len && model.insert(number));
                } else {
                    prop_assert_eq!(bitmap.remove(chunk), model.remove(&number));
                }
            }
            prop_assert_eq!(bitmap.count() as usize, model.len());
            prop_assert_eq!(bitmap.is_full(), model.len() == len as usize);
            prop_assert!(bitmap.iter().map(ChunkIndex::number).eq(model.iter().copied()));
            prop_assert!(bitmap.missing().map(ChunkIndex::number).eq((0..len).filter(|n| !model.contains(n))));
            let of_runs: Vec<u32> = bitmap.runs().flat_map(|run| run.first..=run.last).collect();
            prop_assert!(of_runs.iter().eq(model.iter()));
            let again = Bitmap::from_bytes(len, &bitmap.to_bytes());
            prop_assert_eq!(again, Some(bitmap));
        }
    }

    proptest! {
        #[test]
        fn a_run_is_each_of_its_chunks(len in 0u32..300, before in 0u32..300, first in 0u32..320, more in 0u32..320) {
            let run = ChunkRun { first, last: first + more };
            let (mut at_once, mut one_by_one) = (Bitmap::empty(len), Bitmap::empty(len));
            for bitmap in [&mut at_once, &mut one_by_one] {
                bitmap.insert(ChunkIndex::new(before));
            }
            at_once.insert_run(run);
            for number in run.first..=run.last {
                one_by_one.insert(ChunkIndex::new(number));
            }
            prop_assert_eq!(at_once, one_by_one);
        }
    }

    #[test]
    fn a_run_without_end_or_backwards_is_cut_or_empty() {
        let mut bitmap = Bitmap::empty(70);
        bitmap.insert_run(ChunkRun { first: 69, last: 3 });
        assert!(bitmap.is_empty());
        bitmap.insert_run(ChunkRun { first: 69, last: u32::MAX });
        assert_eq!(bitmap.count(), 1);
    }

    #[test]
    fn stray_bits_and_wrong_lengths_are_refused() {
        assert!(Bitmap::from_bytes(9, &[0xff, 0x01]).is_some());
        assert!(Bitmap::from_bytes(9, &[0xff, 0x02]).is_none());
        assert!(Bitmap::from_bytes(9, &[0xff]).is_none());
        assert_eq!(Bitmap::from_bytes(64, &[0xff; 8]), Some(Bitmap::full(64)));
    }
}
