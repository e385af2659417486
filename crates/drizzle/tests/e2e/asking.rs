//! What is asked of a tracker and of this machine: `list`, `search`, `locate`, `status`.

use std::fs;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use crate::support::folder::set_mtime;
use crate::support::home::Home;
use crate::support::noise;
use crate::support::process::{DEADLINE, number, text};
use crate::support::swarm::{Sharer, Tracker};
use crate::support::words;

/// S0.2, S0.4, S1.3, S1.9: a listing names every content once, with its own numbers and without locations;
/// two of one name are two. Would fail if one hid the other, or if a part of a name were not found.
#[test]
fn everything_registered_is_listed_and_found_by_a_part_of_its_name() {
    let tracker = Tracker::start();
    let (one, other) = (Home::new(), Home::new());
    let file = one.file("Report.txt", b"of one");
    set_mtime(&file, 1_000_000_000_500_000_000);
    fs::create_dir(other.join("notes")).unwrap();
    fs::write(other.join("notes/a"), noise::bytes(100_000, 1)).unwrap();
    let sharing = words!["share", other.join("notes"), other.file("Report.txt", b"of the other")];
    let mut second =
        other.start([sharing, words!["--listen", "127.0.0.1:0", "--tracker", tracker.at_file()]].concat());
    let shared = [second.until("shared"), second.until("shared")];
    let first = Sharer::start_at(&tracker, &one, &file);

    let asker = Home::new();
    let list = asker.run(words!["list", "--tracker", tracker.at_file()]);
    list.assert_code(0);
    let files = list.all("file");
    let names: Vec<_> = files.iter().map(|file| text(&file["name"])).collect();
    assert_eq!(names, ["Report.txt", "Report.txt", "notes"]);
    for told in [&shared[0], &shared[1], &first.shared] {
        let listed = files.iter().find(|file| file["hash"] == told["hash"]).unwrap();
        assert!(["name", "size", "chunks"].iter().all(|field| listed[field] == told[field]), "{listed}");
        assert_eq!(listed["peers"], 1);
    }
    let listed = files.iter().find(|file| file["hash"] == first.shared["hash"]).unwrap();
    assert_eq!(listed["mtime"], 1_000_000_000.5);
    assert!(list.events.iter().all(|event| event.get("address").is_none()), "no locations");

    let found = |more: &[&str]| {
        let more = more.iter().map(Into::into).collect::<Vec<_>>();
        let found = asker.run([words!["search", "--tracker", tracker.at_file()], more].concat());
        found.assert_code(0);
        found.all("file").len()
    };
    assert_eq!(found(&["port"]), 2);
    assert_eq!(found(&["report"]), 0);
    assert_eq!(found(&["--ignore-case", "report"]), 2);
    assert_eq!(found(&["otes"]), 1);
    assert_eq!(found(&["*"]), 0, "a pattern is a part of a name, not a wildcard");
}

/// S0.5, S0.6, S1.5: `locate` says who has which chunks, whole and in part, under numbers of their own. Would
/// fail if chunks under way were not registered until all are there.
#[test]
fn who_has_which_chunks_is_told_while_they_arrive() {
    let tracker = Tracker::start();
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", &noise::bytes(8 << 20, 2));
    let sharer = Sharer::start_at(&tracker, &there, &file);
    let mut get = here.start_get(&sharer.link(), words!["--limit-down", "200k"]);
    get.until("chunk");
    let asker = Home::new();
    let locate = |what: &str| {
        let located = asker.run(words!["locate", what, "--tracker", tracker.at_file()]);
        located.assert_code(0);
        located.events
    };
    let is_partial = |location: &serde_json::Value| {
        location["peer"] != sharer.peer.as_str() && location["chunks"] != json!([])
    };
    // What a fetch has got is told to the tracker about once a second.
    let (mut by_name, started) = (locate("data"), Instant::now());
    while !by_name.iter().any(is_partial) {
        assert!(started.elapsed() < DEADLINE, "what was fetched is not told to the tracker: {by_name:?}");
        by_name = locate("data");
    }
    let whole = by_name.iter().find(|location| location["peer"] == sharer.peer.as_str()).unwrap();
    assert_eq!(whole["chunks"], json!([[0, 127]]));
    assert_eq!(whole["address"], sharer.listen.to_string());
    let partial = by_name.iter().find(|location| is_partial(location)).unwrap();
    let runs = partial["chunks"].as_array().unwrap();
    let count: u64 = runs.iter().map(|run| number(&run[1]) - number(&run[0]) + 1).sum();
    assert!((1..128).contains(&count), "{partial}");
    assert_ne!(whole["number"], partial["number"]);
    assert!(locate(&sharer.link()).iter().any(|location| location["peer"] == sharer.peer.as_str()));
    get.end_by(Signal::KILL);
}

/// `status` knows what runs on this state directory and whether the tracker answers, and forgets what was
/// killed. Would fail if a process that is gone were still shown.
#[test]
fn what_runs_here_is_told_and_what_was_killed_is_not() {
    let tracker = Tracker::start();
    let there = Home::new();
    let file = there.file("data", b"some");
    let sharer = Sharer::start_at(&tracker, &there, &file);
    let status = |at: &[std::ffi::OsString]| {
        let status = there.run([words!["status"], at.to_vec()].concat());
        status.assert_code(0).only("status").clone()
    };
    let at = words!["--tracker", tracker.at_file()];
    let shown = status(&at);
    let process = &shown["processes"][0];
    assert_eq!((&process["role"], &process["names"]), (&json!("share"), &json!(["data"])));
    assert_eq!(process["pid"], sharer.process.id());
    assert_eq!(process["listen"], sharer.listen.to_string());
    assert_eq!((&shown["tracker"]["answers"], &shown["tracker"]["files"]), (&json!(true), &json!(1)));

    sharer.process.end_by(Signal::KILL);
    assert_eq!(status(&[])["processes"], json!([]));
    tracker.process.end_by(Signal::KILL);
    assert_eq!(status(&at)["tracker"]["answers"], json!(false));
}
