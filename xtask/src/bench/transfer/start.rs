//! How soon `drizzle share` serves: a file it has never seen, beside `b3sum`, and a folder it knows already.

use std::process::Command;

use super::drizzle::Drizzle;
use crate::bench::program;
use crate::bench::statistics::Summary;
use crate::stage::Corpus;
use crate::stage::RunError;
use crate::stage::Running;
use crate::stage::Scratch;

/// The first start against the hash alone.
#[derive(Debug)]
pub(crate) struct FirstStart {
    pub(crate) share: Result<Summary, String>,
    pub(crate) b3sum: Result<Summary, String>,
}

/// Shares with an empty state folder, in turn with hashing the same file.
pub(crate) fn first(drizzle: &Drizzle, file: &Corpus, scratch: &Scratch, runs: u32) -> FirstStart {
    let b3sum = program::version("b3sum", &["--version"], "cargo install b3sum");
    let (mut shares, mut hashes) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        shares.push(
            scratch
                .folder(&format!("first-start-{run}"))
                .and_then(|home| Ok(drizzle.share(file, &home)?.ready_after)),
        );
        if b3sum.is_ok() {
            hashes.push(hash(file, scratch));
        }
    }
    let b3sum = b3sum.map_err(|missing| missing.to_string()).and_then(|_| counted(hashes));
    FirstStart { share: counted(shares), b3sum }
}

/// Shares with the state folder of an earlier start.
pub(crate) fn second(
    drizzle: &Drizzle,
    folder: &Corpus,
    scratch: &Scratch,
    runs: u32,
) -> Result<Summary, String> {
    let home = scratch.folder("second-start").map_err(|error| error.to_string())?;
    counted((0..=runs).map(|_| Ok(drizzle.share(folder, &home)?.ready_after)).collect())
}

fn hash(file: &Corpus, scratch: &Scratch) -> Result<std::time::Duration, RunError> {
    let home = scratch.folder("b3sum")?;
    Ok(Running::start(Command::new("b3sum").arg(file.path()), &home)?.finish()?.wall)
}

/// All but the first, which warms up.
fn counted(samples: Vec<Result<std::time::Duration, RunError>>) -> Result<Summary, String> {
    let samples: Vec<_> = samples.into_iter().collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    Summary::of(samples.into_iter().skip(1)).ok_or_else(|| "no counted run".to_owned())
}
