//! Ctrl-C in the middle of a benchmark leaves nothing behind: no process, no folder.
//!
//! The binary under test is a script that serves for ever and fetches for ever, so the signal comes in mid-transfer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Notes its process number, before anybody can go on because of what it says, and stays.
const STAND_IN: &str = r#"#!/bin/sh
case $1 in
--version) echo "stand-in"; exit ;;
esac
echo "$1 $$" >> PIDS
case $1 in
share) echo '{"event":"ready"}'; echo '{"event":"shared","link":"drizzle:?x"}' ;;
esac
exec sleep 1000
"#;

const UNDER_WAY_WITHIN: Duration = Duration::from_secs(60);
const GONE_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn ctrl_c_in_mid_transfer_ends_every_process_and_removes_every_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (binary, pids) = (dir.path().join("drizzle"), dir.path().join("pids"));
    fs::write(&binary, STAND_IN.replace("PIDS", &pids.to_string_lossy())).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();

    let mut bench = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["bench", "transfer", "--quick", "--only", "drizzle", "--drizzle"])
        .arg(&binary)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + UNDER_WAY_WITHIN;
    while !fs::read_to_string(&pids).unwrap_or_default().contains("get ") {
        assert_eq!(bench.try_wait().unwrap(), None, "the benchmark ended by itself");
        assert!(Instant::now() < deadline, "no fetch was started");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&bench), Signal::INT).unwrap();

    assert_eq!(bench.wait().unwrap().code(), Some(130));
    let pids = fs::read_to_string(pids).unwrap();
    let pids: Vec<Pid> =
        pids.lines().filter_map(|line| Pid::from_raw(line.split_once(' ')?.1.parse().ok()?)).collect();
    assert_eq!(pids.len(), 2, "a server and a fetch were started");
    for pid in pids {
        wait_until_gone(pid);
    }
    let left = format!("drizzle-bench-{}-", bench.id());
    for parent in [Path::new("/dev/shm"), &std::env::temp_dir()] {
        let names = fs::read_dir(parent)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        assert!(!names.into_iter().any(|name| name.starts_with(&left)), "{} holds {left}", parent.display());
    }
}

/// Killed orphans go when init has looked at them.
fn wait_until_gone(pid: Pid) {
    let deadline = Instant::now() + GONE_WITHIN;
    while test_kill_process(pid).is_ok() && !is_zombie(pid) {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        std::thread::yield_now();
    }
}

fn is_zombie(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}
