//! `cargo xtask bench transfer`: one sender, one receiver, everything on this machine.
//!
//! Every contestant is a file of its own behind the trait [`contestant::Contestant`]. What is measured: the wall time
//! of one large file and of many small ones, peak memory, and how soon a share is ready.

mod aria2;
mod attempt;
pub(super) mod contestant;
mod curl;
pub(super) mod drizzle;
mod libtorrent;
mod memory;
mod nginx;
mod options;
pub(super) mod race;
mod report;
mod rqbit;
mod rsync;
mod several;
mod size;
pub(super) mod standings;
mod start;

use std::fs;

use contestant::Contestant;
use drizzle::Drizzle;
pub(crate) use options::Options;
use report::Results;
use size::Size;

use super::tables::Participant;
use super::{machine, subject};
use crate::stage::{Corpus, RunError, Scratch, leftovers};

/// Runs all scenarios, and writes the page, or prints the part where the run was not a full one.
pub(crate) fn run(options: &Options) -> Result<(), RunError> {
    leftovers::watch()?;
    let drizzle = Drizzle { binary: options.ends.binary()? };
    let all = everyone(&drizzle);
    let chosen: Vec<&dyn Contestant> =
        all.iter().map(Box::as_ref).filter(|one| options.chooses(one.key())).collect();
    let results = measure(&drizzle, &chosen, options.size(), options.runs())?;
    options.ends.publish("transfer", &report::write(&results), options.is_full())
}

fn everyone(drizzle: &Drizzle) -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(drizzle.clone()),
        Box::new(several::Several(drizzle.clone())),
        Box::new(curl::Curl(nginx::Scheme::Http)),
        Box::new(curl::Curl(nginx::Scheme::Https)),
        Box::new(rsync::Rsync),
        Box::new(aria2::Aria2),
        Box::new(rqbit::Rqbit),
        Box::new(libtorrent::Libtorrent),
    ]
}

fn measure(
    drizzle: &Drizzle,
    chosen: &[&dyn Contestant],
    size: Size,
    runs: u32,
) -> Result<Results, RunError> {
    // Before the run adds to it, since the load is part of it.
    let machine = machine::describe();
    let participants: Vec<Participant> =
        chosen.iter().map(|one| Participant { name: one.name(), found: one.find() }).collect();
    let present = chosen.iter().zip(&participants).filter(|(_, participant)| participant.found.is_ok());
    let field: Vec<&dyn Contestant> = present.map(|(one, _)| *one).collect();
    let with_drizzle = field.iter().any(|one| one.key() == drizzle.key());

    let scratch = Scratch::in_memory(&subject::target_dir(), size.memory_needed())?;
    let file = Corpus::write(&scratch.folder("file")?, "large.bin", size.file())?;
    let folder = Corpus::write(&scratch.folder("folder")?, "many", size.folder())?;
    say("one large file");
    let of_file = race::run(&field, &file, &scratch, runs);
    say("many small files");
    let of_folder = race::run(&field, &folder, &scratch, runs);
    say("memory");
    let memory = memory::run(&field, &file, &scratch);
    let (first_start, second_start) = if with_drizzle {
        say("first and second start");
        let first = start::first(drizzle, &file, &scratch, runs);
        (Some(first), Some(start::second(drizzle, &folder, &scratch, runs)))
    } else {
        (None, None)
    };
    drop(scratch);
    let memory_huge = with_drizzle.then(|| measure_huge(drizzle, size).map_err(|error| error.to_string()));
    Ok(Results {
        machine,
        participants,
        runs,
        size,
        of_file,
        of_folder,
        memory,
        memory_huge,
        first_start,
        second_start,
    })
}

/// On disk, since it may be larger than the memory.
fn measure_huge(drizzle: &Drizzle, size: Size) -> Result<memory::Need, RunError> {
    say("memory with a huge file, on disk");
    let parent = subject::target_dir();
    fs::create_dir_all(&parent).map_err(RunError::disk("create", &parent))?;
    let scratch = Scratch::on_disk(&parent, size.disk_needed())?;
    let huge = Corpus::write(&scratch.folder("file")?, "huge.bin", size.huge_file())?;
    let mut needs = memory::run(&[drizzle], &huge, &scratch);
    Ok(needs.remove(0))
}

