//! Whether a transfer is too slow to be kept: a rule without a clock.

use std::time::Duration;

use crate::limits::{SLOW_AFTER, SLOWEST_BYTES_PER_S, WITH_OTHERS_AFTER, WITH_OTHERS_BYTES_PER_S};

/// How fast a transfer has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// From this age on.
    pub(crate) after: Duration,
    /// On average.
    pub(crate) bytes_per_s: u64,
}

impl Pace {
    /// The least that is worth a place.
    pub(crate) const LEAST: Self = Self { after: SLOW_AFTER, bytes_per_s: SLOWEST_BYTES_PER_S };
    /// While others have the same.
    pub(crate) const WITH_OTHERS: Self =
        Self { after: WITH_OTHERS_AFTER, bytes_per_s: WITH_OTHERS_BYTES_PER_S };

    /// Whether so few bytes in so much time are a waste of a place.
    pub(crate) fn is_missed(self, waited: Duration, bytes: u64) -> bool {
        let wanted = waited.as_millis().saturating_mul(self.bytes_per_s.into()) / 1000;
        waited > self.after && u128::from(bytes) < wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_both_old_and_slow_is_given_up() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert!(!Pace::LEAST.is_missed(minutes(1), 0));
        assert!(Pace::LEAST.is_missed(minutes(2), 119 << 10));
        assert!(!Pace::LEAST.is_missed(minutes(2), 120 << 10));
        assert!(!Pace::LEAST.is_missed(minutes(60), 1 << 40));
        assert!(Pace::WITH_OTHERS.is_missed(minutes(1), 60 * WITH_OTHERS_BYTES_PER_S - 1));
    }
}
