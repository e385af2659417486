//! The part of the page that `bench transfer` writes: who took part, the figures, and what was to be reached.

use super::memory::Need;
use super::race::Entry;
use super::size::Size;
use super::standings::{self, About, ratio};
use super::start::FirstStart;
use crate::bench::page;
use crate::bench::page::Column::{Figure, Text};
use crate::bench::statistics::Summary;
use crate::bench::tables::{self, Participant, Target, failed, seconds};

const DRIZZLE: &str = "drizzle";
const SEVERAL: &str = "drizzle4";
/// What every ratio of the large file is taken against.
const YARDSTICK: &str = "http";
const RSYNC: &str = "rsync";

const FILE_RATIO_MAX: f64 = 0.8;
const SEVERAL_RATIO_MAX: f64 = 1.0;
const FOLDER_RATIO_MAX: f64 = 1.0;
const HASHING_RATIO_MAX: f64 = 1.3;
const MEMORY_MIB_MAX: f64 = 96.0;
const SECOND_START_S_MAX: f64 = 0.3;
/// Two peaks of one program differ by what its threads happened to hold at once; this much is not growth.
const MEMORY_NOISE_MIB: f64 = 2.0;

/// Everything that was measured. What is `None` was not asked for.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) machine: Vec<(&'static str, String)>,
    pub(crate) participants: Vec<Participant>,
    pub(crate) runs: u32,
    pub(crate) size: Size,
    pub(crate) of_file: Vec<Entry>,
    pub(crate) of_folder: Vec<Entry>,
    pub(crate) memory: Vec<Need>,
    pub(crate) memory_huge: Option<Result<Need, String>>,
    pub(crate) first_start: Option<FirstStart>,
    pub(crate) second_start: Option<Result<Summary, String>>,
}

/// The whole part, in Markdown.
pub(crate) fn write(results: &Results) -> String {
    let (file, folder) = (mebibytes(results.size.file().bytes()), results.size.folder().bytes() / 4096);
    let parts = [
        format!(
            "Loopback, memory to memory, {} counted runs of each in turn after one that was compared byte for byte. \
             Times are wall clock from the start of the fetching program to its end; median, fastest and slowest. \
             Processor time is the median of what each side used.\n",
            results.runs
        ),
        tables::machine(&results.machine),
        tables::participants(&results.participants),
        format!("### What was to be reached\n\n{}", targets(results)),
        format!("### One file of {file:.0} MiB\n\n{}", race(&results.of_file, YARDSTICK)),
        format!("### {folder} files of 4 KiB\n\n{}", race(&results.of_folder, RSYNC)),
        format!("### Peak memory, MiB\n\n{}", memory(results)),
    ];
    let starts = starts(results).map(|starts| format!("### Until a share is ready\n\n{starts}"));
    let quick_look = (results.size == Size::Quick).then_some("with little content");
    page::part("Transfer: one sender, one receiver", quick_look, parts.into_iter().chain(starts))
}

fn race(entries: &[Entry], yardstick: &str) -> String {
    let against = entries.iter().find(|entry| entry.key == yardstick);
    let called = against.map_or(yardstick, |entry| entry.name);
    let about: [About; 2] = [("program", |entry| entry.name), ("protection", |entry| entry.protection)];
    standings::table(entries, &about, yardstick, called)
}

fn memory(results: &Results) -> String {
    let size = mebibytes(results.size.file().bytes());
    let row = |need: &Need, size: f64| match &need.outcome {
        Ok(peaks) => vec![need.name.to_owned(), format!("{size:.0}"), mib(peaks.sender), mib(peaks.receiver)],
        Err(reason) => failed(&[need.name], reason, 4),
    };
    let mut rows: Vec<Vec<String>> = results.memory.iter().map(|need| row(need, size)).collect();
    match &results.memory_huge {
        Some(Ok(need)) => rows.push(row(need, mebibytes(results.size.huge_file().bytes()))),
        Some(Err(reason)) => rows.push(failed(&["huge file"], reason, 4)),
        None => {}
    }
    let note = "All processes of a side together; a page that they share counts for each. No receiver is shown below the peak of \
                the benchmark itself, some 8 MiB, from which it is started. The largest file lies on disk and is mostly holes.\n";
    format!(
        "{}\n{note}",
        page::table(&[Text("program"), Figure("content MiB"), Figure("sender"), Figure("receiver")], &rows)
    )
}

/// Nothing where Drizzle did not take part.
fn starts(results: &Results) -> Option<String> {
    let row = |what: &str, outcome: &Result<Summary, String>| match outcome {
        Ok(wall) => vec![what.to_owned(), seconds(wall.median), seconds(wall.min), seconds(wall.max)],
        Err(reason) => failed(&[what], reason, 4),
    };
    let mut rows = Vec::new();
    if let Some(first) = &results.first_start {
        rows.push(row("`drizzle share` of the large file, first start", &first.share));
        rows.push(row("`b3sum` of the same file", &first.b3sum));
    }
    rows.extend(
        results
            .second_start
            .iter()
            .map(|second| row("`drizzle share` of the many files, second start", second)),
    );
    let head = [Text("what"), Figure("median s"), Figure("min s"), Figure("max s")];
    (!rows.is_empty()).then(|| page::table(&head, &rows))
}