fn say(what: &str) {
    eprintln!("bench transfer: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::RunError;
    use crate::stage::Shape;

    /// Speaks as `drizzle` does, and copies. In the folder `lie` it leaves a byte out.
    const STAND_IN: &str = r#"#!/bin/sh
case $1 in
--version) echo "stand-in" ;;
tracker) echo '{"event":"ready","invite":"none"}'; exec sleep 1000 ;;
share) echo '{"event":"ready"}'; echo '{"event":"shared","link":"drizzle:?'"$2"'"}'; exec sleep 1000 ;;
get) cp -r "${2#drizzle:?}" "$4"; case $2 in */lie/*) truncate -s -1 "$4"/* ;; esac ;;
esac
"#;

    fn scratch() -> Scratch {
        Scratch::on_disk(&std::env::temp_dir(), 1 << 20).unwrap()
    }

    /// Would fail when a server's configuration or a client's arguments no longer fit the program that is installed.
    #[test]
    fn every_contestant_that_is_here_brings_a_file_and_a_folder() {
        let scratch = scratch();
        let shapes = [
            ("file.bin", Shape::File { bytes: 300_001 }),
            ("many", Shape::Folder { files: 30, sub_folders: 3, file_bytes: 100 }),
        ];
        let corpora =
            shapes.map(|(name, shape)| Corpus::write(&scratch.folder(name).unwrap(), name, shape).unwrap());
        let all = everyone(&Drizzle::stand_in(&scratch, STAND_IN));
        for contestant in &all {
            if let Err(missing) = contestant.find() {
                eprintln!("skipped: {missing}");
                continue;
            }
            for corpus in corpora.iter().filter(|corpus| contestant.takes(corpus.shape)) {
                let entries = race::run(&[contestant.as_ref()], corpus, &scratch, 2);
                let figures = entries[0]
                    .outcome
                    .as_ref()
                    .unwrap_or_else(|reason| panic!("{}: {reason}", contestant.key()));
                assert!(figures.wall.min <= figures.wall.median && figures.wall.median <= figures.wall.max);
            }
        }
        assert!(!scratch.path().join("target").exists(), "a fetch left its target behind");
    }

    #[test]
    fn what_arrives_damaged_drops_out_with_its_reason() {
        let scratch = scratch();
        let corpus =
            Corpus::write(&scratch.folder("lie").unwrap(), "file.bin", Shape::File { bytes: 5000 }).unwrap();
        let drizzle = Drizzle::stand_in(&scratch, STAND_IN);
        let entries = race::run(&[&drizzle], &corpus, &scratch, 1);
        assert!(
            entries[0].outcome.as_ref().unwrap_err().contains("4999 bytes, sent were 5000"),
            "{entries:?}"
        );
    }

    #[test]
    fn memory_and_starts_are_measured() {
        let scratch = scratch();
        let corpus =
            Corpus::write(&scratch.folder("file").unwrap(), "file.bin", Shape::File { bytes: 5000 }).unwrap();
        let drizzle = Drizzle::stand_in(&scratch, STAND_IN);
        let needs = memory::run(&[&drizzle], &corpus, &scratch);
        let peaks = needs[0].outcome.as_ref().unwrap();
        assert!(peaks.sender > 100_000 && peaks.receiver > 100_000, "{peaks:?}");
        assert!(start::first(&drizzle, &corpus, &scratch, 2).share.unwrap().min > std::time::Duration::ZERO);
        assert!(start::second(&drizzle, &corpus, &scratch, 2).is_ok());
    }

    #[test]
    fn a_drizzle_that_does_not_serve_is_a_failure_with_what_it_said() {
        let scratch = scratch();
        let corpus =
            Corpus::write(&scratch.folder("file").unwrap(), "file.bin", Shape::File { bytes: 5000 }).unwrap();
        let refuses = "#!/bin/sh\necho '{\"event\":\"error\",\"message\":\"port taken\"}'; exit 1\n";
        let drizzle = Drizzle::stand_in(&scratch, refuses);
        let failed = drizzle.share(&corpus, scratch.path()).unwrap_err();
        assert!(
            matches!(failed, RunError::Ended { .. }) && failed.to_string().contains("port taken"),
            "{failed}"
        );
    }
}
