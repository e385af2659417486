//! How fast a peer delivers, and how long it takes to answer: from these follows how much to ask of it at once.

use core::time::Duration;

use drizzle_model::Time;

/// Bytes are counted over windows of at least this length: long enough to even out single reads, short enough that a fast
/// link is known to be fast within a few of them.
const WINDOW_MIN: Duration = Duration::from_millis(20);
/// No answer time above this is believed to be the way's: it is a queue at the other end, and to ask for more because
/// of a queue would only make it longer.
const LATENCY_MAX: Duration = Duration::from_millis(300);
/// The most bytes asked of one peer at once: 10 Gbit/s over 50 ms.
const IN_FLIGHT_BYTES_MAX: u64 = 64 << 20;
/// A peer that is sending is given up after four times the time that one of its chunks takes, within these limits.
/// The lower one passes over the pauses of a loaded machine or a bad radio link; the upper one, with the interval of
/// the checks, keeps the delay by a source that stalls below three seconds.
const STALL_MIN: Duration = Duration::from_millis(1000);
const STALL_MAX: Duration = Duration::from_millis(2250);
/// How often peers are looked at while something is missing.
pub(crate) const CHECK_EVERY: Duration = Duration::from_millis(250);

/// What was measured of one peer.
pub(crate) struct Pace {
    /// Smoothed, in bytes a second of time in which something was due; 0 until measured.
    rate: u64,
    /// The shortest time from a request to its first byte.
    latency: Duration,
    /// What comes in while a request is on its way, in bytes: asked for often, and seldom another.
    on_the_way: u64,
    window_start: Time,
    window_bytes: u64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { rate: 0, latency: LATENCY_MAX, on_the_way: 0, window_start: Time::ORIGIN, window_bytes: 0 }
    }

    /// Something is due from now on, after a time in which nothing was.
    pub(crate) fn start(&mut self, now: Time) {
        (self.window_start, self.window_bytes) = (now, 0);
    }

    /// The first bytes came of a request that was made so long ago.
    pub(crate) fn answered(&mut self, after: Duration) {
        if after < self.latency {
            self.latency = after;
            self.count_on_the_way();
        }
    }

    fn count_on_the_way(&mut self) {
        self.on_the_way = (u128::from(self.rate) * self.latency.as_nanos() / 1_000_000_000) as u64;
    }

    /// Bytes came. Says whether the rate was measured anew.
    pub(crate) fn arrived(&mut self, now: Time, bytes: u32) -> bool {
        self.window_bytes += u64::from(bytes);
        let window = now - self.window_start;
        if window < WINDOW_MIN.max(self.latency) {
            return false;
        }
        let rate = (u128::from(self.window_bytes) * 1_000_000_000 / window.as_nanos()) as u64;
        self.rate = if self.rate == 0 { rate } else { (self.rate * 3 + rate) / 4 };
        self.count_on_the_way();
        self.start(now);
        true
    }

    /// Bytes a second; 0 until measured.
    pub(crate) fn rate(&self) -> u64 {
        self.rate
    }

    /// How many bytes to have under way: `floor`, and twice what comes in while a request is on its way, so that
    /// a rate that could be higher is found.
    pub(crate) fn budget_bytes(&self, floor: u64) -> u64 {
        (floor + 2 * self.on_the_way).min(IN_FLIGHT_BYTES_MAX)
    }

    /// How long a peer may pause within a chunk of so many bytes.
    pub(crate) fn stall_after(&self, chunk_bytes: u32) -> Duration {
        let chunk_time_ms = (u64::from(chunk_bytes) * 1000).checked_div(self.rate);
        chunk_time_ms
            .map_or(STALL_MAX, |ms| Duration::from_millis(ms.saturating_mul(4)).clamp(STALL_MIN, STALL_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ORIGIN + Duration::from_millis(ms)
    }

    #[test]
    fn the_budget_follows_rate_times_latency_and_not_a_queue() {
        let mut pace = Pace::new();
        assert_eq!(pace.budget_bytes(1 << 20), 1 << 20);
        pace.start(at(0));
        pace.answered(Duration::from_millis(100));
        assert!(!pace.arrived(at(50), 5_000_000));
        assert!(pace.arrived(at(100), 5_000_000));
        assert_eq!(pace.budget_bytes(0), 2 * 10_000_000);

        let mut queued = Pace::new();
        queued.start(at(0));
        queued.answered(Duration::from_secs(20));
        queued.arrived(at(20_000), 1_000_000);
        assert_eq!(queued.budget_bytes(0), 2 * 50_000 * 300 / 1000);
    }

    #[test]
    fn patience_follows_the_chunk_time() {
        let mut pace = Pace::new();
        assert_eq!(pace.stall_after(1 << 20), STALL_MAX);
        pace.start(at(0));
        pace.arrived(at(1000), 2_500_000);
        assert_eq!(pace.stall_after(1_000_000), Duration::from_millis(1600));
        assert_eq!(pace.stall_after(1_000), STALL_MIN);
        assert_eq!(pace.stall_after(16 << 20), STALL_MAX);
    }
}
