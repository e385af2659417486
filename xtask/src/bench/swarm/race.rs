//! Runs of one scenario by every contestant, in turn, each in a lab of its own.
//!
//! All leechers are started at once, from behind a gate; the clock runs from there until the last has everything. Every copy is
//! compared byte for byte. A contestant that fails drops out with its reason; the others go on.

use std::path::Path;
use std::time::{Duration, Instant};

use super::contestant::{Contestant, Ground, Leecher};
use super::drizzle;
use super::options::Runs;
use super::scenario::Scenario;
use super::trace::Trace;
use crate::bench::statistics::Summary;
use crate::lab::Lab;
use crate::stage::gate::Gate;
use crate::stage::{self, Corpus, Line, RunError, Running, Scratch};

/// What is waited for at most, as a multiple of the bound, and what every program gets beside.
const TIMES_BOUND_MAX: u32 = 15;
const START_MAX: Duration = Duration::from_secs(30);

/// What one contestant reached.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) protection: &'static str,
    /// The figures, or why there are none.
    pub(crate) outcome: Result<Figures, String>,
}

/// Over all runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Until the last leecher had everything.
    pub(crate) last: Summary,
    /// The most that any leecher took, as a multiple of what its own link allows; the median run.
    pub(crate) worst_own: f64,
    /// What the seed's link carried, in file sizes; the median run.
    pub(crate) seed_sent: f64,
}

/// One run of one contestant.
#[derive(Debug)]
struct Run {
    each: Vec<Duration>,
    seed_sent_bytes: u64,
}

/// What the runs of one scenario have in common.
#[derive(Debug)]
pub(crate) struct Course<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) corpus: &'a Corpus,
    pub(crate) scratch: &'a Scratch,
    pub(crate) trace: Option<&'a Trace>,
}

/// Runs the rounds.
pub(crate) fn run(field: &[&dyn Contestant], course: &Course, runs: Runs) -> Vec<Entry> {
    let mut lanes: Vec<_> = field.iter().map(|contestant| (*contestant, Ok(Vec::new()))).collect();
    for round in 1..=runs.drizzle.max(runs.others) {
        for (contestant, results) in &mut lanes {
            let Some(done) = results.as_mut().ok().filter(|_| round <= runs.of(*contestant)) else {
                continue;
            };
            match once(*contestant, course) {
                Ok(run) => {
                    tell(*contestant, round, &run, course.scenario);
                    done.push(run);
                }
                Err(error) => {
                    eprintln!("  {} run {round}: {error}", contestant.key());
                    *results = Err(error.to_string());
                }
            }
        }
    }
    lanes.into_iter().map(|(contestant, results)| entry(contestant, results, course.scenario)).collect()
}

impl Runs {
    fn of(self, contestant: &dyn Contestant) -> u32 {
        if contestant.key() == drizzle::KEY { self.drizzle } else { self.others }
    }
}

fn once(contestant: &dyn Contestant, course: &Course) -> Result<Run, RunError> {
    let Course { scenario, corpus, scratch, trace } = *course;
    let leechers = scenario.leechers.len();
    let mut lab = Lab::new(&scenario.links())?;
    let mut gate = Gate::new(&scratch.folder("run")?)?;
    lab.hosts_mut().iter_mut().skip(1).take(leechers).for_each(|host| host.hold(&gate));
    let ground = Ground { lab: &lab, corpus, scratch, trace, leechers };
    let run = compete(contestant, scenario, &ground, &mut gate);
    clear(&ground.run_folder());
    run
}

