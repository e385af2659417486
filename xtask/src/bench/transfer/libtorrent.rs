//! libtorrent to libtorrent, by way of two small Python scripts; their start is part of the time.

use std::path::Path;

use super::contestant::{Contestant, Serving, Target};
use crate::bench::port;
use crate::bench::program::Missing;
use crate::bench::python;
use crate::stage::Corpus;
use crate::stage::RunError;
use crate::stage::Running;

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
        python::find_libtorrent()
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let (address, torrent) = (port::free()?, home.join("content.torrent"));
        let mut command = python::command("libtorrent_seed.py");
        command.arg(corpus.path()).arg(&torrent).arg(address.to_string());
        let mut server = Running::start(&mut command, home)?;
        server.wait_for_line("seed", |line| (line == "seeding").then_some(()))?;
        let fetch = move |target: &Target| {
            let mut command = python::command("libtorrent_get.py");
            command.arg(&torrent).arg(target.folder).arg(address.to_string());
            command
        };
        Ok(Serving::by(server, fetch))
    }
}
