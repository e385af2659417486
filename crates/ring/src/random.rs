//! A sequence of numbers from a seed that the caller gives (SplitMix64). It spreads timers and picks contacts; no
//! secret depends on it.

use core::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound as u64).max(1)) as usize
    }

    /// From three quarters to five quarters of a span, so that peers that started together drift apart.
    pub(crate) fn around(&mut self, span: Duration) -> Duration {
        let part = u32::try_from(self.next() % 512).unwrap_or_default();
        span * 3 / 4 + span * part / 1024
    }
}
