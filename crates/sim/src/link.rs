//! Links: how fast and how far a host is.

use std::time::Duration;

/// A host's way to the middle of the network, where all ways meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Bytes a second out.
    pub up_bytes_per_s: u64,
    /// Bytes a second in.
    pub down_bytes_per_s: u64,
    /// From the host to the middle, or back.
    pub latency: Duration,
    /// How many of a million messages are lost on this link, where messages can be.
    pub loss_ppm: u32,
    /// Up to so much is added to the latency of a message at random, where messages may pass each other.
    pub jitter: Duration,
}

impl Link {
    /// The same rate each way, 1 ms to the middle, nothing lost.
    pub const fn symmetric(bytes_per_s: u64) -> Self {
        Self {
            up_bytes_per_s: bytes_per_s,
            down_bytes_per_s: bytes_per_s,
            latency: Duration::from_millis(1),
            loss_ppm: 0,
            jitter: Duration::ZERO,
        }
    }

    /// A link that only messages are sent over.
    pub const fn messages(latency: Duration) -> Self {
        let mut link = Self::symmetric(u64::MAX);
        link.latency = latency;
        link
    }
}

/// How long so many bytes take, in nanoseconds.
pub(crate) fn time_ns(bytes: u32, bytes_per_s: u64) -> u64 {
    (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(bytes_per_s.max(1))) as u64
}
