//! What can be asked of a benchmark, whichever it is: what is measured, and where the figures go.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{page, subject};
use crate::stage::RunError;

const PAGE: &str = "docs/benchmarks.md";

/// What is measured, and where the figures go.
#[derive(Debug, Default, Args)]
pub(crate) struct Ends {
    /// Measure this binary instead of building one
    #[arg(long, value_name = "PATH")]
    drizzle: Option<PathBuf>,
    /// Write to this page, whatever kind of run it is
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

impl Ends {
    /// The binary to measure.
    pub(crate) fn binary(&self) -> Result<PathBuf, RunError> {
        self.drizzle.clone().map_or_else(subject::build, Ok)
    }

    /// Writes the benchmark's part of the page, or prints it.
    pub(crate) fn publish(&self, benchmark: &str, part: &str, is_full: bool) -> Result<(), RunError> {
        match self.page(is_full) {
            Some(path) => page::write_part(path, benchmark, part),
            None => {
                println!("{part}");
                Ok(())
            }
        }
    }

    /// The page takes full runs of what was just built, and what it is told to take.
    fn page(&self, is_full: bool) -> Option<&Path> {
        let is_fit = is_full && self.drizzle.is_none();
        self.output.as_deref().or_else(|| is_fit.then_some(Path::new(PAGE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a quick look, or a binary that nobody knows the source of, took the place of the figures that are published.
    #[test]
    fn only_full_runs_of_what_was_built_are_written_unless_a_page_is_named() {
        let page = |drizzle: Option<&str>, output: Option<&str>, is_full| {
            let ends = Ends { drizzle: drizzle.map(PathBuf::from), output: output.map(PathBuf::from) };
            ends.page(is_full).map(Path::to_owned)
        };
        assert_eq!(page(None, None, true), Some(PathBuf::from(PAGE)));
        assert_eq!(page(None, None, false), None);
        assert_eq!(page(Some("drizzle"), None, true), None);
        assert_eq!(page(Some("drizzle"), Some("other.md"), false), Some(PathBuf::from("other.md")));
    }
}
