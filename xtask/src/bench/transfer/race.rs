//! Several fetches of one content by every contestant, in turn: A B C, A B C, and so on.
//!
//! A first round, not counted, warms caches and is compared byte for byte. A contestant that fails drops out with its
//! reason; the others go on.

use std::time::Duration;

use super::attempt::{self, Check, Cost};
use super::contestant::{Contestant, Serving};
use crate::bench::statistics::Summary;
use crate::stage::Corpus;
use crate::stage::Scratch;

/// What one contestant reached.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) protection: &'static str,
    /// The figures, or why there are none.
    pub(crate) outcome: Result<Figures, String>,
}

/// Over all counted rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) wall: Summary,
    pub(crate) sender_cpu: Duration,
    pub(crate) receiver_cpu: Duration,
}

struct Lane<'a> {
    contestant: &'a dyn Contestant,
    serving: Result<Serving, String>,
    costs: Vec<Cost>,
}

/// Runs the rounds.
pub(crate) fn run(field: &[&dyn Contestant], corpus: &Corpus, scratch: &Scratch, runs: u32) -> Vec<Entry> {
    let field = field.iter().filter(|contestant| contestant.takes(corpus.shape));
    let mut lanes: Vec<Lane> = field.map(|contestant| Lane::open(*contestant, corpus, scratch)).collect();
    for round in 0..=runs {
        for lane in &mut lanes {
            lane.run(round, corpus, scratch);
        }
    }
    lanes.into_iter().map(Lane::close).collect()
}

impl<'a> Lane<'a> {
    fn open(contestant: &'a dyn Contestant, corpus: &Corpus, scratch: &Scratch) -> Self {
        let serving = attempt::serve(contestant, corpus, scratch).map_err(|error| error.to_string());
        Self { contestant, serving, costs: Vec::new() }
    }

    fn run(&mut self, round: u32, corpus: &Corpus, scratch: &Scratch) {
        let Ok(serving) = &self.serving else { return };
        let check = if round == 0 { Check::Compared } else { Check::Trusted };
        match attempt::time(serving, corpus, scratch, check) {
            Ok(cost) => {
                eprintln!("  {} round {round}: {:.3} s", self.contestant.key(), cost.wall.as_secs_f64());
                if round > 0 {
                    self.costs.push(cost);
                }
            }
            Err(error) => {
                eprintln!("  {} round {round}: {error}", self.contestant.key());
                self.serving = Err(error.to_string());
            }
        }
    }

    fn close(self) -> Entry {
        let Self { contestant, serving, costs } = self;
        let figures = || {
            let median = |of: fn(&Cost) -> Duration| Summary::of(costs.iter().map(of));
            Some(Figures {
                wall: median(|cost| cost.wall)?,
                sender_cpu: median(|cost| cost.sender_cpu)?.median,
                receiver_cpu: median(|cost| cost.receiver_cpu)?.median,
            })
        };
        let outcome = serving.and_then(|_| figures().ok_or_else(|| "no counted round".to_owned()));
        Entry { key: contestant.key(), name: contestant.name(), protection: contestant.protection(), outcome }
    }
}
