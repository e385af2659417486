//! `cargo xtask bench tracker`: one tracker with a hundred thousand peers of a hundred files each, and how it answers.
//!
//! The catalogue is written beforehand, so that the tracker starts with it as it would after a crash, and everything is measured in
//! the process that ships, while all of those peers have their leases. The load comes from the same machine: an example of
//! the tracker's crate, which speaks TLS as peers do. nginx with a reply that it knows by heart stands beside it, under the same
//! load without TLS.

mod load;
mod nginx;
mod options;
mod report;
mod scale;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use load::Generator;
pub(crate) use options::Options;
use report::{Results, Yardstick};
use scale::{PACE, READY_WITHIN};

use super::{machine, subject, usage};
use crate::stage::{RunError, Running, Scratch, leftovers};

/// Room for the catalogue, and for what a database leaves free in it.
const ROOM_BYTES: u64 = 4 << 30;

/// A tracker that is up.
struct Tracker {
    process: Running,
    invite: String,
    /// From its start until it said that it is ready.
    ready_after: Duration,
}

/// Measures, and writes the page, or prints the part where the run was not a full one.
pub(crate) fn run(options: &Options) -> Result<(), RunError> {
    leftovers::watch()?;
    let binary = options.ends.binary()?;
    let generator = Generator::find(options.generator.as_deref())?;
    let part = report::write(&measure(&binary, &generator, options)?);
    options.ends.publish("tracker", &part, !options.quick)
}

fn measure(binary: &Path, generator: &Generator, options: &Options) -> Result<Results, RunError> {
    // Before the run adds to it, since the load is part of it.
    let machine = machine::describe();
    let scale = options.scale();
    let scratch = Scratch::on_disk(&subject::target_dir(), ROOM_BYTES)?;
    let empty = Tracker::start(binary, &scratch, "empty")?;
    let memory_empty = usage::resident(empty.process.group());
    drop(empty);

    eprintln!("bench tracker: a catalogue of {} peers with {} files each", scale.peers, scale.files_each);
    let prepared = generator.prepare(&scratch.folder("full")?, scale, &scratch)?;
    let tracker = Tracker::start(binary, &scratch, "full")?;
    let memory_full = usage::resident(tracker.process.group());
    eprintln!("bench tracker: ready after {:.1} s", tracker.ready_after.as_secs_f64());
    let renewals = generator.renewals(&tracker.invite, scale, None, &scratch)?;
    let paced = generator.renewals(&tracker.invite, scale, Some(PACE), &scratch)?;
    let pages = generator.pages(&tracker.invite, scale, &scratch)?;
    let ready_after = tracker.ready_after;
    drop(tracker);

    eprintln!("bench tracker: nginx");
    let yardstick = nginx::find().map(|version| {
        let figures = |rate| generator.nginx(scale, rate, &scratch);
        Ok::<_, RunError>(Yardstick { version, most: figures(None)?, paced: figures(Some(PACE))? })
    });
    let yardstick = match yardstick {
        Ok(measured) => Ok(measured?),
        Err(missing) => Err(missing),
    };
    Ok(Results {
        machine,
        scale,
        is_quick: options.quick,
        memory_empty,
        memory_full,
        prepared,
        ready_after,
        renewals,
        paced,
        pages,
        yardstick,
    })
}

impl Tracker {
    fn start(binary: &Path, scratch: &Scratch, name: &str) -> Result<Self, RunError> {
        let mut command = Command::new(binary);
        command.args(["--json", "tracker", "127.0.0.1", "0", "--data"]).arg(scratch.folder(name)?);
        let mut process = Running::start(&mut command, &scratch.folder("home")?)?;
        let started = process.started();
        let (invite, at) = process.wait_for("say that it is ready", READY_WITHIN, |line| {
            let event: serde_json::Value = serde_json::from_str(&line.text).ok()?;
            Some((event["invite"].as_str()?.to_owned(), line.at))
        })?;
        Ok(Self { process, invite, ready_after: at - started })
    }
}
