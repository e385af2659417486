//! A network namespace with a name, as `ip netns` makes them.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Where `ip netns` keeps the names.
const NAMES: &str = "/run/netns";

/// Known by its name alone: whether there is one is the kernel's affair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn named(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// All that there are now.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let entries = std::fs::read_dir(NAMES).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).map(Self)
    }

    /// The program, to be run in it.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }

    /// Kills what runs in it, and removes it with all its interfaces. One that is not there is gone as well.
    pub(crate) fn remove(&self) {
        if !Path::new(NAMES).join(&self.0).exists() {
            return;
        }
        for pid in self.processes() {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        if let Err(error) = delete(&self.0) {
            eprintln!("warning: cannot remove the network namespace {}: {error}", self.0);
        }
    }

    fn processes(&self) -> Vec<Pid> {
        let listed = Command::new("ip").args(["netns", "pids", &self.0]).output();
        let text = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let text = text.unwrap_or_default();
        text.lines().filter_map(|line| Pid::from_raw(line.trim().parse().ok()?)).collect()
    }
}

fn delete(name: &str) -> io::Result<()> {
    let output = Command::new("ip").args(["netns", "del", name]).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
