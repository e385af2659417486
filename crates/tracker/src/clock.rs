//! Where the tracker's time comes from.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use drizzle_model::Time;

/// A clock that never goes back, for leases, and the time of day, for tickets.
pub trait Clock: Send + Sync + 'static {
    /// The time for leases.
    fn now(&self) -> Time;

    /// Seconds since 1970.
    fn unix_s(&self) -> u64;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose origin is now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::after_origin(self.origin.elapsed())
    }

    fn unix_s(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
