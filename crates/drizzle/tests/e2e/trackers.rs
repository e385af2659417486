//! Trackers that are not there, that go away, and that come back.

use std::net::TcpListener;
use std::time::Instant;

use rustix::process::Signal;

use crate::support::folder::assert_same;
use crate::support::home::Home;
use crate::support::noise;
use crate::support::process::DEADLINE;
use crate::support::swarm::{Sharer, Tracker};
use crate::support::words;

/// Without its tracker nothing begins, and whoever asks is told so at once.
#[test]
fn a_tracker_that_is_not_there_is_told() {
    let tracker = Tracker::start();
    let at = tracker.at_file();
    let Tracker { home, port: _port, process, .. } = tracker;
    process.end_by(Signal::KILL);
    let file = home.file("file", b"data");
    for words in [
        words!["list"],
        words!["search", "x"],
        words!["locate", "x"],
        words!["get", "x"],
        words!["share", &file, "--listen", "127.0.0.1:0"],
    ] {
        home.run([words, words!["--tracker", &at]].concat()).assert_error(5, "unreachable", "tracker");
    }
}

/// B4: a tracker is killed in the middle of a transfer. The transfer ends well, who shares goes on sharing,
/// and when the tracker is back, at the same place and with the same data, all is listed again. Would fail if
/// a transfer needed its tracker, or if peers did not come back by themselves.
#[test]
fn transfers_go_on_while_the_tracker_is_down_and_peers_come_back() {
    let tracker = Tracker::start();
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", &noise::bytes(6 << 20, 1));
    let mut sharer = Sharer::start_at(&tracker, &there, &file);
    let mut get = here.start_get(&sharer.link(), words!["--limit-down", "2MiB", "--refresh", "1"]);
    get.until("chunk");
    let Tracker { home, port, process, invite, .. } = tracker;
    process.end_by(Signal::KILL);
    get.end().assert_code(0);
    assert_same(&file, &here.out().join("data"));

    // The link holds its tracker, and the address of the one who shares.
    sharer.process.until_said("it is tried again");
    let tracker = Tracker::start_at(home, port, words![]);
    assert_eq!(tracker.invite, invite, "the same network");
    sharer.process.until_said("the tracker is back");
    let started = Instant::now();
    while tracker.names() != ["data"] {
        assert!(started.elapsed() < DEADLINE, "the one who shares did not come back");
    }
    let second = Home::new();
    second.run(words!["get", "data", "-o", second.out(), "--tracker", tracker.at_file()]).assert_code(0);
    assert_same(&file, &second.out().join("data"));
    sharer.process.end_by(Signal::INT).assert_code(0);
    assert_eq!(tracker.names(), Vec::<String>::new());
}

/// B4, S0.3: who shares and is killed is listed until its lease is over; a fetch by name then finds that
/// nobody answers, and says so. It must not be told that nobody has it.
#[test]
fn a_source_that_was_killed_does_not_answer() {
    let tracker = Tracker::start();
    let (there, here) = (Home::new(), Home::new());
    let sharer = Sharer::start_at(&tracker, &there, &there.file("data", b"data"));
    sharer.process.end_by(Signal::KILL);
    let get = words!["get", "data", "-o", here.out(), "--tracker", tracker.at_file(), "--patience", "1"];
    here.run(get).assert_error(5, "unreachable", "data");
}

/// A port that another program has is named, with what to do.
#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (home, address) = (Home::new(), taken.local_addr().unwrap());
    let file = home.file("data", b"data");
    let port = address.port().to_string();
    let shared = home.run(words!["share", &file, "--listen", address.to_string()]);
    let tracked = home.run(words!["tracker", "127.0.0.1", &port]);
    let got = home.run(words![
        "get",
        format!("drizzle:?xt=urn:blake3:{}&dn=x&xl=1", "17".repeat(32)),
        "--tracker",
        format!("tracker://{address}/{}", "17".repeat(32)),
        "--listen",
        address.to_string(),
    ]);
    for ended in [shared, tracked, got] {
        ended.assert_error(1, "other", &port);
        assert!(ended.only("error")["hint"].is_string(), "{ended:?}");
    }
}

/// Who shares without a tracker runs one of its own: its invite lets others share and find in the same
/// network.
#[test]
fn an_embedded_tracker_is_a_tracker() {
    let (one, other, here) = (Home::new(), Home::new(), Home::new());
    let mut first = one.start(words!["share", one.file("a", b"of one"), "--listen", "127.0.0.1:0"]);
    let invite = crate::support::process::text(&first.until("ready")["invite"]);
    first.until("shared");
    let at = here.file("invite", invite.as_bytes());
    let at = words!["--tracker", format!("@{}", at.display())];
    let _second = Sharer::start_with(&other, &other.file("b", b"of the other"), at.clone());
    let listed = here.run([words!["list"], at.clone()].concat());
    assert_eq!(listed.assert_code(0).all("file").len(), 2);
    here.run([words!["get", "a", "b", "-o", here.out()], at].concat()).assert_code(0);
    assert_eq!(std::fs::read(here.out().join("b")).unwrap(), b"of the other");
}
