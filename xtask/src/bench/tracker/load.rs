//! The generator of load: an example of the tracker's crate, in a process of its own, and the figures that it prints.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::nginx::Nginx;
use super::scale::{READY_WITHIN, Scale};
use crate::bench::subject;
use crate::stage::{RunError, Running, Scratch};

/// The built example.
#[derive(Debug)]
pub(super) struct Generator {
    binary: PathBuf,
}

/// What a run of requests came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
    /// Files in all answers, for pages of a listing.
    pub(crate) files: u64,
    /// Bytes in all answers, for pages of a listing.
    pub(crate) bytes: u64,
}

impl Generator {
    pub(super) fn find(given: Option<&Path>) -> Result<Self, RunError> {
        let build = || subject::build_example("drizzle-tracker", "load");
        given.map_or_else(build, |given| Ok(given.to_owned())).map(|binary| Self { binary })
    }

    /// Writes a catalogue; how long that took.
    pub(super) fn prepare(&self, dir: &Path, scale: Scale, scratch: &Scratch) -> Result<Duration, RunError> {
        let Scale { peers, files_each, files, .. } = scale;
        let mut words = vec![OsString::from("prepare"), dir.into()];
        words.extend([peers, files_each, files].map(|number| number.to_string().into()));
        let said = self.run(words, scratch)?;
        Ok(Duration::from_secs_f64(said["seconds"].as_f64().unwrap_or_default()))
    }

    /// Peers that renew, as fast as they can or at a pace.
    pub(super) fn renewals(
        &self,
        invite: &str,
        scale: Scale,
        rate: Option<u64>,
        scratch: &Scratch,
    ) -> Result<Figures, RunError> {
        let words = ["renew".into(), invite.into()].into_iter().chain(course(scale, rate));
        self.run(words.collect(), scratch).map(|said| Figures::read(&said))
    }

    /// Pages of a listing, one after another.
    pub(super) fn pages(&self, invite: &str, scale: Scale, scratch: &Scratch) -> Result<Figures, RunError> {
        let words = ["pages".into(), invite.into(), scale.pages.to_string().into()];
        self.run(words.into(), scratch).map(|said| Figures::read(&said))
    }

    /// The same load on nginx, without TLS.
    pub(super) fn nginx(
        &self,
        scale: Scale,
        rate: Option<u64>,
        scratch: &Scratch,
    ) -> Result<Figures, RunError> {
        let nginx = Nginx::start(&scratch.folder("nginx")?)?;
        let words = ["plain".into(), nginx.address().to_string().into(), "/".into()];
        let words = words.into_iter().chain(course(scale, rate));
        self.run(words.collect(), scratch).map(|said| Figures::read(&said))
    }

    fn run(&self, words: Vec<OsString>, scratch: &Scratch) -> Result<Value, RunError> {
        let mut command = Command::new(&self.binary);
        command.args(words);
        let mut running = Running::start(&mut command, &scratch.folder("load")?)?;
        let said = running
            .wait_for("print its figures", READY_WITHIN, |line| serde_json::from_str(&line.text).ok())?;
        running.finish()?;
        Ok(said)
    }
}

fn course(scale: Scale, rate: Option<u64>) -> impl Iterator<Item = OsString> {
    [Some(scale.connections), Some(scale.seconds), rate].into_iter().flatten().map(|n| n.to_string().into())
}

impl Figures {
    fn read(said: &Value) -> Self {
        let micros = |field: &str| Duration::from_micros(said[field].as_u64().unwrap_or_default());
        Self {
            per_second: said["per_second"].as_f64().unwrap_or_default(),
            median: micros("p50_us"),
            p99: micros("p99_us"),
            max: micros("max_us"),
            files: said["files"].as_u64().unwrap_or_default(),
            bytes: said["bytes"].as_u64().unwrap_or_default(),
        }
    }
}
