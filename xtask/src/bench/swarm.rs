//! `cargo xtask bench swarm`: one seed, many peers that start at once, each on a host of the lab with a link of its own.
//!
//! Every contestant is a file of its own behind the trait [`contestant::Contestant`]. What is measured: how long until the
//! last peer has everything, against the least that any program could need, and how much the seed itself sent.

mod aria2;
mod contestant;
mod drizzle;
mod hook;
mod libtorrent;
mod options;
mod race;
mod report;
mod rqbit;
mod scenario;
mod torrent;
mod trace;
mod transmission;

use contestant::Contestant;
use drizzle::Drizzle;
pub(crate) use options::Options;
use report::{Results, Round};
use trace::Trace;

use super::tables::Participant;
use super::{machine, page, subject};
use crate::lab;
use crate::stage::{Corpus, RunError, Scratch, Shape, leftovers};

/// Room for what programs keep beside the content.
const ROOM_BESIDE_BYTES: u64 = 512 << 20;

/// Runs all scenarios, and writes the page, or prints the part where the run was not a full one.
pub(crate) fn run(options: &Options) -> Result<(), RunError> {
    leftovers::watch()?;
    if let Some(reason) = lab::obstacle() {
        return Err(RunError::NoLab { reason });
    }
    let binary = options.drizzle.clone().map_or_else(subject::build, Ok)?;
    let all = everyone(Drizzle { binary });
    let chosen: Vec<&dyn Contestant> =
        all.iter().map(Box::as_ref).filter(|one| options.chooses(one.key())).collect();
    let part = report::write(&measure(&chosen, options)?);
    match options.page() {
        Some(path) => page::write_part(path, "swarm", &part),
        None => {
            println!("{part}");
            Ok(())
        }
    }
}

fn everyone(drizzle: Drizzle) -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(drizzle),
        Box::new(libtorrent::Libtorrent),
        Box::new(rqbit::Rqbit),
        Box::new(aria2::Aria2),
        Box::new(transmission::Transmission),
    ]
}

fn measure(chosen: &[&dyn Contestant], options: &Options) -> Result<Results, RunError> {
    // Before the run adds to it, since the load is part of it.
    let machine = machine::describe();
    let participants: Vec<Participant> =
        chosen.iter().map(|one| Participant { name: one.name(), found: one.find() }).collect();
    let present = chosen.iter().zip(&participants).filter(|(_, participant)| participant.found.is_ok());
    let field: Vec<&dyn Contestant> = present.map(|(one, _)| *one).collect();
    let trace = options.trace.clone().map(Trace::new).transpose()?;
    let mut rounds = Vec::new();
    for scenario in options.scenarios() {
        eprintln!("bench swarm: {}", scenario.title);
        let copies = scenario.leechers.len() as u64 + 1;
        let scratch =
            Scratch::in_memory(&subject::target_dir(), copies * scenario.bytes + ROOM_BESIDE_BYTES)?;
        let corpus =
            Corpus::write(&scratch.folder("source")?, "large.bin", Shape::File { bytes: scenario.bytes })?;
        let course =
            race::Course { scenario: &scenario, corpus: &corpus, scratch: &scratch, trace: trace.as_ref() };
        let entries = race::run(&field, &course, options.runs());
        rounds.push(Round { scenario, entries });
    }
    Ok(Results { machine, participants, runs: options.runs(), is_quick: options.is_quick(), rounds })
}

#[cfg(test)]
mod tests {
    use super::options::Runs;
    use super::scenario::Scenario;
    use super::*;
    use crate::lab::Rate;

    /// Would fail when arguments no longer fit the program that is installed, or when it does not go on serving. Drizzle itself
    /// is run by the tests of the lab.
    #[test]
    fn every_other_contestant_that_is_here_brings_a_file_to_two() {
        if let Some(reason) = lab::obstacle() {
            eprintln!("skipped: {reason}");
            return;
        }
        let scenario = Scenario {
            key: "trial",
            title: "a trial",
            seed: Rate::mbit(100),
            leechers: vec![Rate::mbit(100); 2],
            bytes: 1 << 20,
        };
        let scratch = Scratch::in_memory(&std::env::temp_dir(), 64 << 20).unwrap();
        let shape = Shape::File { bytes: scenario.bytes };
        let corpus = Corpus::write(&scratch.folder("source").unwrap(), "large.bin", shape).unwrap();
        let course = race::Course { scenario: &scenario, corpus: &corpus, scratch: &scratch, trace: None };
        let others: [&dyn Contestant; 4] =
            [&libtorrent::Libtorrent, &rqbit::Rqbit, &aria2::Aria2, &transmission::Transmission];
        for other in others {
            if let Err(missing) = other.find() {
                eprintln!("skipped: {missing}");
                continue;
            }
            let entries = race::run(&[other], &course, Runs { drizzle: 1, others: 1 });
            let outcome = &entries[0].outcome;
            let figures = outcome.as_ref().unwrap_or_else(|reason| panic!("{}: {reason}", other.key()));
            assert!(figures.seed_sent >= 1.0 && figures.last.median >= scenario.bound(), "{figures:?}");
        }
    }
}
