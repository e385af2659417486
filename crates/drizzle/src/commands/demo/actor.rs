//! One process on the stage: it is killed when its part is over, and what it tells goes to the stage line by line.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

/// What a process told, and which.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) who: &'static str,
    pub(super) what: Told,
}

/// An event, or the end of all events.
#[derive(Debug, Clone)]
pub(super) enum Told {
    Event(Value),
    Ended,
}

/// A process that runs.
#[derive(Debug)]
pub(super) struct Actor {
    child: Child,
}

impl Actor {
    /// Starts this very program with those words, in a home of its own and with nothing of the user's settings.
    pub(super) fn enter(
        who: &'static str,
        home: &Path,
        words: &[String],
        audience: UnboundedSender<Said>,
    ) -> std::io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words).arg("--json").arg("--state").arg(home.join("state"));
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("DRIZZLE_")) {
            command.env_remove(name);
        }
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            command.env(variable, home);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        thread::spawn(move || relay(who, stdout, &audience));
        Ok(Self { child })
    }

    /// Its exit code. To be asked when it has ended, or it is waited for.
    pub(super) fn code(mut self) -> Option<i32> {
        self.child.wait().ok().and_then(|status| status.code())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn relay(who: &'static str, stdout: Option<ChildStdout>, audience: &UnboundedSender<Said>) {
    let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
    for event in lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
        // When the play is over nobody listens, and the process still wants a reader until it is killed.
        let _ = audience.send(Said { who, what: Told::Event(event) });
    }
    let _ = audience.send(Said { who, what: Told::Ended });
}
