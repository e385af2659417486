//! Whether a transfer is too slow to be kept: a rule without a clock.

use std::time::Duration;

use crate::limits::{SLOW_AFTER, SLOWEST_BYTES_PER_S};

/// Whether so few bytes in so much time are a waste of a place.
pub(crate) fn is_too_slow(waited: Duration, bytes: u64) -> bool {
    waited > SLOW_AFTER && bytes < waited.as_secs().saturating_mul(SLOWEST_BYTES_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_both_old_and_slow_is_given_up() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert!(!is_too_slow(minutes(1), 0));
        assert!(is_too_slow(minutes(2), 119 << 10));
        assert!(!is_too_slow(minutes(2), 120 << 10));
        assert!(!is_too_slow(minutes(60), 1 << 40));
    }
}
