//! libtorrent to libtorrent, by way of two small Python scripts; their start is part of the time.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::contestant::{Contestant, Serving, Target};
use super::program::{self, Missing};
use crate::bench::BenchError;
use crate::bench::corpus::{Corpus, Shape};
use crate::bench::port;
use crate::bench::process::Running;

const HOW_TO_GET: &str = "pip install libtorrent";

/// libtorrent on both sides.
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
        let version =
            program::version("python3", &["-c", "import libtorrent; print(libtorrent.version)"], HOW_TO_GET)?;
        Ok(format!("libtorrent {version}"))
    }

    fn takes(&self, _: Shape) -> bool {
        true
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, BenchError> {
        let python = interpreter();
        let (address, torrent) = (port::free()?, home.join("content.torrent"));
        let mut command = script(&python, "libtorrent_seed.py");
        command.arg(corpus.path()).arg(&torrent).arg(address.to_string());
        let mut server = Running::start(&mut command, home)?;
        server.wait_for_line("seed", |line| (line == "seeding").then_some(()))?;
        let fetch = move |target: &Target| {
            let mut command = script(&python, "libtorrent_get.py");
            command.arg(&torrent).arg(target.folder).arg(address.to_string());
            command
        };
        Ok(Serving { server, fetch: Box::new(fetch) })
    }
}

/// The interpreter itself: what stands first in the search path may be a script that looks for it.
fn interpreter() -> PathBuf {
    let found = program::version("python3", &["-c", "import sys; print(sys.executable)"], HOW_TO_GET);
    PathBuf::from(found.unwrap_or_else(|_| "python3".into()))
}

fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(crate::workspace::root().join("xtask/bench").join(name));
    command
}
