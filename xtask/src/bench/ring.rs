//! `cargo xtask bench ring`: a ring in the tracker's place, beside a tracker.
//!
//! What is measured: how soon the first chunk is here of a file whose hash alone is known, in a ring of many processes; and
//! how long a large file takes that was found over a ring, in turn with one that was found by a tracker. All of it on loopback:
//! what networks do to rings is shown by the tests in the lab.

mod finding;
mod options;
mod places;
mod report;
mod room;
mod scale;
mod sides;

pub(crate) use options::Options;
use report::Results;
use scale::Scale;
use sides::{ByRing, ByTracker};

use super::machine;
use super::transfer::contestant::Contestant;
use super::transfer::drizzle::Drizzle;
use super::transfer::race;
use crate::stage::{Corpus, RunError, Shape, leftovers};

/// Measures, and writes the page, or prints the part where the run was not a full one.
pub(crate) fn run(options: &Options) -> Result<(), RunError> {
    leftovers::watch()?;
    let binary = options.ends.binary()?;
    let results = measure(&Drizzle { binary }, options.scale(), options.quick)?;
    options.ends.publish("ring", &report::write(&results), !options.quick)
}

fn measure(drizzle: &Drizzle, scale: Scale, is_quick: bool) -> Result<Results, RunError> {
    // Before the run adds to it, since the load is part of it.
    let machine = machine::describe();
    let version = drizzle.find().unwrap_or_else(|missing| missing.to_string());
    eprintln!("bench ring: the first chunk, in a ring of {}", scale.members);
    let found = finding::run(drizzle, scale)?;
    eprintln!("bench ring: a large file, over a ring of {}", scale.few);
    let shape = Shape::File { bytes: scale.bytes };
    let scratch = room::with(2 * shape.bytes())?;
    let file = Corpus::write(&scratch.folder("file")?, "large.bin", shape)?;
    let by_ring = ByRing { drizzle: drizzle.clone(), members: scale.few };
    let race = race::run(&[&by_ring, &ByTracker(drizzle.clone())], &file, &scratch, scale.runs);
    Ok(Results { machine, version, scale, is_quick, found, race })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Scratch;

    /// Speaks as `drizzle` does: what is shared is noted beside it, and copied by whoever asks.
    const STAND_IN: &str = r#"#!/bin/sh
noted=$(dirname "$0")/noted
case $1 in
--version) echo "stand-in" ;;
ring) echo '{"event":"ready","listen":"127.0.0.1:1"}'
      echo '{"event":"neighbours","successors":[]}'
      echo '{"event":"neighbours","successors":[1,2,3]}'; exec sleep 1000 ;;
tracker) echo '{"event":"ready","invite":"tracker://none"}'; exec sleep 1000 ;;
share) echo "$2" > "$noted"
       echo '{"event":"ready"}'; echo '{"event":"shared","link":"drizzle:?xt=1&tr=x"}'; exec sleep 1000 ;;
get) while [ "$1" != -o ]; do shift; done
     mkdir -p "$2"; cp "$(cat "$noted")" "$2"; echo '{"event":"chunk"}' ;;
esac
"#;

    /// Would fail when a part of the run waits for what never comes, or measures one side only.
    #[test]
    fn both_parts_are_measured_on_both_sides() {
        let scratch = Scratch::on_disk(&std::env::temp_dir(), 1 << 20).unwrap();
        let drizzle = Drizzle::stand_in(&scratch, STAND_IN);
        let scale = Scale { members: 4, finds: 2, few: 4, bytes: 300_001, runs: 2 };
        let results = measure(&drizzle, scale, true).unwrap();
        assert!(results.found.ring.max >= results.found.ring.median);
        let keys: Vec<_> = results.race.iter().map(|entry| (entry.key, entry.outcome.is_ok())).collect();
        assert_eq!(keys, [("ring", true), ("tracker", true)], "{:?}", results.race);
    }
}
