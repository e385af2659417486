//! What a program must be able to do to take part.

use std::path::{Path, PathBuf};

use super::trace::Trace;
use crate::bench::program::Missing;
use crate::lab::{Host, Lab};
use crate::stage::{Corpus, RunError, Running, Scratch};

/// One way to bring a file from one to many.
pub(crate) trait Contestant {
    /// One word, to pick it on the command line.
    fn key(&self) -> &'static str;

    /// As it stands in tables.
    fn name(&self) -> &'static str;

    /// What it does against eavesdroppers and damage.
    fn protection(&self) -> &'static str;

    /// The program with its version, or which one is missing.
    fn find(&self) -> Result<String, Missing>;

    /// Starts the seed, and returns when a leecher could start.
    fn seed(&self, ground: &Ground) -> Result<Seed, RunError>;

    /// Starts a leecher, which goes on serving when it has everything.
    fn leech(&self, ground: &Ground, seed: &Seed, leecher: usize) -> Result<Leecher, RunError>;
}

/// Where one run takes place.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) corpus: &'a Corpus,
    pub(crate) scratch: &'a Scratch,
    pub(crate) trace: Option<&'a Trace>,
    pub(crate) leechers: usize,
}

/// A seed that serves.
#[derive(Debug)]
pub(crate) struct Seed {
    /// The seed itself, and what it needs beside.
    pub(crate) running: Vec<Running>,
    /// What leechers are told: a link, or the path of a torrent.
    pub(crate) what: String,
}

/// A leecher under way.
#[derive(Debug)]
pub(crate) struct Leecher {
    pub(crate) running: Running,
    /// Whether a line on its stdout says that all has come.
    pub(crate) says_finished: fn(&str) -> bool,
    /// Where the file will be.
    pub(crate) target: PathBuf,
}

impl Ground<'_> {
    pub(crate) fn seed_host(&self) -> &Host {
        &self.lab.hosts()[0]
    }

    pub(crate) fn leecher_host(&self, leecher: usize) -> &Host {
        &self.lab.hosts()[1 + leecher]
    }

    /// A host beside, whose link is as fast as the machine.
    pub(crate) fn tracker_host(&self) -> &Host {
        &self.lab.hosts()[1 + self.leechers]
    }

    /// A folder for a process's own things.
    pub(crate) fn home(&self, name: &str) -> Result<PathBuf, RunError> {
        self.scratch.folder(&format!("run/{name}"))
    }

    /// The same for a leecher, and the folder within where the file will be.
    pub(crate) fn leecher_home(&self, leecher: usize) -> Result<(PathBuf, PathBuf), RunError> {
        let home = self.home(&format!("leecher-{leecher}"))?;
        Ok((self.home(&format!("leecher-{leecher}/out"))?, home)).map(|(out, home)| (home, out))
    }

    /// All folders of the run.
    pub(crate) fn run_folder(&self) -> PathBuf {
        self.scratch.path().join("run")
    }
}

/// The text of a path: those of a run are made of plain letters.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
