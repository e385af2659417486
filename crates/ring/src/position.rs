//! Places on the circle, and the arithmetic of the circle.
//!
//! A position is a number below 2^bits. A full ring has 256 bits, and a peer's position there is the BLAKE3 hash
//! of its key (the caller computes it); a small ring has few, and its peers choose their numbers. What is stored
//! lies under a 32-byte key, whose position is the key modulo 2^bits.
//!
//! Order on the circle has no first element, so nothing here compares two positions alone: it is always "is this
//! one between those two, going clockwise".

use core::fmt;

/// What something is stored under: 32 bytes, read as a number with the most significant byte first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// Takes a hash as a key.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes a number as a key, as small rings name their files.
    pub fn from_number(number: u64) -> Self {
        Self(Position([0, 0, 0, number]).to_bytes())
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Position::from_bytes(&self.0), f)
    }
}

/// A place on the circle: a number of up to 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position([u64; 4]);

impl Position {
    /// Reads 32 bytes, the most significant first.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, part) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
            *limb = part.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        }
        Self(limbs)
    }

    /// Writes 32 bytes, the most significant first.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (part, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            part.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }

    fn wrapping_add(self, other: Self) -> Self {
        let mut sum = [0; 4];
        let mut carry = false;
        for i in (0..4).rev() {
            let (partial, first) = self.0[i].overflowing_add(other.0[i]);
            let (whole, second) = partial.overflowing_add(u64::from(carry));
            sum[i] = whole;
            carry = first | second;
        }
        Self(sum)
    }

    fn wrapping_sub(self, other: Self) -> Self {
        let complement = Self(other.0.map(|limb| !limb));
        self.wrapping_add(complement).wrapping_add(Self([0, 0, 0, 1]))
    }

    fn power_of_two(exponent: u16) -> Self {
        let mut limbs = [0; 4];
        if let Some(limb) = limbs.get_mut(3 - usize::from(exponent.min(255)) / 64) {
            *limb = 1 << (exponent % 64);
        }
        Self(limbs)
    }

    /// The exponent of the greatest power of two that is not above this number.
    fn floor_log2(self) -> Option<u16> {
        let at = self.0.iter().position(|&limb| limb != 0)?;
        Some((3 - at as u16) * 64 + self.0[at].ilog2() as u16)
    }
}

/// A number that fits 64 bits is written in decimal, as small rings speak of their peers; others by their first bytes.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [0, 0, 0, number] => write!(f, "{number}"),
            [first, ..] => write!(f, "{:012x}", first >> 16),
        }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many positions a ring has: 2^bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    bits: u16,
}

impl Space {
    /// The ring of hashes.
    pub const FULL: Self = Self { bits: 256 };

    /// A ring of 2^bits positions; `None` unless there are 1 to 256 bits.
    pub const fn new(bits: u16) -> Option<Self> {
        if bits >= 1 && bits <= 256 { Some(Self { bits }) } else { None }
    }

    /// How many bits a position has.
    pub const fn bits(self) -> u16 {
        self.bits
    }

    /// Where a key lies.
    pub fn place(self, key: &Key) -> Position {
        self.wrap(Position::from_bytes(&key.0))
    }

    /// Whether a position exists here.
    pub fn contains(self, position: Position) -> bool {
        self.wrap(position) == position
    }

    /// The position 2^exponent further on.
    pub(crate) fn ahead(self, from: Position, exponent: u16) -> Position {
        self.wrap(from.wrapping_add(Position::power_of_two(exponent)))
    }

    /// How far it is clockwise from one position to another, as a number.
    pub(crate) fn distance(self, from: Position, to: Position) -> Position {
        self.wrap(to.wrapping_sub(from))
    }

    /// The exponent of the greatest step 2^exponent that does not pass `to`; `None` when it is the same position.
    pub(crate) fn reach(self, from: Position, to: Position) -> Option<u16> {
        self.distance(from, to).floor_log2()
    }

    fn wrap(self, position: Position) -> Position {
        if self.bits == 256 {
            return position;
        }
        let mask = Position::power_of_two(self.bits).wrapping_sub(Position([0, 0, 0, 1]));
        Position(core::array::from_fn(|i| position.0[i] & mask.0[i]))
    }
}

/// Whether `x` lies strictly between `low` and `high`, going clockwise. When both ends are one place, all others do.
pub fn between<T: Ord>(low: &T, x: &T, high: &T) -> bool {
    if low < high { low < x && x < high } else { low < x || (x < high && x != low) }
}

/// The positions after one and up to another, that one included. With both ends the same it is the whole circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arc {
    /// The position before the first.
    pub after: Position,
    /// The last position.
    pub until: Position,
}

impl Arc {
    /// Whether a position lies on the arc.
    pub fn contains(&self, position: Position) -> bool {
        position == self.until || between(&self.after, &position, &self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small(number: u64) -> Position {
        Position([0, 0, 0, number])
    }

    #[test]
    fn a_small_ring_takes_names_modulo_its_size() {
        let ring = Space::new(8).unwrap();
        assert_eq!(ring.place(&Key::from_number(2012)), small(220));
        assert_eq!(ring.ahead(small(200), 7), small(72));
        assert_eq!(ring.distance(small(250), small(4)), small(10));
        assert_eq!(ring.reach(small(250), small(4)), Some(3));
        assert!(!ring.contains(small(256)));
    }

    #[test]
    fn between_wraps_and_leaves_out_both_ends() {
        assert!(between(&250, &3, &10) && between(&250, &255, &10));
        assert!(!between(&250, &10, &10) && !between(&250, &250, &10) && !between(&250, &20, &10));
        assert!(between(&7, &8, &7) && !between(&7, &7, &7));
    }

    proptest! {
        /// Going a distance from where it was measured arrives, in rings of every size.
        #[test]
        fn distance_is_the_way_there(a in any::<[u8; 32]>(), b in any::<[u8; 32]>(), bits in 1u16..=256) {
            let space = Space::new(bits).unwrap();
            let (a, b) = (space.place(&Key::from_bytes(a)), space.place(&Key::from_bytes(b)));
            prop_assert_eq!(space.wrap(a.wrapping_add(space.distance(a, b))), b);
            prop_assert_eq!(Position::from_bytes(&a.to_bytes()), a);
            if let Some(exponent) = space.reach(a, b) {
                prop_assert!(b == space.ahead(a, exponent) || between(&a, &space.ahead(a, exponent), &b));
            }
        }
    }
}
