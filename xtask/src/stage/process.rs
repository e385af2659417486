//! One program that was started: its lines are read, its output kept, its group ended when the owner goes.
//!
//! Programs run in a home folder of their own, so that no configuration of the person at the machine takes part.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use wait4::Wait4;

use super::RunError;
use super::leftovers;

/// How long a server may take until it serves: libtorrent and rqbit hash a gigabyte first.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a fetch may take: a hundred times what the slowest contestant needs for the largest content on a slow disk.
const FETCHED_WITHIN: Duration = Duration::from_secs(1800);
/// How long a server may take to leave before it is killed.
const GONE_WITHIN: Duration = Duration::from_secs(3);
const LEAVE_POLL_EVERY: Duration = Duration::from_millis(5);
/// How much of a program's last words goes into an error.
const SAID_LINES_MAX: usize = 4;

/// A process and its group. Dropping it asks the program to leave, and kills what stays.
#[derive(Debug)]
pub struct Running {
    program: String,
    child: Option<Child>,
    group: Pid,
    started: Instant,
    lines: Receiver<Line>,
    /// The last lines that were taken from it.
    heard: VecDeque<String>,
    log: PathBuf,
}

/// A line that a program wrote on stdout.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it was read.
    pub at: Instant,
    /// The line, without its end.
    pub text: String,
}

/// How a program ended by itself, and all that it said.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote on stdout.
    pub lines: Vec<Line>,
    /// What it wrote on stderr.
    pub said: String,
}

/// What a program that came to its end has used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// From just before it was started to just after it was gone.
    pub(crate) wall: Duration,
    /// Of the process and of those it waited for.
    pub(crate) cpu: Duration,
    /// The peak of its largest process, in bytes.
    pub(crate) memory_peak: u64,
}

