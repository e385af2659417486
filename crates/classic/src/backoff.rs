//! What failed is tried again later, and later each time: a rule without a clock.

use std::collections::HashMap;
use std::hash::Hash;

use drizzle_model::Time;

use crate::limits::{RETRY_MAX, RETRY_MIN};

/// How many failures are remembered; beyond it all are forgotten, which only means that they are tried again.
const KEPT_MAX: usize = 65_536;

/// When each thing may be tried again.
#[derive(Debug)]
pub(crate) struct Backoff<K> {
    failed: HashMap<K, (u32, Time)>,
}

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self { failed: HashMap::new() }
    }
}

impl<K: Hash + Eq> Backoff<K> {
    /// Notes a failure; says whether it is the first.
    pub(crate) fn fail(&mut self, now: Time, what: K) -> bool {
        if self.failed.len() >= KEPT_MAX {
            self.failed.clear();
        }
        let (times, next) = self.failed.entry(what).or_default();
        *next = now + (RETRY_MIN * 2u32.saturating_pow(*times)).min(RETRY_MAX);
        *times = (*times + 1).min(16);
        *times == 1
    }

    pub(crate) fn may_try(&self, now: Time, what: &K) -> bool {
        self.failed.get(what).is_none_or(|(_, next)| *next <= now)
    }

    pub(crate) fn succeed(&mut self, what: &K) {
        self.failed.remove(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn waits_grow_to_their_limit_and_a_success_ends_them() {
        let mut backoff = Backoff::default();
        let mut now = Time::ORIGIN;
        let mut waits = Vec::new();
        for _ in 0..7 {
            backoff.fail(now, 'a');
            let mut wait = Duration::ZERO;
            while !backoff.may_try(now + wait, &'a') {
                wait += Duration::from_secs(1);
            }
            waits.push(wait.as_secs());
            now = now + wait;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        assert!(backoff.may_try(now, &'b'));
        backoff.succeed(&'a');
        assert!(backoff.fail(now, 'a'));
        assert!(!backoff.fail(now, 'a'));
    }
}
