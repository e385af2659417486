//! Peers and trackers in Python, and the program's own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;

use crate::support::home::Home;
use crate::support::process::{Running, text};
use crate::support::words;

/// Whether Python is there; said once when it is not.
pub(crate) static HAS_PYTHON: LazyLock<bool> = LazyLock::new(|| {
    let found = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("skipped: there is no python3");
    }
    is_there
});

/// A program in Python, which ends when this is dropped.
pub(crate) struct Foreign {
    child: Child,
    /// Closed with it.
    _input: ChildStdin,
    pub(crate) port: u16,
}

impl Foreign {
    /// A peer of a folder.
    pub(crate) fn peer(dir: &Path, tracker: u16, flags: &str) -> Self {
        let mut command = Self::command();
        command.arg("peer").arg(dir).args(["127.0.0.1", &tracker.to_string()]);
        Self::start(command, flags)
    }

    pub(crate) fn tracker(flags: &str) -> Self {
        let mut command = Self::command();
        command.args(["tracker", "0"]);
        Self::start(command, flags)
    }

    fn command() -> Command {
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/classic/classic.py"));
        command
    }

    fn start(mut command: Command, flags: &str) -> Self {
        command.args(flags.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(output).lines();
        let ready = lines.next().unwrap().unwrap();
        let port = ready.strip_prefix("ready ").unwrap().parse().unwrap();
        // What it says afterwards is of use only to whoever reads why a test failed.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("classic.py at {port}: {line}");
                assert!(!line.starts_with("deadlock"), "an LF was sent to a peer of the unframed dialect");
            }
        });
        Self { child, _input: input, port }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program as tracker, with its invite in the file `invite` of its home; its port.
pub(crate) fn tracker(home: &Home) -> (Running, u16) {
    let mut all = words!["tracker", "127.0.0.1", "0", "--classic", "--data", home.join("data")];
    all.extend(words!["--invite-file", home.join("invite")]);
    let mut process = home.start(all);
    let ready = process.until("ready");
    let listen: std::net::SocketAddr = text(&ready["listen"]).parse().unwrap();
    (process, listen.port())
}

/// The program as synchronizer.
pub(crate) fn synchronizer(home: &Home, dir: &Path, tracker: u16) -> Running {
    let words = words!["sync", dir, "--classic", "127.0.0.1", tracker.to_string()];
    let mut process = home.start(words);
    process.until("ready");
    process
}