impl Running {
    /// Starts a program; what it says on stderr goes to a file in `home`, which is its home folder too.
    pub fn start(command: &mut Command, home: &Path) -> Result<Self, RunError> {
        let program = name(command);
        let log = home.join(format!("{program}.log"));
        let stderr = File::create(&log).map_err(RunError::disk("create", &log))?;
        isolate(command, home);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let started = Instant::now();
        let spawned = leftovers::spawn(command);
        let (mut child, group) =
            spawned.map_err(|source| RunError::Start { program: program.clone(), source })?;
        let lines = read_lines(child.stdout.take());
        Ok(Self { program, child: Some(child), group, started, lines, heard: VecDeque::new(), log })
    }

    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// Since it was started.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The next line on stdout; fails when the program ends before, or does not write one in time.
    pub fn next_line(&mut self, expected: &str, limit: Duration) -> Result<Line, RunError> {
        match self.lines.recv_timeout(limit) {
            Ok(line) => {
                self.heard.push_back(line.text.clone());
                if self.heard.len() > SAID_LINES_MAX {
                    self.heard.pop_front();
                }
                Ok(line)
            }
            Err(RecvTimeoutError::Timeout) => Err(self.late(expected, limit)),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended_early(expected)),
        }
    }

    /// The first line on stdout that `read` makes something of, in the time that a server has to get ready.
    pub(crate) fn wait_for_line<T>(
        &mut self,
        expected: &str,
        mut read: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, RunError> {
        self.wait_for(expected, READY_WITHIN, |line| read(&line.text))
    }

    /// The first line on stdout that `read` makes something of.
    pub fn wait_for<T>(
        &mut self,
        expected: &str,
        limit: Duration,
        mut read: impl FnMut(&Line) -> Option<T>,
    ) -> Result<T, RunError> {
        let deadline = Instant::now() + limit;
        loop {
            let line = self.next_line(expected, deadline.saturating_duration_since(Instant::now()))?;
            if let Some(value) = read(&line) {
                return Ok(value);
            }
        }
    }

    /// Sends a signal to all of its group.
    pub fn signal(&self, signal: Signal) -> Result<(), RunError> {
        let sent = kill_process_group(self.group, signal);
        sent.map_err(|error| RunError::Start {
            program: format!("a signal to {}", self.program),
            source: error.into(),
        })
    }

    /// Waits until it ends by itself, well or not.
    pub fn end(mut self, limit: Duration) -> Result<Ended, RunError> {
        let deadline = Instant::now() + limit;
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) if self.has_ended() => break,
                // It has closed its output; the end itself takes a moment more.
                Err(RecvTimeoutError::Disconnected) if Instant::now() < deadline => {
                    thread::sleep(LEAVE_POLL_EVERY);
                }
                Err(_) => return Err(self.late("end", limit)),
            }
        }
        let status = self.child.take().map(|mut child| child.wait());
        let code = status.and_then(|status| status.ok()?.code());
        Ok(Ended { code, lines, said: self.stderr() })
    }

    /// What it has written on stderr up to now.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Ends it as a crash would: with SIGKILL, and at once.
    pub fn crash(mut self) {
        leftovers::end_group(self.group);
        if let Some(mut child) = self.child.take() {
            drop(child.wait());
        }
    }

    /// Returns when the condition holds; fails when the program ends before, or takes too long.
    pub(crate) fn wait_until(
        &mut self,
        expected: &str,
        retry_after: Duration,
        holds: impl Fn() -> bool,
    ) -> Result<(), RunError> {
        let deadline = Instant::now() + READY_WITHIN;
        while !holds() {
            if self.has_ended() {
                return Err(self.ended_early(expected));
            }
            if Instant::now() > deadline {
                return Err(self.late(expected, READY_WITHIN));
            }
            thread::sleep(retry_after);
        }
        Ok(())
    }

    /// Waits for its end, which must be a success.
    pub(crate) fn finish(mut self) -> Result<Spent, RunError> {
        let Some(child) = self.child.take() else { return Err(self.late("be started", Duration::ZERO)) };
        let overdue = kill_when_overdue(self.group);
        let waited = child.wait4();
        let wall = self.started.elapsed();
        let in_time = overdue.send(()).is_ok();
        let end = waited.map_err(|source| RunError::Start { program: self.program.clone(), source })?;
        if !in_time {
            return Err(self.late("come to its end", FETCHED_WITHIN));
        }
        if !end.status.success() {
            return Err(RunError::Ended {
                program: self.program.clone(),
                status: end.status,
                said: self.said(),
            });
        }
        Ok(Spent { wall, cpu: end.rusage.utime + end.rusage.stime, memory_peak: end.rusage.maxrss })
    }

    fn has_ended(&mut self) -> bool {
        let Some(child) = &self.child else { return true };
        // It stays a zombie, so that its number is not given to another before its group is ended.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(child)), options).map_or(true, |status| status.is_some())
    }

    fn ended_early(&mut self, expected: &str) -> RunError {
        match self.child.take().map(|mut child| child.wait()) {
            Some(Ok(status)) => RunError::Ended { program: self.program.clone(), status, said: self.said() },
            _ => self.late(expected, Duration::ZERO),
        }
    }

    fn late(&self, expected: &str, limit: Duration) -> RunError {
        RunError::Late {
            program: self.program.clone(),
            expected: expected.to_owned(),
            limit,
            said: self.said(),
        }
    }

    /// The last lines that it said, on either channel.
    fn said(&self) -> String {
        let logged = self.stderr();
        let unheard = self.lines.try_iter().map(|line| line.text);
        let mut lines: Vec<String> = self.heard.iter().cloned().chain(unheard).collect();
        lines.extend(logged.lines().map(str::to_owned));
        lines.retain(|line| !line.trim().is_empty());
        let last = &lines[lines.len().saturating_sub(SAID_LINES_MAX)..];
        if last.is_empty() { "nothing".into() } else { last.join(" | ") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.is_some() {
            let _ = kill_process_group(self.group, Signal::TERM);
            let deadline = Instant::now() + GONE_WITHIN;
            while !self.has_ended() && Instant::now() < deadline {
                thread::sleep(LEAVE_POLL_EVERY);
            }
        }
        leftovers::end_group(self.group);
        if let Some(mut child) = self.child.take() {
            drop(child.wait());
        }
    }
}

