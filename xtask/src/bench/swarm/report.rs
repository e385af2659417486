//! The part of the page that `bench swarm` writes: who took part, the figures, and what was to be reached.

use std::fmt::Write;

use super::drizzle::KEY as DRIZZLE;
use super::options::Runs;
use super::race::{Entry, Figures};
use super::scenario::Scenario;
use crate::bench::page;
use crate::bench::page::Column::{Figure, Text};
use crate::bench::tables::{self, Participant, Target, failed};

/// Scenarios in which the seed's link is the narrowest place, so that what it sends twice is lost.
const SEED_BOUND: [&str; 2] = ["equal", "slow-seed"];

const TIMES_BOUND_MAX: f64 = 1.10;
const SEED_SENT_MAX: f64 = 1.10;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) machine: Vec<(&'static str, String)>,
    pub(crate) participants: Vec<Participant>,
    pub(crate) runs: Runs,
    pub(crate) is_quick: bool,
    pub(crate) rounds: Vec<Round>,
}

/// One scenario and how everyone did in it.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) scenario: Scenario,
    pub(crate) entries: Vec<Entry>,
}

/// The whole part, in Markdown.
pub(crate) fn write(results: &Results) -> String {
    let mut text = String::from("## Swarm: one seed, eight peers\n\n");
    if results.is_quick {
        text.push_str("**A quick look with little content: not the figures that are asked for.**\n\n");
    }
    let opening = format!(
        "Real processes on hosts that are network namespaces with shaped links, memory to memory; runs of Drizzle: {}, \
         of each other program: {}, in turn. All peers start at once and go on serving until the last one has \
         everything; every copy is compared. Times are wall clock from the start of the first peer to the end of the \
         last, median, fastest and slowest. The bound is for the bare bytes of the file; the headers of Ethernet, IP \
         and TCP alone take 4.5 % more, in what is sent as well.\n",
        results.runs.drizzle, results.runs.others
    );
    let targets: Vec<Target> = results.rounds.iter().flat_map(targets).collect();
    let parts = [
        opening,
        tables::machine(&results.machine),
        tables::participants(&results.participants),
        format!("### What was to be reached\n\n{}", tables::targets(&targets)),
    ];
    for part in parts.into_iter().chain(results.rounds.iter().map(round)) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{part}");
    }
    text
}

fn targets(round: &Round) -> Vec<Target> {
    let Round { scenario, entries } = round;
    let own = entries.iter().find(|entry| entry.key == DRIZZLE).and_then(|entry| entry.outcome.as_ref().ok());
    let last = Target {
        what: format!("{}: last peer, times the bound", scenario.key),
        limit: TIMES_BOUND_MAX,
        unit: "",
        measured: own.map(|figures| times_bound(figures, scenario)),
    };
    let sent = Target {
        what: format!("{}: what the seed sent, in file sizes", scenario.key),
        limit: SEED_SENT_MAX,
        unit: "",
        measured: own.map(|figures| figures.seed_sent),
    };
    let is_seed_bound = SEED_BOUND.contains(&scenario.key);
    [last].into_iter().chain(is_seed_bound.then_some(sent)).collect()
}

fn round(round: &Round) -> String {
    let Round { scenario, entries } = round;
    let mebibytes = scenario.bytes >> 20;
    let bound = scenario.bound().as_secs_f64();
    let rows: Vec<_> = entries.iter().map(|entry| row(entry, scenario)).collect();
    let figures = ["median s", "min s", "max s", "times the bound", "worst own", "seed sent"].map(Figure);
    let head = [&[Text("program"), Text("protection")][..], &figures].concat();
    let own =
        "Worst own: the most that any peer took, as a multiple of what its own link and the seed's allow it.";
    format!(
        "### {}\n\n{mebibytes} MiB, bound {bound:.2} s. {own}\n\n{}",
        scenario.title,
        page::table(&head, &rows)
    )
}

fn row(entry: &Entry, scenario: &Scenario) -> Vec<String> {
    match &entry.outcome {
        Ok(figures) => vec![
            entry.name.to_owned(),
            entry.protection.to_owned(),
            tables::seconds(figures.last.median),
            tables::seconds(figures.last.min),
            tables::seconds(figures.last.max),
            format!("{:.2}", times_bound(figures, scenario)),
            format!("{:.2}", figures.worst_own),
            format!("{:.2}", figures.seed_sent),
        ],
        Err(reason) => failed(&[entry.name, entry.protection], reason, 8),
    }
}

fn times_bound(figures: &Figures, scenario: &Scenario) -> f64 {
    figures.last.median.as_secs_f64() / scenario.bound().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::statistics::Summary;

    fn results() -> Results {
        let figures = |seconds, seed_sent| Figures {
            last: Summary::of([Duration::from_secs(seconds)]).unwrap(),
            worst_own: 1.5,
            seed_sent,
        };
        let entry = |key, outcome| Entry { key, name: key, protection: "none", outcome };
        let [equal, slow, mixed] = <[Scenario; 3]>::try_from(Scenario::all(false)).unwrap();
        let rounds = vec![
            Round {
                scenario: equal,
                entries: vec![entry(DRIZZLE, Ok(figures(11, 1.2))), entry("other", Err("a | b".into()))],
            },
            Round { scenario: slow, entries: vec![entry(DRIZZLE, Ok(figures(15, 1.05)))] },
            Round { scenario: mixed, entries: vec![entry("other", Ok(figures(30, 1.0)))] },
        ];
        Results {
            machine: vec![],
            participants: vec![],
            runs: Runs { drizzle: 1, others: 1 },
            is_quick: false,
            rounds,
        }
    }

    #[test]
    fn each_target_gets_its_verdict_and_a_failure_its_reason() {
        let text = write(&results());
        for line in [
            "equal: last peer, times the bound | 1.10 | 1.02 | reached",
            "equal: what the seed sent, in file sizes | 1.10 | 1.20 | **missed**",
            "slow-seed: last peer, times the bound | 1.10 | 1.12 | **missed**",
            "slow-seed: what the seed sent, in file sizes | 1.10 | 1.05 | reached",
            "mixed: last peer, times the bound | 1.10 | - | not measured",
            "| other | none | failed: a / b | - |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("mixed: what the seed sent"), "its bound is not the seed's link");
    }
}
