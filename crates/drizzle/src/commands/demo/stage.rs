//! Where a scenario is played: a folder that goes at the end, processes, and one stream of all that they tell, which is
//! shown as it comes.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::actor::{Actor, Said, Told};
use crate::exit::{Failure, Kind, Stop};
use crate::output::Output;
use crate::output::report::Report;
use crate::signals::Signals;

/// Longer than any step of any scenario takes on a busy machine.
const STEP_MAX: Duration = Duration::from_secs(60);

/// The stage of one scenario.
#[derive(Debug)]
pub(super) struct Stage {
    scenario: &'static str,
    folder: TempDir,
    audience: UnboundedSender<Said>,
    said: UnboundedReceiver<Said>,
    signals: Signals,
    /// Who has which key.
    names: HashMap<String, &'static str>,
    /// What those on stage have told.
    parts: HashMap<&'static str, Part>,
    /// Who is meant by a key that is nobody's: one who does not say its own.
    stranger: &'static str,
}

/// What one of those on stage has told.
#[derive(Debug, Default)]
struct Part {
    events: Vec<Value>,
    has_ended: bool,
}

/// A process that shares.
#[derive(Debug)]
pub(super) struct Source {
    /// Serves as long as this is kept.
    pub(super) _actor: Actor,
    pub(super) link: String,
}

impl Stage {
    pub(super) fn set(scenario: &'static str, signals: Signals) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("drizzle-demo-").tempdir();
        let folder = folder.map_err(|error| Failure::at_path(&std::env::temp_dir(), &error))?;
        let (audience, said) = unbounded_channel();
        Ok(Self {
            scenario,
            folder,
            audience,
            said,
            signals,
            names: HashMap::new(),
            parts: HashMap::new(),
            stranger: "",
        })
    }

    /// Tells the audience something.
    pub(super) fn tell(&self, output: &mut Output, text: impl Into<String>) -> Result<(), Stop> {
        Ok(output.report(&Report::Step { scenario: self.scenario, text: text.into() })?)
    }

    /// The folder of one of those on stage.
    pub(super) fn home(&self, who: &str) -> Result<PathBuf, Failure> {
        let home = self.folder.path().join(who);
        fs::create_dir_all(&home).map_err(|error| Failure::at_path(&home, &error))?;
        Ok(home)
    }

    /// Puts a file into somebody's folder.
    pub(super) fn put(&self, who: &str, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.home(who)?.join(name);
        fs::write(&path, bytes).map_err(|error| Failure::at_path(&path, &error))?;
        Ok(path)
    }

    /// Starts a process.
    pub(super) fn enter(&self, who: &'static str, words: &[&str]) -> Result<Actor, Failure> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let entered = Actor::enter(who, &self.home(who)?, &words, self.audience.clone());
        entered.map_err(|error| Failure::new(Kind::Other, format!("{who} cannot be started: {error}")))
    }

    /// Starts a tracker; its invite.
    pub(super) async fn tracker(&mut self, output: &mut Output) -> Result<(Actor, String), Stop> {
        let actor = self.enter("tracker", &["tracker", "127.0.0.1", "0"])?;
        let invite =
            self.until(output, "tracker", "be ready", |event| text(event, "ready", "invite")).await?;
        Ok((actor, invite))
    }

    /// Shares a file, and remembers whose key is whose.
    pub(super) async fn share(
        &mut self,
        output: &mut Output,
        who: &'static str,
        file: &Path,
        invite: &str,
    ) -> Result<Source, Stop> {
        let file = file.to_string_lossy();
        let words = ["share", &file, "--tracker", invite, "--listen", "127.0.0.1:0"];
        let actor = self.enter(who, &words)?;
        let key = self.until(output, who, "be ready", |event| text(event, "ready", "peer")).await?;
        self.names.insert(key, who);
        let shared =
            self.until(output, who, "share", |event| is(event, "shared").then(|| event.clone())).await?;
        let (name, chunks) = (shared["name"].as_str().unwrap_or_default(), &shared["chunks"]);
        self.tell(output, format!("{who} shares {name}: {} bytes, {chunks} chunks", shared["size"]))?;
        Ok(Source { _actor: actor, link: shared["link"].as_str().unwrap_or_default().to_owned() })
    }

    /// The words for fetching something into somebody's folder.
    pub(super) fn fetching(&self, who: &str, what: &str, more: &[&str]) -> Result<Vec<String>, Failure> {
        let out = self.home(who)?.join("out").to_string_lossy().into_owned();
        let words = ["get", what, "-v", "--output", &out, "--listen", "127.0.0.1:0"];
        Ok(words.iter().chain(more).map(|word| (*word).to_owned()).collect())
    }

