//! The places for uploads: few as long as few fill the way out, since k uploads side by side take k times as long each, and
//! the swarm waits for them; more where the receivers are slower than the way out.

use core::time::Duration;

use drizzle_model::Time;

use crate::climb::Climb;

/// What goes out is known after so many uploads, and twice as many as run at once.
const SAMPLES_MIN: usize = 8;

/// The places for uploads.
pub(crate) struct Slots {
    climb: Climb,
    /// Uploads that began earlier say nothing of the present number.
    since: Time,
    bytes: u64,
    /// The time that all sampled uploads took, together.
    time: Duration,
    samples: usize,
}

impl Slots {
    /// Between `min` and `max` places, and 1 at least.
    pub(crate) fn new(min: usize, max: usize) -> Self {
        let climb = Climb::new(min.max(1), max);
        Self { climb, since: Time::ORIGIN, bytes: 0, time: Duration::ZERO, samples: 0 }
    }

    /// How many uploads may run.
    pub(crate) fn open(&self) -> usize {
        self.climb.number()
    }

    /// An upload of so many bytes is through, which began at `since`, and others wait for its place.
    pub(crate) fn finished(&mut self, now: Time, since: Time, bytes: u32) {
        if since < self.since {
            return;
        }
        self.bytes += u64::from(bytes);
        self.time += now - since;
        self.samples += 1;
        if self.samples >= SAMPLES_MIN.max(2 * self.open()) {
            let rate = u128::from(self.bytes) * self.open() as u128 * 1_000_000_000;
            if self.climb.judge(now, (rate / self.time.as_nanos().max(1)) as u64) {
                self.since = now;
            }
            (self.bytes, self.time, self.samples) = (0, Duration::ZERO, 0);
        }
    }
}
