//! Leaving: whoever is asked to end does so cleanly and soon, and what it offered is gone at once.

use rustix::process::Signal;

use crate::support::home::Home;
use crate::support::noise;
use crate::support::process::{Ended, LEAVING_MAX};
use crate::support::swarm::{Sharer, Tracker};
use crate::support::words;

#[track_caller]
fn assert_left(ended: &Ended, code: i32) {
    ended.assert_code(code);
    assert!(ended.took < LEAVING_MAX, "it took {:?} to leave", ended.took);
}

/// What ends a process that is started here. Under `nohup`, that the terminal closes is nothing to it.
fn signals_heard() -> Vec<Signal> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let is_heard = |signal: &Signal| ignored >> (signal.as_raw() - 1) & 1 == 0;
    [Signal::INT, Signal::TERM, Signal::HUP].into_iter().filter(is_heard).collect()
}

/// S0.7: who leaves is not listed any more, at once and not when its lease is over. Would fail without the
/// goodbye: a lease lasts for minutes.
#[test]
fn what_one_who_left_shared_is_gone_at_once() {
    let tracker = Tracker::start();
    for signal in signals_heard() {
        let home = Home::new();
        let sharer = Sharer::start_at(&tracker, &home, &home.file("data", b"here today"));
        assert_eq!(tracker.names(), ["data"]);
        assert_left(&sharer.process.end_by(signal), 0);
        assert_eq!(tracker.names(), Vec::<String>::new());
    }
    assert_left(&tracker.process.end_by(Signal::TERM), 0);
}

/// The end comes in time with connections open and data under way too: of the fetch with 130, of those who
/// serve with 0.
#[test]
fn a_transfer_under_way_keeps_nobody() {
    for signal in [Signal::INT, Signal::TERM] {
        let tracker = Tracker::start();
        let (there, here, seconds) = (Home::new(), Home::new(), Home::new());
        let file = there.file("data", &noise::bytes(16 << 20, 1));
        let sharer = Sharer::start_at(&tracker, &there, &file);
        let mut get = here.start_get(&sharer.link(), words!["--limit-down", "500k"]);
        let mut other = seconds.start_get(&sharer.link(), words!["--limit-down", "500k"]);
        get.until("chunk");
        other.until("chunk");
        let ended = get.end_by(signal);
        assert_left(&ended, 130);
        assert_eq!(ended.only("error")["kind"], "interrupted");
        assert!(!here.out().join("data").exists(), "nothing unfinished stands under the name");
        assert_left(&sharer.process.end_by(signal), 0);
        assert_left(&tracker.process.end_by(signal), 0);
        assert_left(&other.end_by(signal), 130);
    }
}

/// A tracker that is gone keeps nobody from leaving.
#[test]
fn a_dead_tracker_keeps_nobody() {
    let tracker = Tracker::start();
    let there = Home::new();
    let sharer = Sharer::start_at(&tracker, &there, &there.file("data", b"d"));
    tracker.process.end_by(Signal::KILL);
    assert_left(&sharer.process.end_by(Signal::INT), 0);
}

/// Nor does a tracker that is there and says nothing: it is stopped, so the kernel takes the calls and nobody
/// answers.
#[test]
fn a_tracker_that_hangs_keeps_nobody() {
    let tracker = Tracker::start();
    let there = Home::new();
    let sharer = Sharer::start_at(&tracker, &there, &there.file("data", b"d"));
    tracker.process.signal(Signal::STOP);
    assert_left(&sharer.process.end_by(Signal::INT), 0);
}
