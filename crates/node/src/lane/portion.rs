//! How large the pieces are in which content goes out.
//!
//! What is being written cannot be overtaken: a message (a chunk that is here now, a wish) waits until the piece before it
//! is through. Where the way out is narrow, a piece of the largest size takes a fifth of a second, and every chunk of a
//! swarm waits for two messages at each step from peer to peer. So pieces are made small where they go slowly: eight
//! peers at 100 Mbit/s were done at 1.13 times the least time, with the largest pieces at 1.17. Where they go fast
//! they are large, since each one costs both sides some work.

use std::time::Duration;

use drizzle_wire::PAYLOAD_BYTES_MAX;

/// No piece is smaller: as much as one TLS record holds.
const BYTES_MIN: u32 = 16 << 10;
/// A piece that takes longer than this was too large.
const SLOW: Duration = Duration::from_millis(10);
/// After some in a row that take less than this each, the next may be larger. One alone says nothing: what is written first
/// after a pause goes at once into the kernel's buffer.
const FAST: Duration = Duration::from_millis(2);
const FAST_IN_A_ROW: u32 = 8;

/// The size of the next piece.
pub(super) struct Portion {
    bytes: u32,
    fast_in_a_row: u32,
}

impl Default for Portion {
    fn default() -> Self {
        Self { bytes: PAYLOAD_BYTES_MAX, fast_in_a_row: 0 }
    }
}

impl Portion {
    /// As a number, between 16 KiB and what the protocol allows.
    pub(super) fn bytes(&self) -> u32 {
        self.bytes
    }

    /// A piece of so many bytes took so long until all of it was written.
    pub(super) fn went(&mut self, bytes: usize, took: Duration) {
        if took > SLOW {
            let in_time = bytes as u128 * SLOW.as_nanos() / took.as_nanos();
            self.bytes = u32::try_from(in_time).unwrap_or(u32::MAX).clamp(BYTES_MIN, self.bytes);
        }
        self.fast_in_a_row = if took < FAST { self.fast_in_a_row + 1 } else { 0 };
        if self.fast_in_a_row >= FAST_IN_A_ROW {
            self.fast_in_a_row = 0;
            self.bytes = (self.bytes * 2).min(PAYLOAD_BYTES_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Would fail if a narrow way kept large pieces, or a way that was narrow once had small ones for good.
    #[test]
    fn pieces_are_as_large_as_what_goes_out_in_a_moment() {
        let mut portion = Portion::default();
        assert_eq!(portion.bytes(), PAYLOAD_BYTES_MAX);
        portion.went(256 << 10, 40 * MS);
        assert_eq!(portion.bytes(), 64 << 10);
        portion.went(64 << 10, 5 * MS);
        assert_eq!(portion.bytes(), 64 << 10, "neither slow nor fast");
        portion.went(64 << 10, 10_000 * MS);
        assert_eq!(portion.bytes(), BYTES_MIN);
        for _ in 1..FAST_IN_A_ROW {
            portion.went(BYTES_MIN as usize, MS);
        }
        assert_eq!(portion.bytes(), BYTES_MIN, "a few that went into a buffer");
        for _ in 0..4 * FAST_IN_A_ROW {
            portion.went(BYTES_MIN as usize, MS);
        }
        assert_eq!(portion.bytes(), PAYLOAD_BYTES_MAX);
    }

    /// Would fail if the last piece of a chunk, which may be short and yet wait for the one before, made the next larger.
    #[test]
    fn a_short_piece_that_is_slow_makes_none_larger() {
        let mut portion = Portion::default();
        portion.went(256 << 10, 80 * MS);
        let before = portion.bytes();
        portion.went(PAYLOAD_BYTES_MAX as usize, 11 * MS);
        assert_eq!(portion.bytes(), before);
    }
}
