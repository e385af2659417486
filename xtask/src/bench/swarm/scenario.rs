//! Who has which link, how much is distributed, and the least time that any program could need.

use std::time::Duration;

use crate::lab::{Link, Rate};

const MIB: u64 = 1 << 20;
/// A quick look moves this part of the content.
const QUICK_DIVISOR: u64 = 8;

/// One seed, several leechers, one file.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// One word, to pick it on the command line.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) seed: Rate,
    /// Each with the same rate both ways.
    pub(crate) leechers: Vec<Rate>,
    pub(crate) bytes: u64,
}

impl Scenario {
    /// All of them, at their full size or for a quick look.
    pub(crate) fn all(is_quick: bool) -> Vec<Self> {
        let bytes = |mebibytes: u64| mebibytes * MIB / if is_quick { QUICK_DIVISOR } else { 1 };
        let mbit = Rate::mbit;
        vec![
            Self {
                key: "equal",
                title: "Equal links: seed and eight peers at 100 Mbit/s",
                seed: mbit(100),
                leechers: vec![mbit(100); 8],
                bytes: bytes(128),
            },
            Self {
                key: "slow-seed",
                title: "A slow seed: 20 Mbit/s, eight peers at 100 Mbit/s",
                seed: mbit(20),
                leechers: vec![mbit(100); 8],
                bytes: bytes(32),
            },
            Self {
                key: "mixed",
                title: "Mixed links: seed at 100 Mbit/s, two peers each at 20, 50, 100 and 200 Mbit/s",
                seed: mbit(100),
                leechers: [20, 20, 50, 50, 100, 100, 200, 200].map(mbit).to_vec(),
                bytes: bytes(32),
            },
        ]
    }

    /// The links of the lab: the seed, the leechers, and one host more for a tracker.
    pub(crate) fn links(&self) -> Vec<Link> {
        let shaped = [self.seed].into_iter().chain(self.leechers.iter().copied()).map(Link::even);
        shaped.chain([Link::FREE]).collect()
    }

    /// The least time in which all can have it, headers and everything else left out (Kumar and Ross, 2006):
    /// the file over the seed's link, over the slowest peer's, and all copies over all links together.
    pub(crate) fn bound(&self) -> Duration {
        let copies = self.leechers.len() as u64 * self.bytes;
        let slowest = self.leechers.iter().copied().min().unwrap_or(self.seed);
        let together: u64 = self.leechers.iter().chain([&self.seed]).map(|rate| rate.bits_per_second()).sum();
        time(self.bytes, self.seed.bits_per_second())
            .max(time(self.bytes, slowest.bits_per_second()))
            .max(time(copies, together))
    }

    /// The least time in which one of the leechers can have it: over the seed's link, and over its own.
    pub(crate) fn bound_of(&self, leecher: usize) -> Duration {
        let own = self.leechers.get(leecher).copied().unwrap_or(self.seed);
        time(self.bytes, own.min(self.seed).bits_per_second())
    }
}

fn time(bytes: u64, bits_per_second: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 * 8.0 / bits_per_second as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_of_the_narrowest_place() {
        let bounds = Scenario::all(false).iter().map(|one| one.bound().as_secs_f64()).collect::<Vec<_>>();
        // The seed's link; the same; the slowest peer's.
        for (bound, expected) in bounds.iter().zip([10.737, 13.422, 13.422]) {
            assert!((bound - expected).abs() < 0.001, "{bounds:?}");
        }
        let crowd = Scenario { leechers: vec![Rate::mbit(10); 90], ..Scenario::all(false).remove(0) };
        // 90 copies over 100 + 90 * 10 Mbit/s: 96.6 s; the slowest peer's link needs 107.4 s.
        assert!((crowd.bound().as_secs_f64() - 107.374).abs() < 0.001);
        let mixed = &Scenario::all(false)[2];
        assert!((mixed.bound_of(0).as_secs_f64() - 13.422).abs() < 0.001);
        assert!((mixed.bound_of(7).as_secs_f64() - 2.684).abs() < 0.001, "the seed is slower than the peer");
    }
}
