//! Which versions of the directory a tracker may give out: a version never means two things, also not after a restart.
//!
//! Versions begin at the wall clock's time, which is not enough: a tracker may be started twice within a second, or with a clock that
//! was set back. So a store remembers a bound that no version has reached, and the next life begins there. The bound is moved, far ahead
//! of its need, by a change that is written as any other.

use std::sync::atomic::{AtomicU64, Ordering};

use drizzle_directory::Version;

use crate::clock::Clock;
use crate::store::Change;

/// How far ahead of the versions the bound is: what is written about it once in so many changes, and what a restart skips. The clock passes
/// by as many in 16 s, so even one that is restarted every second for a year is some 16 years ahead of it, which numbers bear.
const SPAN: u64 = 1 << 24;

/// The bound, as it was noted last.
#[derive(Debug)]
pub(crate) struct Versions {
    below: AtomicU64,
}

impl Versions {
    /// For a directory that begins at that version. The change has to be written before anybody hears of a version.
    pub(crate) fn begin(at: Version) -> (Self, Change) {
        let below = at.number().saturating_add(SPAN);
        (Self { below: AtomicU64::new(below) }, Change::Versions { below })
    }

    /// What is to be noted now that the directory has that version, if anything is. To be called under the directory's lock. There
    /// is room for eight million changes more until it has to be written.
    pub(crate) fn reached(&self, version: Version) -> Option<Change> {
        let below = version.number().saturating_add(SPAN);
        if below - SPAN / 2 <= self.below.load(Ordering::Relaxed) {
            return None;
        }
        self.below.store(below, Ordering::Relaxed);
        Some(Change::Versions { below })
    }
}

/// Where the versions of this life begin, by the clock alone. Greater than any of an earlier life that the clock knows to be earlier, unless more
/// than a million things changed in every second of it.
pub(crate) fn by_clock(clock: &dyn Clock) -> Version {
    Version::from_number(clock.unix_s() << 20)
}

/// The same where nothing remembers an earlier life: at a place within the second that chance gives, so that whoever asks for
/// what changed since a version of that life is most likely told that there is none, and not what this one changed.
pub(crate) fn by_clock_and_chance(clock: &dyn Clock) -> Version {
    let mut chance = [0; 4];
    // Without any it is no worse than the clock.
    let _ = aws_lc_rs::rand::fill(&mut chance);
    Version::from_number(by_clock(clock).number() | u64::from(u32::from_le_bytes(chance) >> 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a version were given out that the noted bound does not cover, or if every change wrote the bound anew.
    #[test]
    fn the_bound_stays_ahead_and_moves_seldom() {
        let (versions, first) = Versions::begin(Version::from_number(1000));
        let mut bound = bound_of(&first);
        let mut moves = 0;
        for version in (1000..1000 + 4 * SPAN).step_by(1 << 10) {
            if let Some(change) = versions.reached(Version::from_number(version)) {
                bound = bound_of(&change);
                moves += 1;
            }
            assert!(version + SPAN / 4 < bound, "{version} below {bound}");
        }
        assert!(moves <= 8, "{moves}");
        assert!(versions.reached(Version::from_number(u64::MAX)).is_some(), "no panic at the end of numbers");
    }

    fn bound_of(change: &Change) -> u64 {
        match change {
            Change::Versions { below } => *below,
            other => panic!("{other:?}"),
        }
    }
}
