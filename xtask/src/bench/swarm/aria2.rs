//! aria2. Peers find each other by the tracker.

use std::process::Command;

use super::contestant::{Contestant, Ground, Leecher, Seed};
use super::hook;
use super::torrent::{self, PORT};
use crate::bench::program::{self, Missing};
use crate::bench::python;
use crate::lab::Host;
use crate::stage::{RunError, Running};

/// aria2c everywhere.
#[derive(Debug)]
pub(crate) struct Aria2;

impl Contestant for Aria2 {
    fn key(&self) -> &'static str {
        "aria2"
    }

    fn name(&self) -> &'static str {
        "aria2"
    }

    fn protection(&self) -> &'static str {
        "SHA-1, plain"
    }

    fn find(&self) -> Result<String, Missing> {
        python::find()?;
        program::version("aria2c", &["--version"], "apt-get install aria2")
    }

    fn seed(&self, ground: &Ground) -> Result<Seed, RunError> {
        let (what, home) = (torrent::write(ground)?, ground.home("seed")?);
        let mut tracker = torrent::track(ground)?;
        let mut command = aria2(ground.seed_host());
        command.arg("--check-integrity=true").arg("--dir").arg(&ground.corpus.parent).arg(&what);
        let running = Running::start(&mut command, &home)?;
        torrent::wait_for_seed(&mut tracker, ground)?;
        Ok(Seed { running: vec![running, tracker], what })
    }

    fn leech(&self, ground: &Ground, seed: &Seed, leecher: usize) -> Result<Leecher, RunError> {
        let (home, out) = ground.leecher_home(leecher)?;
        let mut command = aria2(ground.leecher_host(leecher));
        command.arg(format!("--on-bt-download-complete={}", hook::write(&home)?));
        command.arg("--dir").arg(&out).arg(&seed.what);
        let running = Running::start(&mut command, &home)?;
        Ok(Leecher { running, says_finished: hook::says_finished, target: out.join(&ground.corpus.name) })
    }
}

fn aria2(host: &Host) -> Command {
    let mut command = host.command("aria2c");
    command.args([
        "--no-conf",
        "--file-allocation=none",
        "--enable-dht=false",
        "--enable-dht6=false",
        "--disable-ipv6=true",
        "--bt-enable-lpd=false",
        // It goes on serving.
        "--seed-ratio=0",
        "--summary-interval=0",
    ]);
    command.arg(format!("--listen-port={PORT}"));
    command
}
