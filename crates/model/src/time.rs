//! Points in time: the machines' own clock, and the modification times of files.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point on a clock that never goes back, counted from an origin that the caller chose. In, not read: the
/// machines are given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    since_origin: Duration,
}

impl Time {
    /// The origin itself.
    pub const ORIGIN: Self = Self { since_origin: Duration::ZERO };

    /// The point that lies so long after the origin.
    pub const fn after_origin(since_origin: Duration) -> Self {
        Self { since_origin }
    }

    /// How long after the origin this is.
    pub const fn since_origin(self) -> Duration {
        self.since_origin
    }

    /// How long this is after `earlier`; zero when it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        self.since_origin.saturating_sub(earlier.since_origin)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self { since_origin: self.since_origin.saturating_add(later) }
    }
}

impl Sub<Time> for Time {
    type Output = Duration;

    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

/// A file's modification time: seconds since 1970 (negative before), and nanoseconds above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mtime {
    seconds: i64,
    nanoseconds: u32,
}

impl Mtime {
    /// Takes seconds and nanoseconds; the latter must be below one second.
    pub const fn new(seconds: i64, nanoseconds: u32) -> Option<Self> {
        if nanoseconds < 1_000_000_000 { Some(Self { seconds, nanoseconds }) } else { None }
    }

    /// So many seconds after 1970, or before it.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds above the whole seconds, below 1,000,000,000.
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }
}