fn compete(
    contestant: &dyn Contestant,
    scenario: &Scenario,
    ground: &Ground,
    gate: &mut Gate,
) -> Result<Run, RunError> {
    let seed = contestant.seed(ground)?;
    let before = ground.seed_host().traffic()?.sent;
    let leechers = (0..ground.leechers).map(|leecher| contestant.leech(ground, &seed, leecher));
    let mut leechers = leechers.collect::<Result<Vec<Leecher>, _>>()?;
    let started = gate.open(leechers.len())?;
    let deadline = started + scenario.bound() * TIMES_BOUND_MAX + START_MAX;
    let each = leechers
        .iter_mut()
        .enumerate()
        .map(|(number, leecher)| {
            let mut trace =
                ground.trace.map(|trace| trace.open(contestant.key(), number, started)).transpose()?;
            let at =
                finished(leecher, deadline, |line| trace.as_mut().map_or(Ok(()), |trace| trace.note(line)))?;
            Ok(at.saturating_duration_since(started))
        })
        .collect::<Result<Vec<Duration>, RunError>>()?;
    let seed_sent_bytes = ground.seed_host().traffic()?.sent - before;
    let targets: Vec<_> = leechers.iter().map(|leecher| leecher.target.clone()).collect();
    // No time is spent on goodbyes.
    leechers.into_iter().map(|leecher| leecher.running).chain(seed.running).for_each(Running::crash);
    targets.iter().try_for_each(|target| stage::same(&ground.corpus.path(), target))?;
    Ok(Run { each, seed_sent_bytes })
}

fn finished(
    leecher: &mut Leecher,
    deadline: Instant,
    mut look: impl FnMut(&Line) -> Result<(), RunError>,
) -> Result<Instant, RunError> {
    loop {
        let limit = deadline.saturating_duration_since(Instant::now());
        let line = leecher.running.next_line("have everything", limit)?;
        look(&line)?;
        if (leecher.says_finished)(&line.text) {
            return Ok(line.at);
        }
    }
}

fn entry(contestant: &dyn Contestant, results: Result<Vec<Run>, String>, scenario: &Scenario) -> Entry {
    let outcome = results.and_then(|runs| figures(&runs, scenario).ok_or_else(|| "no run".to_owned()));
    Entry { key: contestant.key(), name: contestant.name(), protection: contestant.protection(), outcome }
}

fn figures(runs: &[Run], scenario: &Scenario) -> Option<Figures> {
    Some(Figures {
        last: Summary::of(runs.iter().map(Run::last))?,
        worst_own: median(runs.iter().map(|run| run.worst_own(scenario)))?,
        seed_sent: median(runs.iter().map(|run| run.seed_sent(scenario)))?,
    })
}

impl Run {
    fn last(&self) -> Duration {
        self.each.iter().copied().max().unwrap_or_default()
    }

    fn worst_own(&self, scenario: &Scenario) -> f64 {
        let own = self.each.iter().enumerate();
        own.map(|(leecher, time)| time.as_secs_f64() / scenario.bound_of(leecher).as_secs_f64())
            .fold(0.0, f64::max)
    }

    fn seed_sent(&self, scenario: &Scenario) -> f64 {
        self.seed_sent_bytes as f64 / scenario.bytes as f64
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    Some((upper + sorted[(sorted.len() - 1) / 2]) / 2.0)
}

fn tell(contestant: &dyn Contestant, round: u32, run: &Run, scenario: &Scenario) {
    let (last, bound) = (run.last().as_secs_f64(), scenario.bound().as_secs_f64());
    let (times, sent, own) = (last / bound, run.seed_sent(scenario), run.worst_own(scenario));
    eprintln!(
        "  {} run {round}: {last:.2} s, {times:.3} times the bound, seed sent {sent:.3}, worst own {own:.3}",
        contestant.key()
    );
}

/// Makes room for the next run.
fn clear(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        eprintln!("warning: cannot clear {}: {error}", folder.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_medians_of_the_runs_and_the_worst_of_the_peers() {
        let scenario = &Scenario::all(false)[2];
        let run = |millis: [u64; 8], file_sizes: u64| Run {
            each: millis.map(Duration::from_millis).to_vec(),
            seed_sent_bytes: scenario.bytes * file_sizes,
        };
        let even = [13_422, 13_422, 5369, 5369, 2684, 2684, 2684, 2684];
        let mut odd = even;
        odd[7] = 5369;
        let runs = [run(even, 1), run(odd, 3), run(odd, 2)];
        let figures = figures(&runs, scenario).unwrap();
        assert_eq!(figures.last.median, Duration::from_millis(13_422));
        assert!(
            (figures.worst_own - 2.0).abs() < 0.001 && (figures.seed_sent - 2.0).abs() < 0.001,
            "{figures:?}"
        );
        assert!(figures_of_none(scenario));
    }

    fn figures_of_none(scenario: &Scenario) -> bool {
        figures(&[], scenario).is_none()
    }
}
