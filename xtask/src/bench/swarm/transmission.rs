//! Transmission. Peers find each other by the tracker.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::contestant::{Contestant, Ground, Leecher, Seed, text};
use super::hook;
use super::torrent::{self, PORT};
use crate::bench::program::{self, Missing};
use crate::bench::python;
use crate::lab::Host;
use crate::stage::{RunError, Running};

/// TCP alone, as all the others, and no other way to find peers.
const SETTINGS: &str =
    r#"{"dht-enabled": false, "lpd-enabled": false, "utp-enabled": false, "port-forwarding-enabled": false}"#;

/// transmission-cli everywhere.
#[derive(Debug)]
pub(crate) struct Transmission;

impl Contestant for Transmission {
    fn key(&self) -> &'static str {
        "transmission"
    }

    fn name(&self) -> &'static str {
        "Transmission"
    }

    fn protection(&self) -> &'static str {
        "SHA-1, plain"
    }

    fn find(&self) -> Result<String, Missing> {
        python::find()?;
        program::version("transmission-cli", &["--version"], "apt-get install transmission-cli")
    }

    fn seed(&self, ground: &Ground) -> Result<Seed, RunError> {
        let (what, home) = (torrent::write(ground)?, ground.home("seed")?);
        let mut tracker = torrent::track(ground)?;
        let mut command = transmission(ground.seed_host(), &home, &ground.corpus.parent)?;
        let running = Running::start(command.arg(&what), &home)?;
        torrent::wait_for_seed(&mut tracker, ground)?;
        Ok(Seed { running: vec![running, tracker], what })
    }

    fn leech(&self, ground: &Ground, seed: &Seed, leecher: usize) -> Result<Leecher, RunError> {
        let (home, out) = ground.leecher_home(leecher)?;
        let mut command = transmission(ground.leecher_host(leecher), &home, &out)?;
        command.args(["--finish", &hook::write(&home)?, &seed.what]);
        let running = Running::start(&mut command, &home)?;
        Ok(Leecher { running, says_finished: hook::says_finished, target: out.join(&ground.corpus.name) })
    }
}

fn transmission(host: &Host, home: &Path, folder: &Path) -> Result<Command, RunError> {
    let settings = home.join("settings.json");
    fs::write(&settings, SETTINGS).map_err(RunError::disk("write", &settings))?;
    let mut command = host.command("transmission-cli");
    command.args(["--config-dir", &text(home), "--download-dir", &text(folder), "--port", &PORT.to_string()]);
    command.args(["--encryption-tolerated", "--no-portmap", "--no-uplimit", "--no-downlimit"]);
    Ok(command)
}
