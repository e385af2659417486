//! Ctrl-C in the middle of a benchmark leaves nothing behind: no process, no folder.
//!
//! The binary under test is a script that serves for ever and fetches for ever, so the signal comes in mid-transfer.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Notes its process number, and stays; a fetch says on a channel of its own that it is under way.
const STAND_IN: &str = r#"#!/bin/sh
echo $$ >> PIDS
case $1 in
share) echo '{"event":"ready"}'; echo '{"event":"shared","link":"drizzle:?x"}' ;;
get) echo under way > UNDER_WAY ;;
esac
exec sleep 1000
"#;

const GONE_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn ctrl_c_in_mid_transfer_ends_every_process_and_removes_every_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (binary, pids, under_way) =
        (dir.path().join("drizzle"), dir.path().join("pids"), dir.path().join("under-way"));
    let script =
        STAND_IN.replace("PIDS", &pids.to_string_lossy()).replace("UNDER_WAY", &under_way.to_string_lossy());
    fs::write(&binary, script).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    // Opening a named pipe for reading returns when the fetch opens it for writing.
    assert!(Command::new("mkfifo").arg(&under_way).status().unwrap().success());

    let mut bench = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["bench", "transfer", "--quick", "--only", "drizzle", "--drizzle"])
        .arg(&binary)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(fs::File::open(&under_way).unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "under way\n");
    kill_process(Pid::from_child(&bench), Signal::INT).unwrap();

    assert_eq!(bench.wait().unwrap().code(), Some(130));
    let pids = fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2, "a server and a fetch were started");
    for pid in pids.lines().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
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
