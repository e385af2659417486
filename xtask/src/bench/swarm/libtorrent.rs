//! libtorrent, by way of a small Python script. Each peer knows the addresses of all others from the start.

use std::process::Command;

use super::contestant::{Contestant, Ground, Leecher, Seed};
use super::torrent::{self, address};
use crate::bench::program::Missing;
use crate::bench::python;
use crate::lab::Host;
use crate::stage::{RunError, Running};

/// libtorrent everywhere.
#[derive(Debug)]
pub(crate) struct Libtorrent;

impl Contestant for Libtorrent {
    fn key(&self) -> &'static str {
        "libtorrent"
    }

    fn name(&self) -> &'static str {
        "libtorrent"
    }

    fn protection(&self) -> &'static str {
        "SHA-1, plain"
    }

    fn find(&self) -> Result<String, Missing> {
        python::find_libtorrent()
    }

    fn seed(&self, ground: &Ground) -> Result<Seed, RunError> {
        let (what, home) = (torrent::write(ground)?, ground.home("seed")?);
        let mut command = script(ground.seed_host());
        command.args(["seed", &what]).arg(&ground.corpus.parent).arg(address(ground.seed_host()).to_string());
        let mut running = Running::start(&mut command, &home)?;
        running.wait_for_line("seed", |line| (line == "seeding").then_some(()))?;
        Ok(Seed { running: vec![running], what })
    }

    fn leech(&self, ground: &Ground, seed: &Seed, leecher: usize) -> Result<Leecher, RunError> {
        let (home, out) = ground.leecher_home(leecher)?;
        let host = ground.leecher_host(leecher);
        let mut command = script(host);
        command.args(["leech", &seed.what]).arg(&out).arg(address(host).to_string());
        command.args(torrent::others(ground, leecher));
        let running = Running::start(&mut command, &home)?;
        Ok(Leecher {
            running,
            says_finished: |line| line == "finished",
            target: out.join(&ground.corpus.name),
        })
    }
}

fn script(host: &Host) -> Command {
    let mut command = host.command(python::interpreter());
    command.arg(python::script("libtorrent_swarm.py"));
    command
}
