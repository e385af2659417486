//! The part of the page that `bench ring` writes: the figures, and what was to be reached.

use std::time::Duration;

use super::finding::Found;
use super::scale::Scale;
use crate::bench::page;
use crate::bench::page::Column::{Figure, Text};
use crate::bench::statistics::Summary;
use crate::bench::tables::{self, Target};
use crate::bench::transfer::race::Entry;
use crate::bench::transfer::standings;

const FIRST_BYTE_MAX: Duration = Duration::from_millis(300);
/// The ring finds and the swarm moves, so both take the same; the rest is what medians of a few runs differ by.
const TIMES_TRACKER_MAX: f64 = 1.05;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) machine: Vec<(&'static str, String)>,
    pub(crate) version: String,
    pub(crate) scale: Scale,
    pub(crate) is_quick: bool,
    pub(crate) found: Found,
    /// Over the ring, and with a tracker.
    pub(crate) race: Vec<Entry>,
}

/// The whole part, in Markdown.
pub(crate) fn write(results: &Results) -> String {
    let Results { scale: Scale { members, finds, few, runs, .. }, version, .. } = results;
    let opening = format!(
        "Real processes of {version} on loopback, memory to memory. First chunk: from the start of `get` with a link that holds a \
         hash and no place, in a state folder of its own, to the first chunk that was verified, a file of 64 KiB; {finds} counted \
         times, each through another of {members} members, in turn with the same by a tracker. Large file: `get` by name over a ring of {few}, \
         in turn with `get` by name with a tracker, {runs} counted runs of each after one that was compared byte for byte. There is one \
         source on either side. Processor time is the median of what the source with the ring or tracker, and the fetch, used.\n"
    );
    let parts = [
        opening,
        tables::machine(&results.machine),
        format!("### What was to be reached\n\n{}", targets(results)),
        format!("### Until the first chunk\n\n{}", first_chunk(results)),
        format!("### One file of {} MiB\n\n{}", results.scale.bytes >> 20, large_file(&results.race)),
    ];
    page::part("Ring: in the tracker's place", results.is_quick.then_some("at a small ring"), parts)
}

fn targets(results: &Results) -> String {
    let members = results.scale.members;
    let first = |what: &str, measured: Duration| Target {
        what: format!("first chunk by a hash over a ring of {members}, {what}"),
        limit: millis(FIRST_BYTE_MAX),
        unit: " ms",
        measured: Some(millis(measured)),
    };
    tables::targets(&[
        first("median", results.found.ring.median),
        first("slowest", results.found.ring.max),
        Target {
            what: "large file over the ring, times with a tracker".into(),
            limit: TIMES_TRACKER_MAX,
            unit: "",
            measured: standings::ratio(&results.race, "ring", "tracker"),
        },
    ])
}

fn first_chunk(results: &Results) -> String {
    let row = |what: String, summary: Summary| {
        let figures = [summary.median, summary.min, summary.max].map(|time| format!("{:.0}", millis(time)));
        [vec![what], figures.into()].concat()
    };
    let rows = [
        row(format!("a ring of {}", results.scale.members), results.found.ring),
        row("a tracker".into(), results.found.tracker),
    ];
    page::table(&[Text("found by"), Figure("median ms"), Figure("min ms"), Figure("max ms")], &rows)
}

fn large_file(race: &[Entry]) -> String {
    standings::table(race, &[("how", |entry| entry.name)], "tracker", "the tracker")
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::transfer::race::Figures;

    fn summary(millis: u64) -> Summary {
        let time = Duration::from_millis(millis);
        Summary { median: time, min: time, max: time * 2 }
    }

    fn results(first_ms: u64, ring: Result<u64, &str>) -> Results {
        let entry = |key, name, outcome: Result<u64, &str>| Entry {
            key,
            name,
            protection: "",
            outcome: outcome.map_err(str::to_owned).map(|wall| Figures {
                wall: summary(wall),
                sender_cpu: Duration::from_secs(1),
                receiver_cpu: Duration::from_secs(2),
            }),
        };
        Results {
            machine: vec![("Cores", "2".into())],
            version: "drizzle 1".into(),
            scale: Scale { members: 8, finds: 3, few: 4, bytes: 64 << 20, runs: 1 },
            is_quick: true,
            found: Found { ring: summary(first_ms), tracker: summary(40) },
            race: vec![entry("ring", "over the ring", ring), entry("tracker", "with a tracker", Ok(2000))],
        }
    }

    /// A missed figure is called so; a page that praises every run tells nothing.
    #[test]
    fn what_is_missed_is_called_missed_and_what_failed_failed() {
        let good = write(&results(150, Ok(2080)));
        assert!(!good.contains("missed") && good.contains("| 1.04 | reached |"), "{good}");
        assert!(good.contains("quick") && good.contains("| a ring of 8 | 150 | 150 | 300 |"), "{good}");
        let bad = write(&results(151, Ok(2120)));
        assert_eq!(bad.matches("**missed**").count(), 2, "{bad}");
        let failed = write(&results(150, Err("no answer")));
        assert!(failed.contains("failed: no answer") && failed.contains("not measured"), "{failed}");
    }
}
