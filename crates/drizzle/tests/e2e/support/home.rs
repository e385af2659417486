//! A person's machine, as far as the program sees it: a home without any settings, a state directory, a
//! folder to put things into.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{Ended, Running};
use super::words;

/// A home. All of it is gone when this is dropped.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(TempDir::with_prefix("drizzle-e2e-").unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(path)
    }

    /// Where the tests fetch to.
    pub(crate) fn out(&self) -> PathBuf {
        self.join("out")
    }

    /// Writes a file and says where it is.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The program, with events for output and with nothing of the surroundings.
    pub(crate) fn command(&self, words: impl IntoIterator<Item = OsString>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drizzle"));
        command.env_clear().env("HOME", self.path()).current_dir(self.path());
        command.arg("--json").arg("--state").arg(self.join("state")).args(words);
        command
    }

    /// Starts it.
    pub(crate) fn start(&self, words: impl IntoIterator<Item = OsString>) -> Running {
        Running::start(self.command(words))
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, words: impl IntoIterator<Item = OsString>) -> Ended {
        self.start(words).end()
    }

    /// Starts to fetch something into [`Home::out`].
    pub(crate) fn start_get(&self, what: &str, more: impl IntoIterator<Item = OsString>) -> Running {
        let mut all = words!["-v", "get", what, "-o", self.out(), "--listen", "127.0.0.1:0"];
        all.extend(more);
        self.start(all)
    }

    /// Fetches something into [`Home::out`].
    pub(crate) fn get(&self, what: &str) -> Ended {
        self.start_get(what, words![]).end()
    }
}

/// Everything a test made can be removed, whatever modes it set.
impl Drop for Home {
    fn drop(&mut self) {
        super::folder::make_removable(self.path());
    }
}
