//! Drizzle with four sources: a tracker, four processes that share the same file, and `drizzle get LINK`.

use std::path::Path;

use super::contestant::{Contestant, Serving};
use super::drizzle::Drizzle;
use crate::bench::program::Missing;
use crate::stage::RunError;
use crate::stage::{Corpus, Shape};

const SOURCES: usize = 4;

/// The binary under test, as four sources and one fetch.
#[derive(Debug)]
pub(crate) struct Several(pub(crate) Drizzle);

impl Contestant for Several {
    fn key(&self) -> &'static str {
        "drizzle4"
    }

    fn name(&self) -> &'static str {
        "**Drizzle** from four sources"
    }

    fn protection(&self) -> &'static str {
        self.0.protection()
    }

    fn find(&self) -> Result<String, Missing> {
        self.0.find()
    }

    /// Only the large file: each of the many would be one more to hash four times, and shows nothing else.
    fn takes(&self, shape: Shape) -> bool {
        matches!(shape, Shape::File { .. })
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let (tracker, invite) = self.0.tracker(home)?;
        let sources = (1..=SOURCES).map(|number| {
            let home = home.join(format!("source-{number}"));
            std::fs::create_dir_all(&home).map_err(RunError::disk("create", &home))?;
            self.0.share_in(corpus, &home, Some(&invite))
        });
        let mut sources = sources.collect::<Result<Vec<_>, _>>()?;
        let first = sources.remove(0);
        let beside = sources.into_iter().map(|source| source.running).chain([tracker]).collect();
        let serving = Serving::by(first.running, self.0.fetch(first.link));
        Ok(Serving { beside, ..serving })
    }
}
