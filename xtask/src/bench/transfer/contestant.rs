//! What a program must be able to do to take part.

use std::path::Path;
use std::process::Command;

use rustix::process::Pid;

use crate::bench::program::Missing;
use crate::stage::RunError;
use crate::stage::Running;
use crate::stage::{Corpus, Shape};

/// One way to bring content from one place to another on this machine.
pub(crate) trait Contestant {
    /// One word, to pick it on the command line.
    fn key(&self) -> &'static str;

    /// As it stands in tables.
    fn name(&self) -> &'static str;

    /// What it does against eavesdroppers and damage.
    fn protection(&self) -> &'static str;

    /// The programs it needs with their versions, or which one is missing.
    fn find(&self) -> Result<String, Missing>;

    /// Whether it can bring content of that shape in one command.
    fn takes(&self, _shape: Shape) -> bool {
        true
    }

    /// Starts serving, and returns when a fetch would succeed. `home` is a folder of its own, kept while it serves.
    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError>;
}

/// Content under way to whoever asks.
pub(crate) struct Serving {
    pub(crate) server: Running,
    /// What serves beside it: further sources, a tracker.
    pub(crate) beside: Vec<Running>,
    /// Makes the command that brings the content into a target, under the content's own name, and then ends.
    pub(crate) fetch: Box<dyn Fn(&Target) -> Command>,
}

/// Where one fetch puts things. Both folders are there, and empty.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) folder: &'a Path,
    /// For what the fetching program keeps for itself.
    pub(crate) home: &'a Path,
}

impl Serving {
    /// Served by one program.
    pub(crate) fn by(server: Running, fetch: impl Fn(&Target) -> Command + 'static) -> Self {
        Self { server, beside: Vec::new(), fetch: Box::new(fetch) }
    }

    /// The groups of all that serve.
    pub(crate) fn groups(&self) -> Vec<Pid> {
        [&self.server].into_iter().chain(&self.beside).map(Running::group).collect()
    }
}
