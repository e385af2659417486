//! How many records were counted because others asked.

use core::time::Duration;

use drizzle_model::Time;

/// Records that are counted in each span because others ask: some tenth of a core's time. A full shelf is counted
/// sixteen times.
const COUNTED_MAX: usize = 1 << 20;
const SPAN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Counted {
    since: Time,
    records: usize,
}

impl Counted {
    pub(super) fn none(now: Time) -> Self {
        Self { since: now, records: 0 }
    }

    /// Whether so many more may be counted; if so, they are.
    pub(super) fn allows(&mut self, now: Time, records: usize) -> bool {
        if now - self.since >= SPAN {
            *self = Self::none(now);
        }
        self.records = self.records.saturating_add(records);
        self.records <= COUNTED_MAX
    }
}
