//! Drizzle as a user runs it: `drizzle share PATH`, and `drizzle get LINK` with the link that this printed.
//!
//! Each fetch has a state folder of its own, as on a machine that never ran Drizzle before.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::contestant::{Contestant, Serving, Target};
use crate::bench::program::{self, Missing};
use crate::stage::Corpus;
use crate::stage::RunError;
use crate::stage::Running;

/// The binary under test.
#[derive(Debug, Clone)]
pub(crate) struct Drizzle {
    pub(crate) binary: PathBuf,
}

/// A `drizzle share` that has printed its link.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) running: Running,
    pub(crate) link: String,
    /// From its start until it served and had printed the link.
    pub(crate) ready_after: Duration,
}

impl Drizzle {
    /// Shares the content, and returns when it is served.
    pub(crate) fn share(&self, corpus: &Corpus, home: &Path) -> Result<Shared, RunError> {
        self.share_in(corpus, home, None)
    }

    /// Shares the content in the network of that invite, or in one of its own.
    pub(crate) fn share_in(
        &self,
        corpus: &Corpus,
        home: &Path,
        invite: Option<&str>,
    ) -> Result<Shared, RunError> {
        let mut command = Command::new(&self.binary);
        command
            .arg("share")
            .arg(corpus.path())
            .args(["--json", "--listen", "127.0.0.1:0", "--state"])
            .arg(home.join("state"));
        if let Some(invite) = invite {
            command.args(["--tracker", invite]);
        }
        let mut running = Running::start(&mut command, home)?;
        let mut seen = Seen::default();
        let link = running.wait_for_line("print the events `ready` and `shared`", |line| seen.take(line))?;
        Ok(Shared { ready_after: running.age(), running, link })
    }

    /// Starts a tracker with a folder of its own; its invite.
    pub(crate) fn tracker(&self, home: &Path) -> Result<(Running, String), RunError> {
        let mut command = Command::new(&self.binary);
        command.args(["tracker", "127.0.0.1", "0", "--json", "--state"]).arg(home.join("state"));
        let mut tracker = Running::start(&mut command, home)?;
        let invite = tracker.wait_for_line("print the event `ready` with an invite", |line| {
            Some(event(line, "ready")?["invite"].as_str()?.to_owned())
        })?;
        Ok((tracker, invite))
    }

    /// The command that fetches a link, in a state folder of its own.
    pub(crate) fn fetch(&self, link: String) -> impl Fn(&Target) -> Command + 'static {
        let binary = self.binary.clone();
        move |target: &Target| {
            let mut command = Command::new(&binary);
            command
                .args(["get", &link, "-o"])
                .arg(target.folder)
                .arg("--state")
                .arg(target.home.join("state"));
            command
        }
    }
}

impl Contestant for Drizzle {
    fn key(&self) -> &'static str {
        "drizzle"
    }

    fn name(&self) -> &'static str {
        "**Drizzle**"
    }

    fn protection(&self) -> &'static str {
        "TLS 1.3, BLAKE3"
    }

    fn find(&self) -> Result<String, Missing> {
        program::version_of(&self.binary, &["--version"])
            .ok_or(Missing { program: "drizzle", how_to_get: "cargo build --release" })
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let shared = self.share(corpus, home)?;
        Ok(Serving::by(shared.running, self.fetch(shared.link)))
    }
}

/// A line as an event of that kind.
pub(crate) fn event(line: &str, kind: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(|event: &Value| event["event"] == kind)
}

/// What of the two events has come, in whichever order.
#[derive(Debug, Default)]
struct Seen {
    ready: bool,
    link: Option<String>,
}

impl Seen {
    /// The link, once both have come.
    fn take(&mut self, line: &str) -> Option<String> {
        let event: Value = serde_json::from_str(line).ok()?;
        match event["event"].as_str()? {
            "ready" => self.ready = true,
            "shared" => self.link = event["link"].as_str().map(str::to_owned),
            _ => {}
        }
        self.link.clone().filter(|_| self.ready)
    }
}

#[cfg(test)]
impl Drizzle {
    /// A script in its place. Another process writes it: were it open here while another test starts a program, that one would
    /// inherit it, and what is open for writing cannot be run.
    pub(crate) fn stand_in(scratch: &crate::stage::Scratch, script: &str) -> Self {
        let binary = scratch.path().join("drizzle");
        let write = r#"printf %s "$1" > "$0" && chmod 755 "$0""#;
        let written = Command::new("sh").args(["-c", write]).arg(&binary).arg(script).status();
        assert!(written.unwrap().success());
        Self { binary }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_events_are_waited_for_in_either_order_and_noise_is_passed_over() {
        let (ready, shared) =
            (r#"{"event":"ready","listen":"x"}"#, r#"{"event":"shared","link":"drizzle:?a"}"#);
        for (first, second) in [(ready, shared), (shared, ready)] {
            let mut seen = Seen::default();
            assert_eq!(seen.take("not json"), None);
            assert_eq!(seen.take(r#"{"event":"progress"}"#), None);
            assert_eq!(seen.take(first), None);
            assert_eq!(seen.take(second).as_deref(), Some("drizzle:?a"));
        }
    }
}
