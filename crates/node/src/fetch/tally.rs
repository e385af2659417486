//! What a fetch has got, from whom, and how fast: numbers for the one who waits.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use drizzle_model::{PeerId, Time};

/// The rate is that of the last so many seconds.
const RATE_OVER: Duration = Duration::from_secs(5);

/// The numbers of one fetch.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Verified bytes, from earlier runs too.
    pub(crate) done: u64,
    /// Bytes in all.
    pub(crate) total: u64,
    /// Verified bytes by peer.
    pub(crate) from: BTreeMap<PeerId, u64>,
    arrived: u64,
    samples: VecDeque<(Time, u64)>,
}

impl Tally {
    pub(crate) fn new(now: Time, done: u64, total: u64) -> Self {
        Self { done, total, from: BTreeMap::new(), arrived: 0, samples: VecDeque::from([(now, 0)]) }
    }

    pub(crate) fn arrived(&mut self, bytes: u64) {
        self.arrived += bytes;
    }

    pub(crate) fn verified(&mut self, peer: PeerId, bytes: u64) {
        self.done += bytes;
        *self.from.entry(peer).or_default() += bytes;
    }

    /// Bytes a second, over the last seconds. To be asked some times a second.
    pub(crate) fn rate(&mut self, now: Time) -> u64 {
        while self.samples.len() > 1 && now - self.samples[0].0 > RATE_OVER {
            self.samples.pop_front();
        }
        self.samples.push_back((now, self.arrived));
        let (since, arrived) = self.samples[0];
        let millis = (now - since).as_millis().max(1) as u64;
        (self.arrived - arrived) * 1000 / millis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_forgets_what_was_long_ago() {
        let at = |seconds| Time::after_origin(Duration::from_secs(seconds));
        let mut tally = Tally::new(at(0), 0, 1000);
        tally.arrived(500);
        assert_eq!(tally.rate(at(1)), 500);
        for second in 2..=4 {
            tally.rate(at(second));
        }
        assert_eq!(tally.rate(at(5)), 100);
        for second in 6..=10 {
            tally.rate(at(second));
        }
        assert_eq!(tally.rate(at(11)), 0);
    }
}
