//! One process of the program: its events as they come, and how it ended.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::contract;

/// Longer than anything takes that works, on a busy machine too: whoever waits longer has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// From the signal to the end. What is promised is 2 s, of which a process waits at most 1.5 s for others; the rest is for a busy machine.
/// Whoever waited for a tracker that is silent, or for a transfer, would take longer than all of it.
pub(crate) const LEAVING_MAX: Duration = Duration::from_secs(8);
/// How often a process that has closed its output is looked at until it is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A line from either stream.
enum Line {
    Event(Value),
    /// Of stderr.
    Said(String),
}

/// A process that runs, and is killed when this is dropped. Its standard output must be events, each within
/// the contract.
pub(crate) struct Running {
    what: String,
    child: Child,
    started: Instant,
    lines: Receiver<Line>,
    readers: Vec<JoinHandle<()>>,
    events: Vec<Value>,
    /// So many of the events were waited for, or came before one that was.
    passed: usize,
    stderr: String,
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
    /// From the start to the end.
    pub(crate) took: Duration,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let what = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers = vec![
            read_lines(out, sender.clone(), |line| {
                Line::Event(serde_json::from_str(&line).unwrap_or(Value::String(line)))
            }),
            read_lines(err, sender, Line::Said),
        ];
        let started = Instant::now();
        Self { what, child, started, lines, readers, events: Vec::new(), passed: 0, stderr: String::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next event of that name. Those before it are passed over for good.
    pub(crate) fn until(&mut self, event: &str) -> Value {
        self.wait(event, |this| {
            let found = this.events[this.passed..].iter().position(|value| value["event"] == event);
            this.passed = found.map_or(this.events.len(), |at| this.passed + at + 1);
            found.is_some()
        });
        self.events[self.passed - 1].clone()
    }

    /// Waits until a line of stderr holds `text`, unless one did so before. The two streams are in no order with each other, so this
    /// passes over no event.
    pub(crate) fn until_said(&mut self, text: &str) {
        self.wait(text, |this| this.stderr.contains(text));
    }

    fn wait(&mut self, what_for: &str, mut is_there: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !is_there(self) {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.note(line),
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("{what_for} did not come in time")),
                Err(RecvTimeoutError::Disconnected) => self.fail(&format!("it ended before {what_for}")),
            }
        }
    }

    fn note(&mut self, line: Line) {
        match line {
            Line::Event(event) => {
                contract::check(&event);
                self.events.push(event);
            }
            Line::Said(line) => {
                self.stderr += &line;
                self.stderr.push('\n');
            }
        }
    }

    fn fail(&self, why: &str) -> ! {
        let mut told = String::new();
        let _ = describe(&self.events, &self.stderr, &mut told);
        panic!("{why}: {}\n{told}", self.what)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends a signal and waits for the end. The time in the result is that from the signal on.
    pub(crate) fn end_by(mut self, signal: Signal) -> Ended {
        self.started = Instant::now();
        self.signal(signal);
        self.end()
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.note(line),
                Err(RecvTimeoutError::Timeout) => self.fail("it did not end in time"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > end => self.fail("it closed its output and did not end"),
                None => sleep(LOOK_AGAIN),
            }
        };
        let ended = Ended {
            code: status.code(),
            events: std::mem::take(&mut self.events),
            stderr: std::mem::take(&mut self.stderr),
            took: self.started.elapsed(),
        };
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
        ended
    }
}

/// A process that is no longer needed is killed; that it panicked before is a failure all the same.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        while let Ok(line) = self.lines.try_recv() {
            if let Line::Said(line) = line {
                self.stderr += &line;
            }
        }
        if !thread::panicking() {
            assert!(!self.stderr.contains("panicked"), "{}: {}", self.what, self.stderr);
        }
    }
}

/// As a person reads it when a test fails: chunks and progress are counted.
impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit code {:?} after {:?}", self.code, self.took)?;
        describe(&self.events, &self.stderr, f)
    }
}

fn describe(events: &[Value], stderr: &str, out: &mut impl fmt::Write) -> fmt::Result {
    let is_many = |event: &&Value| event["event"] == "chunk" || event["event"] == "progress";
    let (many, few): (Vec<_>, Vec<_>) = events.iter().partition(is_many);
    few.iter().try_for_each(|event| writeln!(out, "  {event}"))?;
    writeln!(
        out,
        "  chunk and progress: {}, the last: {:?}",
        many.len(),
        many.last().map(ToString::to_string)
    )?;
    write!(out, "  stderr: {stderr}")
}

impl Ended {
    /// The events of that name.
    pub(crate) fn all(&self, name: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == name).collect()
    }

    /// The only event of that name.
    #[track_caller]
    pub(crate) fn only(&self, name: &str) -> &Value {
        match self.all(name)[..] {
            [only] => only,
            _ => panic!("expected one {name}: {self:?}"),
        }
    }

    /// Fails unless it ended with this code.
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Fails unless it ended with the code, and told one error of that kind, whose message holds `part`.
    #[track_caller]
    pub(crate) fn assert_error(&self, code: i32, kind: &str, part: &str) -> &Self {
        self.assert_code(code);
        let error = self.only("error");
        assert_eq!(error["kind"], kind, "{self:?}");
        assert!(error["message"].as_str().unwrap().contains(part), "{part}: {self:?}");
        self
    }

    /// Content bytes that came from peers, by the `done` events.
    pub(crate) fn fetched(&self) -> u64 {
        self.all("done").iter().flat_map(|done| done["from"].as_object().unwrap().values()).map(number).sum()
    }
}

/// The number in a field.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// The text in a field.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn read_lines(
    from: impl Read + Send + 'static,
    to: Sender<Line>,
    line: impl Fn(String) -> Line + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        for bytes in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            // Whoever has seen enough does not listen any more; the rest is read all the same, so that nobody
            // blocks.
            let _ = to.send(line(String::from_utf8_lossy(&bytes).into_owned()));
        }
    })
}
