//! How many usable peers have each chunk, and the rarest of some chunks.
//!
//! The counts are held in bit planes: bit c of plane k is bit k of the count of chunk c. A whole bitmap is then added
//! or taken away 64 chunks at a time, the smallest count of 64 chunks is found in as many steps as the counts have
//! bits, and a thousand peers and a hundred thousand chunks need ten bits a chunk.

use alloc::vec;
use alloc::vec::Vec;

use drizzle_model::{Bitmap, ChunkIndex};

use crate::config::TieBreak;
use crate::random::Random;

/// Counts of holders, one for each chunk.
pub(crate) struct Rarity {
    /// All planes of a word of 64 chunks lie side by side, since they are used together.
    bits: Vec<u64>,
    planes: usize,
    words: usize,
}

impl Rarity {
    pub(crate) fn new(chunk_count: u32) -> Self {
        let words = chunk_count.div_ceil(64) as usize;
        Self { bits: vec![0; words * 2], planes: 2, words }
    }

    /// Counts one holder more of a chunk.
    pub(crate) fn add(&mut self, chunk: ChunkIndex) {
        self.add_word(chunk.position() / 64, 1 << (chunk.number() % 64));
    }

    /// Counts one holder less of a chunk, which must have one.
    pub(crate) fn remove(&mut self, chunk: ChunkIndex) {
        self.remove_word(chunk.position() / 64, 1 << (chunk.number() % 64));
    }

    /// Counts a holder of all these chunks.
    pub(crate) fn add_all(&mut self, have: &Bitmap) {
        for (at, &word) in have.words().iter().enumerate() {
            self.add_word(at, word);
        }
    }

    /// Takes away a holder that was counted with [`Rarity::add_all`] or chunk by chunk.
    pub(crate) fn remove_all(&mut self, have: &Bitmap) {
        for (at, &word) in have.words().iter().enumerate() {
            self.remove_word(at, word);
        }
    }

    /// How many holders a chunk has.
    pub(crate) fn count(&self, chunk: ChunkIndex) -> u32 {
        let (word, bit) = (chunk.position() / 64, chunk.number() % 64);
        self.planes_of(word).iter().rev().fold(0, |count, plane| count << 1 | (plane >> bit & 1) as u32)
    }

    /// Which of 64 chunks have a holder.
    pub(crate) fn held(&self, word: usize) -> u64 {
        self.planes_of(word).iter().fold(0, |any, plane| any | plane)
    }

    /// The rarest chunk that is in both sets; among the equally rare, one by `tie_break`.
    pub(crate) fn rarest(
        &self,
        a: &Bitmap,
        b: &Bitmap,
        tie_break: TieBreak,
        random: &mut Random,
    ) -> Option<ChunkIndex> {
        let mut best = Best { count: u32::MAX, ties: 0, number: 0 };
        for (at, (a, b)) in a.words().iter().zip(b.words()).enumerate() {
            let candidates = a & b;
            if candidates != 0 {
                let (count, least) = self.least(at, candidates);
                best.offer(count, at, least, tie_break, random);
            }
        }
        if best.ties == 0 { None } else { a.chunk(best.number) }
    }

    /// The smallest count among some of 64 chunks, and which have it.
    fn least(&self, word: usize, candidates: u64) -> (u32, u64) {
        let narrow = |(count, left): (u32, u64), plane: &u64| match left & !plane {
            0 => (count << 1 | 1, left),
            zeros => (count << 1, zeros),
        };
        self.planes_of(word).iter().rev().fold((0, candidates), narrow)
    }

    fn planes_of(&self, word: usize) -> &[u64] {
        &self.bits[word * self.planes..(word + 1) * self.planes]
    }

    fn add_word(&mut self, word: usize, chunks: u64) {
        let mut carry = chunks;
        for plane in &mut self.bits[word * self.planes..(word + 1) * self.planes] {
            (*plane, carry) = (*plane ^ carry, *plane & carry);
            if carry == 0 {
                return;
            }
        }
        if carry != 0 {
            self.grow();
            self.bits[(word + 1) * self.planes - 1] = carry;
        }
    }

