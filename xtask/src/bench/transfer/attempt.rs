//! One fetch: into an empty place, timed or watched, compared when asked, and cleared away.

use std::path::PathBuf;
use std::time::Duration;

use super::contestant::{Contestant, Serving, Target};
use crate::bench::usage::{self, Sampler};
use crate::stage;
use crate::stage::Corpus;
use crate::stage::RunError;
use crate::stage::Running;
use crate::stage::Scratch;

/// What one fetch cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) sender_cpu: Duration,
    pub(crate) receiver_cpu: Duration,
}

/// The peaks of both sides in one fetch, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peaks {
    pub(crate) sender: u64,
    pub(crate) receiver: u64,
}

/// Whether the content that arrived is compared with what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Compared,
    Trusted,
}

/// Starts a contestant's server in a home of its own.
pub(crate) fn serve(
    contestant: &dyn Contestant,
    corpus: &Corpus,
    scratch: &Scratch,
) -> Result<Serving, RunError> {
    let home = scratch.folder(&format!("{}-of-{}", contestant.key(), corpus.name))?;
    contestant.serve(corpus, &home)
}

/// Fetches once against the clock.
pub(crate) fn time(
    serving: &Serving,
    corpus: &Corpus,
    scratch: &Scratch,
    check: Check,
) -> Result<Cost, RunError> {
    let senders = serving.groups();
    let used = || senders.iter().copied().map(usage::cpu_time).sum::<Duration>();
    let before = used();
    let spent = fetch(serving, corpus, scratch, check, Running::finish)?;
    let sender_cpu = used().saturating_sub(before);
    Ok(Cost { wall: spent.wall, sender_cpu, receiver_cpu: spent.cpu })
}

/// Fetches once and watches the memory of both sides; watching costs time, so it is not timed.
pub(crate) fn watch(serving: &Serving, corpus: &Corpus, scratch: &Scratch) -> Result<Peaks, RunError> {
    let senders = serving.groups();
    fetch(serving, corpus, scratch, Check::Compared, |running| {
        let receiver = running.group();
        let sampler = Sampler::start(senders.iter().copied().chain([receiver]).collect());
        let spent = running.finish();
        let peaks = sampler.stop();
        let peak = |group: &rustix::process::Pid| peaks.get(&group.as_raw_pid()).copied().unwrap_or(0);
        let sender = senders.iter().map(peak).sum();
        // The kernel's last word on the receiver, which may have ended between two looks.
        Ok(Peaks { sender, receiver: peak(&receiver).max(spent?.memory_peak) })
    })
}

fn fetch<T>(
    serving: &Serving,
    corpus: &Corpus,
    scratch: &Scratch,
    check: Check,
    run: impl FnOnce(Running) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let place = Place::new(scratch)?;
    let (folder, home) = (scratch.folder("target/content")?, scratch.folder("target/home")?);
    let mut command = (serving.fetch)(&Target { folder: &folder, home: &home });
    let outcome = run(Running::start(&mut command, &home)?)?;
    if check == Check::Compared {
        stage::same(&corpus.path(), &folder.join(&corpus.name))?;
    }
    drop(place);
    Ok(outcome)
}

/// The folder of one fetch, which makes room for the next when it goes.
struct Place<'a>(&'a Scratch);

impl<'a> Place<'a> {
    fn new(scratch: &'a Scratch) -> Result<Self, RunError> {
        scratch.folder("target").map(|_| Self(scratch))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("target")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(self.path()) {
            eprintln!("warning: cannot clear {}: {error}", self.path().display());
        }
    }
}
