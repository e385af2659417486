//! When to look again at what is shared: pure.
//!
//! What changes is left to settle first: a moment without any change, longer while a file is open for writing. What never
//! settles is looked at all the same, but each time less soon, and looking takes a small part of the time at most, so that a
//! folder in which something changes all the time costs little. Whatever is heard, memory is bounded.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use drizzle_store::{Stir, Unfinished};
use tokio::time::Instant;

/// Without a change for so long, what is there counts as whole.
pub(super) const QUIET: Duration = Duration::from_millis(300);
/// Whoever has a file open and writes nothing for so long is taken to have stalled, and the file for what it is.
const STALLED: Duration = Duration::from_secs(5);
/// What does not settle in so long is looked at all the same; what is being written is left out then.
const LONGEST: Duration = Duration::from_secs(5);
/// Each time it did not settle it may take twice as long, up to this.
const RESTLESS_MAX: Duration = Duration::from_secs(60);
/// After a look there are so many times its duration without one: so at most a tenth of the time goes into looking.
const REST: u32 = 9;
/// Without word from the system there are so many times the duration of a look without one: then it is but a precaution.
const REST_UNASKED: u32 = 99;
/// So many open files are told apart; with more, the time of modification has to do.
const OPEN_MAX: usize = 1024;

/// What was found by looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Everything that is there is taken up.
    Whole,
    /// Something was left out that is worth looking at again soon.
    Unfinished,
}

/// What was heard of a path since it was looked at.
#[derive(Debug)]
pub(super) struct Settling {
    rescan: Duration,
    first: Option<Instant>,
    last: Option<Instant>,
    /// Files that were written and not closed since, and when that was last.
    open: HashMap<PathBuf, Instant>,
    looked_at: Instant,
    /// No look before this; and none without word before that.
    rest_until: Instant,
    rest_unasked_until: Instant,
    /// How long it may go without settling until it is looked at all the same.
    longest: Duration,
}

impl Settling {
    /// For something that was looked at just now, and is to be looked at every `rescan` whatever is heard.
    pub(super) fn new(now: Instant, rescan: Duration) -> Self {
        Self {
            rescan,
            first: None,
            last: None,
            open: HashMap::new(),
            looked_at: now,
            rest_until: now,
            rest_unasked_until: now + rescan,
            longest: LONGEST,
        }
    }

    /// Something happened.
    pub(super) fn heard(&mut self, now: Instant, stir: Stir) {
        match stir {
            Stir::Writing(path) if self.open.len() < OPEN_MAX || self.open.contains_key(&path) => {
                self.open.insert(path, now);
            }
            Stir::Closed(path) => drop(self.open.remove(&path)),
            _ => {}
        }
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// When to look.
    pub(super) fn due(&self) -> Instant {
        let (Some(first), Some(last)) = (self.first, self.last) else { return self.rest_unasked_until };
        let stalled = self.open.values().max().map(|&written| written + STALLED);
        let settled = stalled.map_or(last + QUIET, |stalled| stalled.max(last + QUIET));
        settled.min(first + self.longest).max(self.rest_until)
    }

    /// Looking begins: says what to leave out. What is heard from now on asks for another look.
    pub(super) fn begin(&mut self, now: Instant) -> Unfinished {
        let is_restless = self.last.is_some_and(|last| now < last + QUIET) || !self.open.is_empty();
        self.longest = if is_restless { (self.longest * 2).min(RESTLESS_MAX) } else { LONGEST };
        self.open.retain(|_, written| now < *written + STALLED);
        (self.first, self.last) = (None, None);
        self.looked_at = now;
        let open: HashSet<PathBuf> = self.open.keys().cloned().collect();
        Unfinished { open, fresh_for: QUIET }
    }

    /// Looking ended.
    pub(super) fn ended(&mut self, now: Instant, found: Found) {
        let took = now - self.looked_at;
        self.rest_until = now + took.saturating_mul(REST);
        self.rest_unasked_until = now + self.rescan.max(took.saturating_mul(REST_UNASKED));
        if found == Found::Unfinished {
            self.first.get_or_insert(now);
            self.last.get_or_insert(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESCAN: Duration = Duration::from_secs(60);

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    fn file() -> PathBuf {
        "/d/f".into()
    }

    #[test]
    fn without_a_change_it_is_looked_at_now_and_then() {
        let start = Instant::now();
        let mut settling = Settling::new(start, RESCAN);
        assert_eq!(settling.due(), start + RESCAN);
        settling.begin(after(start, 60_000));
        settling.ended(after(start, 61_000), Found::Whole);
        assert_eq!(settling.due(), after(start, 61_000 + 99_000), "a slow look comes less often");
    }

    #[test]
    fn a_look_waits_for_quiet_and_for_whoever_is_writing() {
        let start = Instant::now();
        let mut settling = Settling::new(start, RESCAN);
        settling.heard(start, Stir::Changed);
        assert_eq!(settling.due(), after(start, 300));
        settling.heard(after(start, 200), Stir::Changed);
        assert_eq!(settling.due(), after(start, 500));
        settling.heard(after(start, 400), Stir::Writing(file()));
        assert_eq!(settling.due(), after(start, 5000), "as long as it may take at most");
        settling.heard(after(start, 900), Stir::Closed(file()));
        assert_eq!(settling.due(), after(start, 1200));
        assert!(settling.begin(after(start, 1200)).open.is_empty());
    }

    #[test]
    fn what_is_being_written_is_left_out_until_its_writer_stalls() {
        let start = Instant::now();
        let mut settling = Settling::new(start, RESCAN);
        settling.heard(start, Stir::Changed);
        settling.heard(after(start, 4000), Stir::Writing(file()));
        assert!(settling.begin(after(start, 5000)).open.contains(&file()));
        settling.ended(after(start, 5000), Found::Unfinished);
        assert_eq!(settling.due(), after(start, 9000));
        assert!(settling.begin(after(start, 9000)).open.is_empty());
    }

    /// Would fail for a loop: what changes all the time is looked at, and less and less often.
    #[test]
    fn a_folder_that_never_rests_is_looked_at_less_and_less_often() {
        let start = Instant::now();
        let mut settling = Settling::new(start, RESCAN);
        let mut looks = Vec::new();
        for tenth in 0..3000 {
            let now = after(start, tenth * 100);
            settling.heard(now, Stir::Changed);
            if settling.due() <= now {
                settling.begin(now);
                settling.ended(now, Found::Unfinished);
                looks.push(tenth / 10);
            }
        }
        assert_eq!(looks, [5, 15, 35, 75, 135, 195, 255]);
        // Once it is at rest, all is as before.
        let rest = after(start, 400_000);
        settling.begin(rest);
        settling.ended(rest, Found::Whole);
        settling.heard(rest, Stir::Changed);
        assert_eq!(settling.due(), after(rest, 300));
    }

    #[test]
    fn looking_takes_a_tenth_of_the_time_at_most() {
        let start = Instant::now();
        let mut settling = Settling::new(start, RESCAN);
        settling.begin(start);
        settling.heard(after(start, 500), Stir::Changed);
        settling.ended(after(start, 1000), Found::Whole);
        assert_eq!(settling.due(), after(start, 10_000));
    }

    #[test]
    fn a_thousand_open_files_and_no_more_are_kept() {
        let start = Instant::now();
        let mut settling = Settling::new(start, RESCAN);
        for number in 0..5000 {
            settling.heard(start, Stir::Writing(format!("/d/{number}").into()));
        }
        assert_eq!(settling.open.len(), OPEN_MAX);
    }
}