    /// Starts a process that fetches.
    pub(super) fn get(&self, who: &'static str, what: &str, more: &[&str]) -> Result<Actor, Failure> {
        let words = self.fetching(who, what, more)?;
        self.enter(who, &words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Whose key it is.
    pub(super) fn name(&self, key: &str) -> &'static str {
        self.names.get(key).copied().unwrap_or(self.stranger)
    }

    /// Takes every key that is nobody's for that of `who`, from now on.
    pub(super) fn expect_stranger(&mut self, who: &'static str) {
        self.stranger = who;
    }

    /// Which chunks have come to somebody until now.
    pub(super) fn chunks(&self, who: &str) -> BTreeSet<u64> {
        let events = self.parts.get(who).map(|part| part.events.as_slice()).unwrap_or_default();
        events.iter().filter(|event| is(event, "chunk")).filter_map(|event| event["index"].as_u64()).collect()
    }

    /// Notes whose key it is, of one who does not say it itself.
    pub(super) fn introduce(&mut self, who: &'static str, key: String) {
        self.names.insert(key, who);
    }

    /// Waits until `read` makes something of an event of `who`; shows what all tell meanwhile.
    pub(super) async fn until<T>(
        &mut self,
        output: &mut Output,
        who: &str,
        expected: &str,
        mut read: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, Stop> {
        loop {
            let Said { who: speaker, what } = self.next(who, expected).await?;
            match what {
                Told::Event(event) => {
                    self.show(output, speaker, &event)?;
                    if let Some(value) = Some(&event).filter(|_| speaker == who).and_then(&mut read) {
                        return Ok(value);
                    }
                }
                Told::Ended if speaker == who => return Err(not_seen(who, expected, "it ended").into()),
                Told::Ended => {}
            }
        }
    }

    /// Waits until `who` has ended; shows what all tell meanwhile. All events of `who` since it entered.
    pub(super) async fn until_end(
        &mut self,
        output: &mut Output,
        who: &'static str,
    ) -> Result<Vec<Value>, Stop> {
        while !self.parts.get(who).is_some_and(|part| part.has_ended) {
            if let Said { who: speaker, what: Told::Event(event) } = self.next(who, "come to its end").await?
            {
                self.show(output, speaker, &event)?;
            }
        }
        Ok(self.parts.remove(who).unwrap_or_default().events)
    }

    async fn next(&mut self, who: &str, expected: &str) -> Result<Said, Stop> {
        let said = tokio::select! {
            () = self.signals.requested() => return Err(Failure::new(Kind::Interrupted, "interrupted").into()),
            said = timeout(STEP_MAX, self.said.recv()) => match said {
                Ok(Some(said)) => said,
                // The stage holds a sender itself, so the stream never ends.
                Ok(None) | Err(_) => return Err(not_seen(who, expected, "it did not come in time").into()),
            },
        };
        let part = self.parts.entry(said.who).or_default();
        match &said.what {
            Told::Event(event) => part.events.push(event.clone()),
            Told::Ended => part.has_ended = true,
        }
        Ok(said)
    }

    fn show(&self, output: &mut Output, who: &str, event: &Value) -> Result<(), Stop> {
        let of = |field: &str| event[field].as_str().unwrap_or_default();
        let text = match of("event") {
            "chunk" => {
                format!("{who} has chunk {} of {} from {}", event["index"], of("name"), self.name(of("peer")))
            }
            "refused" => format!("{who} refuses what {} has: {}", self.name(of("peer")), of("reason")),
            "done" => format!("{who} has all of {}, verified", of("name")),
            "error" => format!("{who} says: {}", of("message")),
            _ => return Ok(()),
        };
        self.tell(output, text)
    }
}

/// A failure: what the scenario is to show was not seen.
pub(super) fn not_seen(who: &str, expected: &str, instead: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Other, format!("{who} was expected to {expected}: {instead}"))
}

pub(super) fn is(event: &Value, kind: &str) -> bool {
    event["event"] == kind
}

fn text(event: &Value, kind: &str, field: &str) -> Option<String> {
    is(event, kind).then(|| event[field].as_str().unwrap_or_default().to_owned())
}

/// Bytes that look like no others of that seed: the same in every run.
pub(super) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    // Xorshift (Marsaglia, 2003): plenty for content that only has to differ.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(word).flatten().take(bytes).collect()
}
