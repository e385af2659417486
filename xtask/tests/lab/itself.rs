//! The lab itself: its links have the rates that were asked for, its counts are true, and nothing of it stays behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use xtask::lab::{Lab, Link, Rate};

use crate::ground::{FINISHED_WITHIN, Ground};

const GONE_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks: a test that spins would take the processor from those that it waits for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Would fail if a link let through more than its rate, or if what it carried were not counted.
#[test]
fn a_link_carries_what_it_should_and_counts_it() {
    let (slow, fast) = (Link { up: Some(Rate::mbit(16)), down: None }, Link::FREE);
    let Some(ground) = Ground::new(&[slow, fast]) else { return };
    let corpus = ground.file(0, 4);
    let (_seed, shared) = ground.seat(0).share(&corpus.path(), &[]).unwrap();
    let mut peer = ground.seat(1).get(&shared.link, &[]).unwrap();
    let started = Instant::now();
    peer.wait_until_done(FINISHED_WITHIN, |_| {}).unwrap();
    let (took, bytes) = (started.elapsed(), corpus.shape.bytes());
    let least = Duration::from_secs_f64(bytes as f64 * 8.0 / 16e6);
    assert!(took >= least - Duration::from_millis(100), "{took:?}, the rate allows {least:?}");
    let (sent, received) = (
        ground.lab().hosts()[0].traffic().unwrap().sent,
        ground.lab().hosts()[1].traffic().unwrap().received,
    );
    for counted in [sent, received] {
        assert!((bytes..bytes * 5 / 4).contains(&counted), "{counted} bytes for {bytes}");
    }
}

/// What is there of a run's namespaces.
fn namespaces(pid: u32) -> Vec<String> {
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(&format!("drizzle-lab-{pid}-"))).collect()
}

/// A lab of another process, with something in it that stays until it is ended.
fn start_elsewhere() -> (Child, u32) {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["lab", "--hosts", "2", "--", "sh", "-c", "echo $$; exec sleep 1000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(lab.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (lab, line.trim().parse().unwrap())
}

fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_until_gone(lab: u32, inside: u32) {
    let deadline = Instant::now() + GONE_WITHIN;
    while runs(inside) || !namespaces(lab).is_empty() {
        assert!(Instant::now() < deadline, "process {inside} or {:?} is still there", namespaces(lab));
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn ctrl_c_takes_the_lab_and_all_that_runs_in_it_away() {
    if Ground::new(&[Link::FREE]).is_none() {
        return;
    }
    let (mut lab, inside) = start_elsewhere();
    assert_eq!(namespaces(lab.id()).len(), 3, "two hosts and the switch");
    send("-INT", lab.id());
    assert_eq!(lab.wait().unwrap().code(), Some(130));
    wait_until_gone(lab.id(), inside);
}

#[test]
fn what_a_killed_run_left_behind_goes_when_the_next_lab_is_made() {
    if Ground::new(&[Link::FREE]).is_none() {
        return;
    }
    let (mut lab, inside) = start_elsewhere();
    send("-KILL", lab.id());
    lab.wait().unwrap();
    // Another test that makes a lab at this moment may come first; that is as good.
    drop(Lab::new(&[Link::FREE]).unwrap());
    wait_until_gone(lab.id(), inside);
}
