//! When places for uploads may be freed although nothing goes through anywhere.

use core::time::Duration;

use drizzle_model::Time;

/// Where nothing goes through at all, the places are freed, again not before this time, and then each time after twice as
/// long, until something goes through: perhaps the way out is slow, and more uploads would make each slower still.
const NEXT_STUCK_MIN: Duration = Duration::from_secs(8);

/// When a place may be freed although nothing goes through.
pub(crate) struct StuckPlaces {
    pub(crate) next: Time,
    pause: Duration,
}

impl Default for StuckPlaces {
    fn default() -> Self {
        Self { next: Time::ORIGIN, pause: NEXT_STUCK_MIN }
    }
}

impl StuckPlaces {
    /// Something went through.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// They were freed although nothing did.
    pub(crate) fn freed(&mut self, now: Time) {
        self.next = now + self.pause;
        self.pause = self.pause.saturating_mul(2);
    }
}
