//! Names of namespaces, which say whose they are: what a killed run left behind is told from what is in use.
//!
//! The form is `drizzle-lab-PID-START-NUMBER-PART`; START is when the process started, in the kernel's ticks, since a
//! number comes again one day.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::stage::Namespace;

const PREFIX: &str = "drizzle-lab-";
/// Position after the name in `/proc/PID/stat` (proc_pid_stat(5)), counted from the state.
const STAT_START: usize = 19;

/// How many names this run has given, which tells them apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A namespace of this process that nobody has yet.
pub(super) fn namespace(part: &str) -> Namespace {
    let (pid, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let start = started(pid).unwrap_or_default();
    Namespace::named(format!("{PREFIX}{pid}-{start}-{number}-{part}"))
}

/// Removes what runs left behind that are no more.
pub(super) fn sweep() {
    Namespace::all()
        .filter(|namespace| is_orphaned(namespace.name()))
        .for_each(|namespace| namespace.remove());
}

fn is_orphaned(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let mut numbers = rest.split('-').map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(start))) = (numbers.next(), numbers.next()) else { return false };
    u32::try_from(pid).is_ok_and(|pid| started(pid) != Some(start))
}

fn started(pid: u32) -> Option<u64> {
    start_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name stands in brackets, and may itself hold brackets and spaces.
fn start_of(stat: &str) -> Option<u64> {
    stat.rsplit_once(") ")?.1.split(' ').nth(STAT_START)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_run_left_is_orphaned() {
        let own = namespace("host");
        assert!(!is_orphaned(own.name()), "{own:?}");
        let (pid, start) = (std::process::id(), started(std::process::id()).unwrap());
        assert!(
            is_orphaned(&format!("{PREFIX}{pid}-{}-0-host", start + 1)),
            "another process of that number"
        );
        assert!(is_orphaned(&format!("{PREFIX}{}-1-0-host", u32::MAX)), "a process that is not there");
        for foreign in ["other", "drizzle-lab-mine", "drizzle-lab-1-x-0"] {
            assert!(!is_orphaned(foreign), "{foreign}");
        }
    }

    #[test]
    fn the_kernels_line_is_read() {
        let stat = "42 (odd) name (x)) S 1 77 42 0 -1 4194560 5 6 7 8 100 20 3 4 20 0 1 0 999 1 2 3";
        assert_eq!(start_of(stat), Some(999));
    }
}
