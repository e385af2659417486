//! B6: on a local network peers find each other with no configuration at all, and closed networks are not found.

use std::process::Output;

use serde_json::Value;
use xtask::lab::{Host, Link};

use crate::binary::binary;
use crate::ground::{FINISHED_WITHIN, Ground, fetched};

const NOBODY_ANSWERS: i32 = 5;
const NOT_FOUND: i32 = 3;

/// Runs the program to its end on a host that knows nothing.
fn run(host: &Host, words: &[&str]) -> (Option<i32>, Vec<Value>) {
    let home = tempfile::tempdir().unwrap();
    let mut command = host.command(binary());
    command.env_clear().env("HOME", home.path()).args(["--json", "--state"]).arg(home.path().join("state"));
    let Output { status, stdout, .. } = command.args(words).output().unwrap();
    let events = String::from_utf8(stdout).unwrap();
    (status.code(), events.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn texts<'a>(events: &'a [Value], kind: &str, field: &str) -> Vec<&'a str> {
    let of_kind = events.iter().filter(|event| event["event"] == kind);
    of_kind.filter_map(|event| event[field].as_str()).collect()
}

/// Would fail if an open share were not announced or not found, if a closed one were, or if who finds it could not fetch.
#[test]
fn what_is_shared_openly_is_found_by_its_name_alone() {
    let Some(ground) = Ground::new(&[Link::FREE; 3]) else { return };
    let hosts = ground.lab().hosts();
    let (code, events) = run(&hosts[1], &["list"]);
    assert_eq!(code, Some(NOBODY_ANSWERS), "nobody is there yet: {events:?}");

    let (open, closed) = (ground.file(0, 3), ground.file(2, 1));
    let (_sharer, shared) = ground.seat(0).share(&open.path(), &["--open", "--name", "open"]).unwrap();
    let (_other, _) = ground.seat(2).share(&closed.path(), &["--name", "closed"]).unwrap();
    for words in [&["list"][..], &["search", "o"], &["locate", "open"]] {
        let (code, events) = run(&hosts[1], words);
        assert_eq!(code, Some(0), "{words:?}: {events:?}");
        let addresses = texts(&events, "found", "address");
        assert!(matches!(addresses[..], [address] if address.starts_with("10.77.0.1:")), "{events:?}");
        let names = [texts(&events, "file", "name"), texts(&events, "location", "name")].concat();
        assert_eq!(names, ["open"], "{words:?}: {events:?}");
    }
    let mut peer = ground.seat(1).get("open", &[]).unwrap();
    let done = peer.wait_until_done(FINISHED_WITHIN, |_| {}).unwrap();
    assert_eq!(fetched(&done), open.shape.bytes());
    assert_eq!(done["from"].as_object().unwrap().keys().collect::<Vec<_>>(), [&shared.peer]);

    let (code, events) = run(&hosts[1], &["get", "closed", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(NOT_FOUND), "{events:?}");
    let (code, _) = run(&hosts[1], &["list", "--discovery=false"]);
    assert_eq!(code, Some(2));
}

/// A tracker is found for all who share through it, and no longer when it is gone or does not want to be found.
#[test]
fn an_open_tracker_is_found_while_it_is_there() {
    let Some(ground) = Ground::new(&[Link::FREE; 3]) else { return };
    let hosts = ground.lab().hosts();
    let (hidden, _) = ground.seat(0).tracker_with(&["--open", "--discovery=false"]).unwrap();
    assert_eq!(run(&hosts[2], &["list"]).0, Some(NOBODY_ANSWERS));
    drop(hidden);
    let (tracker, invite) = ground.seat(0).tracker_with(&["--open"]).unwrap();
    let corpus = ground.file(1, 1);
    let (_sharer, _) = ground.seat(1).share(&corpus.path(), &["--tracker", &invite]).unwrap();
    let mut peer = ground.seat(2).get(&corpus.name, &[]).unwrap();
    peer.wait_until_done(FINISHED_WITHIN, |_| {}).unwrap();
    ground.assert_arrived(2, &corpus);
    // Without a goodbye: what it announced is still remembered, and nobody answers there.
    tracker.crash();
    assert_eq!(run(&hosts[2], &["list"]).0, Some(NOBODY_ANSWERS));
}
