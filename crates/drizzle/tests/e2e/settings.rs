//! Settings take effect wherever they are said: as a flag, in the environment, in the config file.

use std::fs;

use crate::support::folder::assert_no_diff;
use crate::support::home::Home;
use crate::support::process::Running;
use crate::support::swarm::{Sharer, Tracker};
use crate::support::words;

/// S1.10: the flag counts before the environment, that before the file, that before the default; each is
/// shown by where a fetched file lands. Would fail if one of them were not read, or read in another order.
#[test]
fn the_flag_counts_before_the_environment_and_that_before_the_file() {
    let tracker = Tracker::start();
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", b"where does it land?");
    let _sharer = Sharer::start_at(&tracker, &there, &file);
    let config = here.join("my.toml");
    let run = |flags: Vec<std::ffi::OsString>, variables: &[(&str, &std::path::Path)]| {
        let words = [words!["get", "data", "--listen", "127.0.0.1:0"], flags].concat();
        let mut command = here.command(words);
        command.env("DRIZZLE_CONFIG", &config).envs(variables.iter().copied());
        Running::start(command).end()
    };
    let invite = format!("tracker = \"@{}\"\n", tracker.home.join("invite").display());
    fs::write(&config, format!("{invite}[get]\noutput = \"by file\"\n")).unwrap();
    let variable = [("DRIZZLE_OUTPUT", &*here.join("by variable"))];
    run(words!["-o", here.join("by flag")], &variable).assert_code(0);
    run(words![], &variable).assert_code(0);
    run(words![], &[]).assert_code(0);
    fs::write(&config, invite).unwrap();
    run(words![], &[]).assert_code(0);
    for place in ["by flag/data", "by variable/data", "by file/data", "data"] {
        assert_no_diff(&file, &here.join(place));
    }
}

/// The tracker's invite may come from the environment too, so that it is not in the list of processes.
#[test]
fn an_invite_in_the_environment_is_enough() {
    let tracker = Tracker::start();
    let home = Home::new();
    let mut command = home.command(words!["list"]);
    command.env("DRIZZLE_TRACKER", &tracker.invite);
    Running::start(command).end().assert_code(0);
    home.run(words!["list", "--discovery=false"]).assert_error(2, "usage", "no tracker");
}

/// S0.10: unfinished data lies where it was asked for, and nowhere when it is done. Would fail if
/// `--partial-dir` were not heeded, or left anything.
#[test]
fn unfinished_data_lies_where_it_is_told_to() {
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", &crate::support::noise::bytes(4 << 20, 1));
    let sharer = Sharer::start(&there, &file);
    let partial = here.join("elsewhere");
    let mut get = here.start_get(&sharer.link(), words!["--limit-down", "500k", "--partial-dir", &partial]);
    get.until("chunk");
    assert_eq!(fs::read_dir(&partial).unwrap().count(), 1);
    assert_eq!(fs::read_dir(here.out()).unwrap().count(), 0, "nothing in the target yet");
    drop(get);
    let got = here.start_get(&sharer.link(), words!["--partial-dir", &partial]).end();
    got.assert_code(0);
    assert!(got.fetched() < 4 << 20, "what was there counts");
    assert_no_diff(&file, &here.out().join("data"));
    assert_eq!(fs::read_dir(&partial).unwrap().count(), 0);
}

/// A limit holds: what comes at most so fast takes at least so long.
#[test]
fn a_limit_is_kept() {
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", &crate::support::noise::bytes(3 << 20, 3));
    let sharer = Sharer::start(&there, &file);
    let got = here.start_get(&sharer.link(), words!["--limit-down", "2MiB"]).end();
    got.assert_code(0);
    let seconds = got.only("done")["seconds"].as_f64().unwrap();
    assert!(seconds > 0.9, "3 MiB at 2 MiB/s, some of them at once, took {seconds} s");
}

/// What goes to one peer is held to its rate, at either end. Would fail if the limits of peers were not heeded.
#[test]
fn a_limit_for_each_peer_is_kept() {
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", &crate::support::noise::bytes(3 << 20, 3));
    let limits = [("share", words!["--peer-limit-up", "2MiB"]), ("get", words!["--peer-limit-down", "2MiB"])];
    for (at, limit) in limits {
        let (of_share, of_get) = if at == "share" { (limit, words![]) } else { (words![], limit) };
        let sharer = Sharer::start_with(&there, &file, of_share);
        let got = here.start_get(&sharer.link(), of_get).end();
        got.assert_code(0);
        let seconds = got.only("done")["seconds"].as_f64().unwrap();
        assert!(seconds > 0.9, "{at}: 3 MiB at 2 MiB/s, some of them at once, took {seconds} s");
        fs::remove_file(here.out().join("data")).unwrap();
    }
}

/// A link is a secret: in a file it is out of the list of processes.
#[test]
fn links_may_stand_in_a_file() {
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", b"by a link in a file");
    let sharer = Sharer::start(&there, &file);
    let links = here.file("links", format!("{}\n", sharer.link()).as_bytes());
    here.start_get(&format!("@{}", links.display()), words![]).end().assert_code(0);
    assert_no_diff(&file, &here.out().join("data"));
}

/// S0.11: what is said to the tracker, served to peers and fetched from peers can each be shown on its own. Would fail
/// if a message stood under another source, or if none came.
#[test]
fn each_source_of_messages_is_shown_on_its_own() {
    let sources = ["drizzle::tracker", "drizzle::serve", "drizzle::fetch"];
    for shown in sources {
        let (tracker, there, here) = (Tracker::start(), Home::new(), Home::new());
        let file = there.file("data", b"data");
        let filter = format!("{shown}=trace");
        let more = words!["--tracker", tracker.at_file(), "--log", &filter];
        let sharer = Sharer::start_with(&there, &file, more);
        let got = here.start_get(&sharer.link(), words!["--log", &filter]).end();
        got.assert_code(0);
        let ended = sharer.process.end_by(rustix::process::Signal::INT);
        let said = got.stderr + &ended.stderr;
        assert!(said.contains(shown), "{shown} says nothing");
        for other in sources.iter().filter(|other| **other != shown) {
            assert!(!said.contains(other), "{other} beside {shown}: {said}");
        }
        assert!(!said.contains(&tracker.invite), "an invite is a secret");
    }
}
