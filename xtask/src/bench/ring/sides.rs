//! The two sides of the race for a large file: one source that a ring knows, and one that a tracker knows; each fetch asks by name.

use std::path::Path;
use std::process::Command;

use super::places;
use crate::bench::program::Missing;
use crate::bench::transfer::contestant::{Contestant, Serving, Target};
use crate::bench::transfer::drizzle::Drizzle;
use crate::stage::{Corpus, RunError};

/// Found through a ring.
pub(super) struct ByRing {
    pub(super) drizzle: Drizzle,
    pub(super) members: usize,
}

/// Found through a tracker.
pub(super) struct ByTracker(pub(super) Drizzle);

impl Contestant for ByRing {
    fn key(&self) -> &'static str {
        "ring"
    }

    fn name(&self) -> &'static str {
        "`get NAME` over the ring"
    }

    fn protection(&self) -> &'static str {
        self.drizzle.protection()
    }

    fn find(&self) -> Result<String, Missing> {
        self.drizzle.find()
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let ring = places::Ring::start(&self.drizzle.binary, self.members, home)?;
        let shared = self.drizzle.share_in(corpus, &own_home(home)?, Some(ring.through(1)))?;
        // The source tells one member, the fetch asks another.
        let fetch = fetch(&self.drizzle, corpus, ring.through(2));
        Ok(Serving { beside: ring.into_processes(), ..Serving::by(shared.running, fetch) })
    }
}

impl Contestant for ByTracker {
    fn key(&self) -> &'static str {
        "tracker"
    }

    fn name(&self) -> &'static str {
        "`get NAME` with a tracker"
    }

    fn protection(&self) -> &'static str {
        self.0.protection()
    }

    fn find(&self) -> Result<String, Missing> {
        self.0.find()
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let (tracker, invite) = self.0.tracker(home)?;
        let shared = self.0.share_in(corpus, &own_home(home)?, Some(&invite))?;
        let fetch = fetch(&self.0, corpus, &invite);
        Ok(Serving { beside: vec![tracker], ..Serving::by(shared.running, fetch) })
    }
}

/// Of the source, whose log is not that of what runs beside it.
fn own_home(home: &Path) -> Result<std::path::PathBuf, RunError> {
    let own = home.join("source");
    std::fs::create_dir_all(&own).map_err(RunError::disk("create", &own))?;
    Ok(own)
}

fn fetch(drizzle: &Drizzle, corpus: &Corpus, through: &str) -> impl Fn(&Target) -> Command + 'static {
    let (binary, name, through) = (drizzle.binary.clone(), corpus.name.clone(), through.to_owned());
    move |target: &Target| {
        let mut command = Command::new(&binary);
        command.args(["get", &name, "--tracker", &through, "--listen", "127.0.0.1:0", "-o"]);
        command.arg(target.folder).arg("--state").arg(target.home.join("state"));
        command
    }
}