    fn remove_word(&mut self, word: usize, chunks: u64) {
        let mut borrow = chunks;
        for plane in &mut self.bits[word * self.planes..(word + 1) * self.planes] {
            (*plane, borrow) = (*plane ^ borrow, !*plane & borrow);
        }
        debug_assert_eq!(borrow, 0, "a chunk lost a holder it did not have");
    }

    fn grow(&mut self) {
        let mut bits = Vec::with_capacity(self.words * (self.planes + 1));
        for planes in self.bits.chunks_exact(self.planes) {
            bits.extend_from_slice(planes);
            bits.push(0);
        }
        self.bits = bits;
        self.planes += 1;
    }
}

/// The best chunk so far, and how many are as good.
struct Best {
    count: u32,
    ties: u32,
    number: u32,
}

impl Best {
    /// Takes the chunks `least` of a word, all with `count` holders; each of all ties is kept with the same chance.
    fn offer(&mut self, count: u32, word: usize, least: u64, tie_break: TieBreak, random: &mut Random) {
        if count > self.count {
            return;
        }
        if count < self.count {
            (self.count, self.ties) = (count, 0);
        }
        let (before, more) = (self.ties, least.count_ones());
        self.ties += more;
        let nth = match tie_break {
            TieBreak::Random => random.below(self.ties).checked_sub(before),
            TieBreak::LowestIndex => (before == 0).then_some(0),
        };
        if let Some(nth) = nth {
            self.number = word as u32 * 64 + nth_one(least, nth);
        }
    }
}

/// The position of a word's nth bit that is set, counted from 0.
fn nth_one(mut word: u64, nth: u32) -> u32 {
    for _ in 0..nth {
        word &= word - 1;
    }
    word.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const LEN: u32 = 150;

    fn set(numbers: &[u32]) -> Bitmap {
        let mut bitmap = Bitmap::empty(LEN);
        for &number in numbers {
            bitmap.insert(Bitmap::full(LEN).chunk(number).unwrap());
        }
        bitmap
    }

    proptest! {
        #[test]
        fn counts_as_an_array_of_numbers_does(
            holders in prop::collection::vec(prop::collection::vec(0..LEN, 0..100), 0..20),
            gone in prop::collection::vec(any::<bool>(), 20),
            of in prop::collection::vec(0..LEN, 0..60),
            seed in any::<u64>(),
        ) {
            let (mut rarity, mut model) = (Rarity::new(LEN), [0u32; LEN as usize]);
            let holders: Vec<_> = holders.iter().map(|numbers| set(numbers)).collect();
            for holder in &holders {
                rarity.add_all(holder);
                holder.iter().for_each(|chunk| model[chunk.position()] += 1);
            }
            for (holder, _) in holders.iter().zip(&gone).filter(|(_, gone)| **gone) {
                rarity.remove_all(holder);
                holder.iter().for_each(|chunk| model[chunk.position()] -= 1);
            }
            for chunk in Bitmap::full(LEN).iter() {
                prop_assert_eq!(rarity.count(chunk), model[chunk.position()]);
            }
            let of = set(&of);
            let least = of.iter().map(|chunk| model[chunk.position()]).min();
            let picked = rarity.rarest(&of, &Bitmap::full(LEN), TieBreak::Random, &mut Random::new(seed));
            prop_assert_eq!(picked.map(|chunk| model[chunk.position()]), least);
            prop_assert!(picked.is_none_or(|chunk| of.contains(chunk)));
        }
    }

    #[test]
    fn ties_are_broken_evenly() {
        let (rarity, of) = (Rarity::new(LEN), set(&[0, 63, 64, 100, 149]));
        let mut random = Random::new(1);
        let mut drawn = [0u32; LEN as usize];
        for _ in 0..5000 {
            let chunk = rarity.rarest(&of, &of, TieBreak::Random, &mut random).unwrap();
            drawn[chunk.position()] += 1;
        }
        for chunk in of.iter() {
            assert!((900..1100).contains(&drawn[chunk.position()]), "{chunk}: {}", drawn[chunk.position()]);
        }
    }
}
