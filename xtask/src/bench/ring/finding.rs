//! How soon the first chunk of a file is here whose hash alone is known.
//!
//! Each time in a process that has never run before, from its start on: so it includes the start itself, finding a member,
//! asking the ring, calling the source, and one chunk that was verified.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::scale::Scale;
use super::{places, room};
use crate::bench::statistics::Summary;
use crate::bench::transfer::drizzle::{Drizzle, event};
use crate::stage::{self, Corpus, RunError, Running, Scratch, Shape};

/// One chunk of the smallest size, so that its transfer takes no time that counts.
const FILE: Shape = Shape::File { bytes: 64 << 10 };
const FOUND_WITHIN: Duration = Duration::from_secs(60);

/// From the start of the program to the first verified chunk.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) ring: Summary,
    pub(crate) tracker: Summary,
}

/// In a ring and by a tracker, in turn.
pub(super) fn run(drizzle: &Drizzle, scale: Scale) -> Result<Found, RunError> {
    let scratch = room::with(FILE.bytes())?;
    let file = Corpus::write(&scratch.folder("file")?, "small.bin", FILE)?;
    let ring = places::Ring::start(&drizzle.binary, scale.members, &scratch.folder("ring")?)?;
    let (_tracker, invite) = drizzle.tracker(&scratch.folder("tracker")?)?;
    let by_ring = drizzle.share_in(&file, &scratch.folder("by-ring")?, Some(ring.through(1)))?;
    let by_tracker = drizzle.share_in(&file, &scratch.folder("by-tracker")?, Some(&invite))?;
    // Each time through another member, as far round as the others leave room.
    let stride = scale.members / scale.finds.min(scale.members);
    let (mut of_ring, mut of_tracker) = (Vec::new(), Vec::new());
    // The first of each only warms up.
    for number in 0..=scale.finds {
        let through = ring.through(number * stride);
        of_ring.push(find(drizzle, &by_ring.link, through, &file, &scratch)?);
        of_tracker.push(find(drizzle, &by_tracker.link, &invite, &file, &scratch)?);
    }
    let counted = |samples: Vec<Duration>| {
        Summary::of(samples.into_iter().skip(1))
            .ok_or_else(|| RunError::Different { what: "no find was counted".into() })
    };
    Ok(Found { ring: counted(of_ring)?, tracker: counted(of_tracker)? })
}

fn find(
    drizzle: &Drizzle,
    link: &str,
    through: &str,
    file: &Corpus,
    scratch: &Scratch,
) -> Result<Duration, RunError> {
    let home = scratch.folder("fetch")?;
    let out = home.join("out");
    let mut command = fetch(&drizzle.binary, &without_places(link), through, &home);
    command.arg("-o").arg(&out);
    let mut running = Running::start(&mut command, &home)?;
    let started = running.started();
    let is_chunk = |line: &stage::Line| event(&line.text, "chunk").map(|_| line.at);
    let first = running.wait_for("fetch a chunk", FOUND_WITHIN, is_chunk)?;
    running.finish()?;
    stage::same(&file.path(), &out.join(&file.name))?;
    std::fs::remove_dir_all(&home).map_err(RunError::disk("clear", &home))?;
    let took = first - started;
    eprintln!("  first chunk after {} ms by {}", took.as_millis(), through.split("://").next().unwrap_or(""));
    Ok(took)
}

fn fetch(binary: &Path, what: &str, through: &str, home: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["get", what, "-v", "--json", "--listen", "127.0.0.1:0", "--tracker", through, "--state"]);
    command.arg(home.join("state"));
    command
}

/// What of a link says what it is, and not where.
fn without_places(link: &str) -> String {
    let is_place = |part: &&str| ["tr=", "x.pe="].iter().any(|name| part.starts_with(name));
    let Some((scheme, query)) = link.split_once('?') else { return link.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|part| !is_place(part)).collect();
    format!("{scheme}?{}", kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a fetch knew the source from its link: nothing would be looked up.
    #[test]
    fn a_link_without_its_places_names_the_content_alone() {
        let link = "drizzle:?xt=urn:blake3:11&dn=a&xl=5&tr=ring%3A%2F%2Fh:1&x.pe=h:2&x.pe=h:3";
        assert_eq!(without_places(link), "drizzle:?xt=urn:blake3:11&dn=a&xl=5");
        assert_eq!(without_places("no link"), "no link");
    }
}
