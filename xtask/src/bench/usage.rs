//! What groups of processes use, from `/proc`: peak memory and processor time.

use std::collections::BTreeMap;
use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::process::Pid;

/// The kernel keeps the peak of each process, so only what a process adds in its last moment is missed.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);

/// Positions after the name in `/proc/PID/stat` (proc_pid_stat(5)), counted from the state.
const STAT_GROUP: usize = 2;
const STAT_CPU_TICKS: std::ops::Range<usize> = 11..15;

/// Processor time of a group's living processes and of those that they have waited for.
pub(crate) fn cpu_time(group: Pid) -> Duration {
    let ticks: u64 = members(group).iter().map(|member| member.cpu_ticks).sum();
    Duration::from_secs(ticks) / u32::try_from(clock_ticks_per_second()).unwrap_or(100)
}

/// Watches the memory of groups until it is stopped.
#[derive(Debug)]
pub(crate) struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<BTreeMap<i32, u64>>,
}

impl Sampler {
    pub(crate) fn start(groups: Vec<Pid>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut peaks = BTreeMap::new();
            loop {
                for group in &groups {
                    let peak = peaks.entry(group.as_raw_pid()).or_insert(0);
                    *peak = memory_peak(*group).max(*peak);
                }
                if stopped.recv_timeout(SAMPLE_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return peaks;
                }
            }
        });
        Self { stop, thread }
    }

    /// The peak of each group in bytes, by the group's number.
    pub(crate) fn stop(self) -> BTreeMap<i32, u64> {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

/// The peaks of all processes that are alive in the group, summed: pages that they share are counted for each.
fn memory_peak(group: Pid) -> u64 {
    members(group)
        .iter()
        .filter_map(|member| fs::read_to_string(format!("/proc/{}/status", member.pid)).ok())
        .map(|status| high_water(&status))
        .sum()
}

/// What the processes of a group have in memory now, in bytes.
pub(crate) fn resident(group: Pid) -> u64 {
    let of_each = members(group).into_iter().filter_map(|member| {
        let status = fs::read_to_string(format!("/proc/{}/status", member.pid)).ok()?;
        Some(field(&status, "VmRSS:"))
    });
    of_each.sum()
}

fn high_water(status: &str) -> u64 {
    field(status, "VmHWM:")
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

struct Member {
    pid: String,
    cpu_ticks: u64,
}

fn members(group: Pid) -> Vec<Member> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pids = pids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (of, cpu_ticks) = group_and_ticks(&stat)?;
        (of == group.as_raw_pid()).then_some(Member { pid, cpu_ticks })
    })
    .collect()
}

/// The name stands in brackets, and may itself hold brackets and spaces.
fn group_and_ticks(stat: &str) -> Option<(i32, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let group = fields.get(STAT_GROUP)?.parse().ok()?;
    let ticks =
        fields.get(STAT_CPU_TICKS)?.iter().map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some((group, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let stat = "42 (odd) name (x)) S 1 77 42 0 -1 4194560 5 6 7 8 100 20 3 4 20 0 1 0 999 1 2 3";
        assert_eq!(group_and_ticks(stat), Some((77, 127)));
        assert_eq!(group_and_ticks("42 (cut"), None);
        assert_eq!(high_water("Name:\tx\nVmHWM:\t   1234 kB\nVmRSS:\t 1 kB\n"), 1234 * 1024);
        assert_eq!(high_water("Name:\tkthread\n"), 0);
    }
}
