//! How often a peer was handed out lately, so that the next asker is sent to another one (S1.7).
//!
//! The figure halves every [`HALF_LIFE`]. Without that a peer that is new would be given to everybody until it had
//! caught up with those that have served for days.

use core::time::Duration;

use drizzle_model::Time;

/// About as long as a downloader works with the sources that it was given.
const HALF_LIFE: Duration = Duration::from_secs(60);

/// One handing out. Larger than one, so that halves of it count.
const UNIT: u32 = 1 << 8;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    value: u32,
    as_of: Time,
}

impl Load {
    /// The load as one of few levels. Peers of one level, which are within a factor of two, are equals: an order by every
    /// small difference would send all askers to the same peer first.
    pub(crate) fn level(self, now: Time) -> u32 {
        u32::BITS - (self.at(now) / UNIT).leading_zeros()
    }

    fn at(self, now: Time) -> u32 {
        let halvings = now.since(self.as_of).as_secs() / HALF_LIFE.as_secs();
        u32::try_from(halvings).ok().and_then(|halvings| self.value.checked_shr(halvings)).unwrap_or(0)
    }

    pub(crate) fn hand_out(&mut self, now: Time) {
        let halvings = now.since(self.as_of).as_secs() / HALF_LIFE.as_secs();
        self.value = self.at(now).saturating_add(UNIT);
        self.as_of = self.as_of + Duration::from_secs(halvings * HALF_LIFE.as_secs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: u64) -> Time {
        Time::after_origin(Duration::from_secs(seconds))
    }

    /// The half-life must run on however often the figure is touched; one that began anew with each touch never ended.
    #[test]
    fn load_halves_whether_or_not_it_is_touched() {
        let mut load = Load::default();
        load.hand_out(time(30));
        assert_eq!((load.at(time(59)), load.at(time(60))), (UNIT, UNIT / 2));
        load.hand_out(time(70));
        assert_eq!((load.at(time(119)), load.at(time(120))), (UNIT + UNIT / 2, UNIT * 3 / 4));
        assert_eq!(load.at(time(u64::MAX)), 0);
    }

    #[test]
    fn loads_within_a_factor_of_two_are_equals() {
        let mut load = Load::default();
        let levels: [u32; 9] = core::array::from_fn(|_| {
            let level = load.level(Time::ORIGIN);
            load.hand_out(Time::ORIGIN);
            level
        });
        assert_eq!(levels, [0, 1, 2, 2, 3, 3, 3, 3, 4]);
    }
}
