//! What went through lately, and who is left behind by it.
//!
//! A transfer that creeps looks like any other, and what is slow in one swarm is fast in another. So a transfer is
//! measured by the others alone: it is left behind when the last ones that went through all began later than it, and it has
//! taken several times as long. When everything becomes slow at once, nobody is left behind. Where nothing goes
//! through at all, there is nobody to compare with, and what is stuck is said after some seconds.

use core::time::Duration;

use drizzle_model::Time;

/// So many transfers have to overtake one: fewer would be chance, where transfers share links unevenly.
const OVERTAKEN_BY: usize = 4;
/// One that is left behind has taken so many times as long as the slowest of those, and at least so long.
const TIMES: u32 = 4;
const BEHIND_MIN: Duration = Duration::from_secs(1);
/// Nothing went through: so long, or as long as the bytes take at this rate, whichever is longer.
const STUCK_MIN: Duration = Duration::from_secs(8);
const STUCK_BYTES_PER_S: u64 = 256 << 10;

/// A transfer that went through.
#[derive(Clone, Copy)]
struct Done {
    began: Time,
    took: Duration,
    bytes: u64,
}

/// The transfers that went through last, in one direction.
#[derive(Default)]
pub(crate) struct Through {
    last: [Option<Done>; OVERTAKEN_BY],
    next: usize,
    done_at: Option<Time>,
}

impl Through {
    /// A transfer of so many bytes went through, which began then.
    pub(crate) fn note(&mut self, now: Time, began: Time, bytes: u32) {
        let bytes = u64::from(bytes).max(1);
        self.last[self.next] = Some(Done { began, took: now - began, bytes });
        self.next = (self.next + 1) % OVERTAKEN_BY;
        self.done_at = Some(now);
    }

    /// Whether a transfer of so many bytes is left behind; how long the others take for as many, if so.
    pub(crate) fn leaves_behind(&self, now: Time, began: Time, bytes: u32) -> Option<Duration> {
        let mut slowest = Duration::ZERO;
        for done in self.last {
            let done = done.filter(|done| done.began > began)?;
            let took_ns = done.took.as_nanos() * u128::from(bytes) / u128::from(done.bytes);
            slowest = slowest.max(Duration::from_nanos(u64::try_from(took_ns).unwrap_or(u64::MAX)));
        }
        (now - began >= slowest.saturating_mul(TIMES).max(BEHIND_MIN)).then_some(slowest)
    }

    /// Whether nothing went through for a long time, in which a transfer of so many bytes was under way.
    pub(crate) fn is_stuck(&self, now: Time, began: Time, bytes: u32) -> bool {
        let at_least = Duration::from_millis(u64::from(bytes) * 1000 / STUCK_BYTES_PER_S).max(STUCK_MIN);
        now - self.done_at.map_or(began, |done_at| done_at.max(began)) >= at_least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: u32 = 1 << 20;

    fn at(ms: u64) -> Time {
        Time::after_origin(Duration::from_millis(ms))
    }

    /// Four that began later and took 300 ms leave it behind after 1.2 s, not before; three are chance.
    #[test]
    fn who_is_overtaken_is_left_behind_after_some_chunk_times() {
        let mut through = Through::default();
        for number in 1..=3 {
            through.note(at(number * 10 + 300), at(number * 10), CHUNK);
        }
        assert_eq!(through.leaves_behind(at(5000), at(0), CHUNK), None);
        through.note(at(340), at(40), CHUNK);
        assert_eq!(through.leaves_behind(at(1199), at(0), CHUNK), None);
        assert_eq!(through.leaves_behind(at(1200), at(0), CHUNK), Some(Duration::from_millis(300)));
        assert_eq!(through.leaves_behind(at(2000), at(0), 2 * CHUNK), None);
        assert_eq!(through.leaves_behind(at(9000), at(20), CHUNK), None);
    }

    /// Would fail if a rate of the past counted: the link became a hundred times slower for all.
    #[test]
    fn nobody_is_left_behind_when_all_become_slow() {
        let mut through = Through::default();
        for number in 0..4 {
            through.note(at(number * 100 + 100), at(number * 100), CHUNK);
        }
        assert_eq!(through.leaves_behind(at(9000), at(400), CHUNK), None);
        assert!(!through.is_stuck(at(8399), at(390), CHUNK));
        assert!(through.is_stuck(at(8400), at(390), CHUNK));
        assert!(!through.is_stuck(at(8400), at(401), CHUNK));
        assert!(!through.is_stuck(at(60_000), at(400), 16 * CHUNK));
    }
}
