//! Processes of Drizzle on hosts of the lab, and what they tell in JSON, line by line.

use std::fs;
use std::ops::Index;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::host::Host;
use crate::stage::{Line, RunError, Running};

/// How long a process may take until it serves, on a machine that has much else to do.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Where a process runs: on which host, with which binary, and in which folder it keeps its things.
#[derive(Debug, Clone, Copy)]
pub struct Seat<'a> {
    /// The binary of Drizzle.
    pub binary: &'a Path,
    /// The host.
    pub host: &'a Host,
    /// A folder of its own: state in `state`, what it fetches in `out`.
    pub home: &'a Path,
}

/// A process of Drizzle, ended when it is dropped.
#[derive(Debug)]
pub struct Peer {
    running: Running,
}

/// What a process that shares has told.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The link.
    pub link: String,
    /// The key of the peer.
    pub peer: String,
    /// How many chunks there are.
    pub chunks: u64,
}

/// How a process ended that was run to its end, and what it told.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its events.
    pub events: Vec<Event>,
    /// What it wrote for people.
    pub said: String,
}

/// A line that a process told.
#[derive(Debug, Clone)]
pub struct Event {
    /// When it was read.
    pub at: Instant,
    value: Value,
}

impl Seat<'_> {
    /// Shares a path, and returns when it is served. `more` are further arguments.
    pub fn share(&self, path: &Path, more: &[&str]) -> Result<(Peer, Shared), RunError> {
        let mut command = self.command("share");
        command.arg(path).args(more);
        let mut peer = self.start(command)?;
        let ready =
            peer.wait_for("be ready", READY_WITHIN, |event| event.is("ready").then(|| event.clone()))?;
        let shared =
            peer.wait_for("share", READY_WITHIN, |event| event.is("shared").then(|| event.clone()))?;
        let shared = Shared {
            link: shared.text("link"),
            peer: ready.text("peer"),
            chunks: shared["chunks"].as_u64().unwrap_or_default(),
        };
        Ok((peer, shared))
    }

    /// Starts to fetch a link; each chunk is told.
    pub fn get(&self, link: &str, more: &[&str]) -> Result<Peer, RunError> {
        let mut command = self.command("get");
        command.args([link, "--verbose", "--output"]).arg(self.output()).args(more);
        self.start(command)
    }

    /// Runs a tracker; its invite.
    pub fn tracker(&self) -> Result<(Peer, String), RunError> {
        self.tracker_with(&[])
    }

    /// Runs a tracker with further arguments; its invite.
    pub fn tracker_with(&self, more: &[&str]) -> Result<(Peer, String), RunError> {
        let mut command = self.command("tracker");
        command.args(more);
        let mut peer = self.start(command)?;
        let invite =
            peer.wait_for("be ready", READY_WITHIN, |event| event.is("ready").then(|| event.text("invite")))?;
        Ok((peer, invite))
    }

    /// Starts a member of a ring, and returns when it is in; its event `ready`. `more` are further arguments.
    pub fn ring(&self, more: &[&str]) -> Result<(Peer, Event), RunError> {
        let mut command = self.words(&["--verbose", "ring", "start"]);
        command.args(more);
        let mut peer = self.start(command)?;
        let ready = peer.wait_for("join", READY_WITHIN, |event| event.is("ready").then(|| event.clone()))?;
        Ok((peer, ready))
    }

    /// Runs the program to its end, beside what else runs on that state.
    pub fn run(&self, words: &[&str], limit: Duration) -> Result<Told, RunError> {
        // A folder of its own for what it says, or the log of what runs there would be written over.
        let home = self.home.join("beside");
        fs::create_dir_all(&home).map_err(RunError::disk("create", &home))?;
        let ended = Running::start(&mut self.words(words), &home)?.end(limit)?;
        let events = ended.lines.iter().filter_map(Event::of).collect();
        Ok(Told { code: ended.code, events, said: ended.said })
    }

    /// Where it puts what it fetches.
    pub fn output(&self) -> PathBuf {
        self.home.join("out")
    }

    fn command(&self, task: &str) -> Command {
        let mut command = self.host.command(self.binary);
        command.args([task, "--json", "--state"]).arg(self.home.join("state"));
        command
    }

    fn words(&self, words: &[&str]) -> Command {
        let mut command = self.host.command(self.binary);
        command.args(["--json", "--state"]).arg(self.home.join("state")).args(words);
        command
    }

    fn start(&self, mut command: Command) -> Result<Peer, RunError> {
        Ok(Peer { running: Running::start(&mut command, self.home)? })
    }
}

impl Peer {
    /// The first event that `read` makes something of; fails at an error that the process tells, at its end, or when it takes
    /// longer.
    pub fn wait_for<T>(
        &mut self,
        expected: &str,
        limit: Duration,
        mut read: impl FnMut(&Event) -> Option<T>,
    ) -> Result<T, RunError> {
        self.running.wait_for(expected, limit, |line| read(&Event::of(line)?))
    }

    /// Waits for the event `done`, and looks at every event on the way.
    pub fn wait_until_done(
        &mut self,
        limit: Duration,
        mut look: impl FnMut(&Event),
    ) -> Result<Event, RunError> {
        self.wait_for("be done", limit, |event| {
            look(event);
            event.is("done").then(|| event.clone())
        })
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.running.started()
    }

    /// Stops it in its tracks; its connections stay open.
    pub fn freeze(&self) -> Result<(), RunError> {
        self.running.signal(Signal::STOP)
    }

    /// Lets it go on after [`Peer::freeze`].
    pub fn thaw(&self) -> Result<(), RunError> {
        self.running.signal(Signal::CONT)
    }

    /// Ends it with SIGKILL.
    pub fn crash(self) {
        self.running.crash();
    }

    /// What it has written for people up to now.
    pub fn said(&self) -> String {
        self.running.stderr()
    }

    /// The process itself.
    pub fn into_running(self) -> Running {
        self.running
    }
}

impl Told {
    /// The events of a kind.
    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.is(kind))
    }
}

impl Event {
    /// None of a line that is no event.
    fn of(line: &Line) -> Option<Self> {
        let value: Value = serde_json::from_str(&line.text).ok()?;
        value["event"].is_string().then_some(Self { at: line.at, value })
    }

    /// Whether it is of that kind.
    pub fn is(&self, kind: &str) -> bool {
        self.value["event"] == kind
    }

    /// A field as text, empty when it is none.
    pub fn text(&self, field: &str) -> String {
        self.value[field].as_str().unwrap_or_default().to_owned()
    }
}

impl Index<&str> for Event {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.value[field]
    }
}