/// The name of the program, or of the one that it runs in a network namespace.
fn name(command: &Command) -> String {
    let words: Vec<&OsStr> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let program = match words[..] {
        [ip, netns, exec, _, _, flag, _, _, program, ..]
            if [ip, netns, exec, flag] == ["ip", "netns", "exec", "-c"] =>
        {
            program
        }
        [ip, netns, exec, _, program, ..] if [ip, netns, exec] == ["ip", "netns", "exec"] => program,
        _ => command.get_program(),
    };
    Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// No configuration from outside, and nothing left in the home of who runs this.
fn isolate(command: &mut Command, home: &Path) {
    for variable in
        ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"]
    {
        command.env(variable, home);
    }
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings
        .filter(|name| ["DRIZZLE_", "RQBIT_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)))
    {
        command.env_remove(name);
    }
}

/// Reads to the end even when nobody listens any more, so that the program never waits for its reader.
fn read_lines(stdout: Option<ChildStdout>) -> Receiver<Line> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        for text in lines.map_while(Result::ok) {
            drop(sender.send(Line { at: Instant::now(), text }));
        }
    });
    lines
}

/// Kills the group unless something is sent in time; sending fails when it was too late.
fn kill_when_overdue(group: Pid) -> Sender<()> {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        if done.recv_timeout(FETCHED_WITHIN) == Err(RecvTimeoutError::Timeout) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    });
    sender
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, home: &Path) -> Running {
        Running::start(Command::new("sh").args(["-c", script]), home).unwrap()
    }

    #[test]
    fn what_a_program_spent_and_why_it_failed_is_told() {
        let home = tempfile::tempdir().unwrap();
        let spent = shell("exit 0", home.path()).finish().unwrap();
        assert!(spent.wall > Duration::ZERO && spent.memory_peak > 0, "{spent:?}");
        let failed = shell("echo 'no such file' >&2; exit 3", home.path()).finish().unwrap_err().to_string();
        assert!(failed.contains("no such file") && failed.contains('3'), "{failed}");
    }

    #[test]
    fn how_a_program_ends_by_itself_is_told_with_all_that_it_said() {
        let home = tempfile::tempdir().unwrap();
        let script = "echo one; echo two; echo wrong >&2; exit 7";
        let Ended { code, lines, said } = shell(script, home.path()).end(READY_WITHIN).unwrap();
        let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!((code, &lines[..], said.as_str()), (Some(7), &["one", "two"][..], "wrong\n"));
        let late = shell("exec sleep 1000", home.path()).end(Duration::from_millis(10)).unwrap_err();
        assert!(matches!(late, RunError::Late { .. }), "{late}");
    }

    #[test]
    fn a_program_that_ends_before_it_says_the_line_fails_at_once() {
        let home = tempfile::tempdir().unwrap();
        let found = shell("echo one; echo two; read x", home.path())
            .wait_for_line("say two", |line| line.strip_prefix("tw").map(str::to_owned));
        assert_eq!(found.unwrap(), "o");
        let early =
            shell("echo one", home.path()).wait_for_line("say two", |line| (line == "two").then_some(()));
        assert!(matches!(early, Err(RunError::Ended { .. })), "{early:?}");
    }

    /// A killed orphan may stay a zombie until init looks; it runs no more either way.
    fn is_alive(pid: i32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !(stat.is_empty() || stat.contains(") Z ") || stat.contains(") X "))
    }

    #[test]
    fn dropping_a_program_ends_its_children_too_even_those_that_ignore_the_request() {
        let home = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; sleep 1000 & echo $!; wait";
        let mut running = shell(script, home.path());
        let child: i32 = running.wait_for_line("name its child", |line| line.parse().ok()).unwrap();
        drop(running);
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_alive(child) {
            assert!(Instant::now() < deadline, "process {child} is still there");
            thread::yield_now();
        }
    }

    #[test]
    fn settings_from_outside_do_not_take_part() {
        let home = tempfile::tempdir().unwrap();
        let mut running = shell("echo \"$HOME $XDG_CONFIG_HOME\"", home.path());
        let seen = running.wait_for_line("name its home", |line| Some(line.to_owned())).unwrap();
        assert_eq!(seen, format!("{0} {0}", home.path().display()));
    }
}
