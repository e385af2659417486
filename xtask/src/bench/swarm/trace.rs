//! What the peers of a run printed, each line with its time, kept for whoever wants to know where the time goes.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use crate::stage::{Line, RunError};

/// A folder with a file for each peer; a later run of the same contestant replaces them.
#[derive(Debug)]
pub(crate) struct Trace(PathBuf);

/// The file of one peer.
#[derive(Debug)]
pub(crate) struct PeerTrace {
    path: PathBuf,
    file: BufWriter<File>,
    started: Instant,
}

impl Trace {
    pub(crate) fn new(folder: PathBuf) -> Result<Self, RunError> {
        fs::create_dir_all(&folder).map_err(RunError::disk("create", &folder))?;
        Ok(Self(folder))
    }

    /// Begins the file of one peer; times count from `started`.
    pub(crate) fn open(
        &self,
        contestant: &str,
        leecher: usize,
        started: Instant,
    ) -> Result<PeerTrace, RunError> {
        let path = self.0.join(format!("{contestant}-{leecher}.log"));
        let file = File::create(&path).map_err(RunError::disk("create", &path))?;
        Ok(PeerTrace { path, file: BufWriter::new(file), started })
    }
}

impl PeerTrace {
    pub(crate) fn note(&mut self, line: &Line) -> Result<(), RunError> {
        let seconds = line.at.saturating_duration_since(self.started).as_secs_f64();
        writeln!(self.file, "{seconds:.4} {}", line.text).map_err(RunError::disk("write", &self.path))
    }
}
