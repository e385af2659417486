//! rqbit. Each peer knows the addresses of all others from the start.

use std::process::Command;

use super::contestant::{Contestant, Ground, Leecher, Seed};
use super::torrent::{self, PORT};
use crate::bench::program::{self, Missing};
use crate::lab::Host;
use crate::stage::{RunError, Running};

/// rqbit everywhere.
#[derive(Debug)]
pub(crate) struct Rqbit;

impl Contestant for Rqbit {
    fn key(&self) -> &'static str {
        "rqbit"
    }

    fn name(&self) -> &'static str {
        "rqbit"
    }

    fn protection(&self) -> &'static str {
        "SHA-1, plain"
    }

    fn find(&self) -> Result<String, Missing> {
        program::version("rqbit", &["--version"], "cargo install rqbit")
    }

    fn seed(&self, ground: &Ground) -> Result<Seed, RunError> {
        let (what, home) = (torrent::write(ground)?, ground.home("seed")?);
        let mut command = rqbit(ground.seed_host());
        command.args([&what, "--overwrite", "--output-folder"]).arg(&ground.corpus.parent);
        let mut running = Running::start(&mut command, &home)?;
        running.wait_for_line("hash its content", |line| line.contains("added torrent").then_some(()))?;
        Ok(Seed { running: vec![running], what })
    }

    fn leech(&self, ground: &Ground, seed: &Seed, leecher: usize) -> Result<Leecher, RunError> {
        let (home, out) = ground.leecher_home(leecher)?;
        let mut command = rqbit(ground.leecher_host(leecher));
        command.args([&seed.what, "--output-folder"]).arg(&out);
        command.arg(format!("--initial-peers={}", torrent::others(ground, leecher).join(",")));
        let running = Running::start(&mut command, &home)?;
        let says_finished = |line: &str| line.contains("torrent finished downloading");
        Ok(Leecher { running, says_finished, target: out.join(&ground.corpus.name) })
    }
}

fn rqbit(host: &Host) -> Command {
    let mut command = host.command("rqbit");
    command.args([
        "--disable-dht",
        "--disable-upnp-port-forward",
        "--disable-lsd",
        "--disable-trackers",
        "--listen-ip=0.0.0.0",
    ]);
    command.arg(format!("--listen-port={PORT}")).args(["download", "--disable-http-api"]);
    command
}