fn targets(results: &Results) -> String {
    let peak_at_size = worst_peak(results.memory.iter().find(|need| need.key == DRIZZLE));
    let peak_huge = worst_peak(results.memory_huge.as_ref().and_then(|huge| huge.as_ref().ok()));
    let first = results.first_start.as_ref();
    let hashing =
        first.and_then(|first| Some(first.share.as_ref().ok()?.ratio_to(*first.b3sum.as_ref().ok()?)));
    let second = results.second_start.as_ref().and_then(|second| second.as_ref().ok());
    let growth_limit = peak_at_size.unwrap_or(MEMORY_MIB_MAX) + MEMORY_NOISE_MIB;
    let targets = [
        Target {
            what: "large file, times nginx to curl over HTTP".into(),
            limit: FILE_RATIO_MAX,
            unit: "",
            measured: ratio(&results.of_file, DRIZZLE, YARDSTICK),
        },
        Target {
            what: "large file from four sources, times from one".into(),
            limit: SEVERAL_RATIO_MAX,
            unit: "",
            measured: ratio(&results.of_file, SEVERAL, DRIZZLE),
        },
        Target {
            what: "many small files, times an rsync daemon".into(),
            limit: FOLDER_RATIO_MAX,
            unit: "",
            measured: ratio(&results.of_folder, DRIZZLE, RSYNC),
        },
        Target {
            what: "peak memory of the larger side, large file".into(),
            limit: MEMORY_MIB_MAX,
            unit: " MiB",
            measured: peak_at_size,
        },
        Target {
            what: "the same with the huge file: no more".into(),
            limit: growth_limit.min(MEMORY_MIB_MAX),
            unit: " MiB",
            measured: peak_huge,
        },
        Target {
            what: "first share of the large file, times b3sum".into(),
            limit: HASHING_RATIO_MAX,
            unit: "",
            measured: hashing,
        },
        Target {
            what: "second share of the many files".into(),
            limit: SECOND_START_S_MAX,
            unit: " s",
            measured: second.map(|wall| wall.median.as_secs_f64()),
        },
    ];
    tables::targets(&targets)
}

fn worst_peak(need: Option<&Need>) -> Option<f64> {
    let peaks = need?.outcome.as_ref().ok()?;
    Some(mebibytes(peaks.sender.max(peaks.receiver)))
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", mebibytes(bytes))
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::attempt::Peaks;
    use super::super::race::Figures;
    use super::*;

    fn entry(key: &'static str, millis: u64) -> Entry {
        let wall = Duration::from_millis(millis);
        let figures = Figures { wall: Summary::of([wall]).unwrap(), sender_cpu: wall, receiver_cpu: wall };
        Entry { key, name: key, protection: "none", outcome: Ok(figures) }
    }

    fn results() -> Results {
        let need = |mib: u64| Need {
            key: DRIZZLE,
            name: DRIZZLE,
            outcome: Ok(Peaks { sender: mib << 20, receiver: 1 << 20 }),
        };
        let summary = |millis| Ok(Summary::of([Duration::from_millis(millis)]).unwrap());
        Results {
            machine: vec![],
            participants: vec![],
            runs: 1,
            size: Size::Full,
            of_file: vec![entry(DRIZZLE, 600), entry(SEVERAL, 660), entry(YARDSTICK, 1000)],
            of_folder: vec![entry(DRIZZLE, 500), entry(RSYNC, 400)],
            memory: vec![need(40)],
            memory_huge: Some(Ok(need(60))),
            first_start: Some(FirstStart { share: summary(120), b3sum: summary(100) }),
            second_start: Some(Err("no".into())),
        }
    }

    #[test]
    fn each_target_gets_its_verdict() {
        let verdicts: Vec<String> = targets(&results()).lines().skip(2).map(str::to_owned).collect();
        let expected = [
            ("0.80", "0.60", "reached"),
            ("1.00", "1.10", "missed"),
            ("1.00", "1.25", "missed"),
            ("96.00", "40.00", "reached"),
            ("42.00", "60.00", "missed"),
            ("1.30", "1.20", "reached"),
            ("0.30", "-", "not measured"),
        ];
        assert_eq!(verdicts.len(), expected.len());
        for (line, (limit, measured, verdict)) in verdicts.iter().zip(expected) {
            let cells: Vec<&str> = line.split(" | ").collect();
            assert!(
                cells[1].starts_with(limit) && cells[2].starts_with(measured) && cells[3].contains(verdict),
                "{line}"
            );
        }
    }

    #[test]
    fn a_contestant_that_failed_is_in_the_table_with_its_reason() {
        let mut results = results();
        results.of_file[0].outcome = Err("broken | pipe".into());
        let text = write(&results);
        assert!(text.contains("failed: broken / pipe"), "{text}");
        assert!(
            text.contains("large file, times nginx to curl over HTTP | 0.80 | - | not measured"),
            "{text}"
        );
    }
}
