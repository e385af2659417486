//! aria2 from nginx with four connections; for a folder it gets the list of its files beforehand.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::contestant::{Contestant, Serving, Target};
use super::nginx::{Nginx, Scheme};
use crate::bench::program::{self, Missing};
use crate::stage::Corpus;
use crate::stage::RunError;

/// aria2c from nginx.
#[derive(Debug)]
pub(crate) struct Aria2;

impl Contestant for Aria2 {
    fn key(&self) -> &'static str {
        "aria2"
    }

    fn name(&self) -> &'static str {
        "nginx to aria2, HTTP, 4 connections"
    }

    fn protection(&self) -> &'static str {
        "none"
    }

    fn find(&self) -> Result<String, Missing> {
        let aria2 = program::version("aria2c", &["--version"], "apt-get install aria2")?;
        Ok(format!("{}, {aria2}", Nginx::find(Scheme::Http)?))
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let nginx = Nginx::start(&corpus.parent, home, Scheme::Http)?;
        let list = home.join("files.txt");
        let lines = corpus.files().iter().fold(String::new(), |mut lines, file| {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{}\n out={}", nginx.url(file), file.display());
            lines
        });
        fs::write(&list, lines).map_err(RunError::disk("write", &list))?;
        let fetch = move |target: &Target| {
            let mut command = Command::new("aria2c");
            command.args([
                "--quiet",
                "--no-conf",
                "--file-allocation=none",
                "--min-split-size=1M",
                "--split=4",
            ]);
            command.args([
                "--max-connection-per-server=4",
                "--max-concurrent-downloads=4",
                "--auto-save-interval=0",
            ]);
            command.arg("--input-file").arg(&list).arg("--dir").arg(target.folder);
            command
        };
        Ok(Serving::by(nginx.server, fetch))
    }
}
