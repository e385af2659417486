//! Drizzle as a user runs it: `drizzle share PATH` with its own tracker, and `drizzle get LINK --seed`.

use std::path::PathBuf;

use serde_json::Value;

use super::contestant::{Contestant, Ground, Leecher, Seed};
use crate::bench::program::{self, Missing};
use crate::lab::Seat;
use crate::stage::RunError;

/// By which it is told from the others.
pub(super) const KEY: &str = "drizzle";

/// The binary under test.
#[derive(Debug)]
pub(crate) struct Drizzle {
    pub(crate) binary: PathBuf,
}

impl Contestant for Drizzle {
    fn key(&self) -> &'static str {
        KEY
    }

    fn name(&self) -> &'static str {
        "**Drizzle**"
    }

    fn protection(&self) -> &'static str {
        "TLS 1.3, BLAKE3"
    }

    fn find(&self) -> Result<String, Missing> {
        let version = program::version_of(&self.binary, &["--version"]);
        version.ok_or(Missing { program: "drizzle", how_to_get: "cargo build --release" })
    }

    fn seed(&self, ground: &Ground) -> Result<Seed, RunError> {
        let home = ground.home("seed")?;
        let seat = Seat { binary: &self.binary, host: ground.seed_host(), home: &home };
        let (peer, shared) = seat.share(&ground.corpus.path(), &[])?;
        Ok(Seed { running: vec![peer.into_running()], what: shared.link })
    }

    fn leech(&self, ground: &Ground, seed: &Seed, leecher: usize) -> Result<Leecher, RunError> {
        let (home, _) = ground.leecher_home(leecher)?;
        let seat = Seat { binary: &self.binary, host: ground.leecher_host(leecher), home: &home };
        let running = seat.get(&seed.what, &["--seed"])?.into_running();
        Ok(Leecher { running, says_finished, target: seat.output().join(&ground.corpus.name) })
    }
}

fn says_finished(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|event| event["event"] == "done")
}
