//! Points in time: the machines' own clock, and the modification times of files.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point on a clock that never goes back, counted from an origin that the caller chose. In, not read: the
/// machines are given it. It goes on for 584 years, and then stands still.
///
/// Nanoseconds after the origin and one more: machines keep many of these, most of them optional, and an `Option` of it
/// needs no more room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(NonZeroU64);

impl Time {
    /// The origin itself.
    pub const ORIGIN: Self = Self(NonZeroU64::MIN);

    /// The point that lies so long after the origin.
    pub const fn after_origin(since_origin: Duration) -> Self {
        let nanos = since_origin.as_nanos();
        Self::after_nanos(if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 })
    }

    /// How long after the origin this is.
    pub const fn since_origin(self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// How long this is after `earlier`; zero when it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos().saturating_sub(earlier.nanos()))
    }

    const fn after_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    const fn nanos(self) -> u64 {
        self.0.get() - 1
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::ORIGIN
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.since_origin().fmt(f)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        let nanos = later.as_nanos().min(u128::from(u64::MAX)) as u64;
        Self::after_nanos(self.nanos().saturating_add(nanos))
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
