//! Whole runs: trackers, synchronizers and foreign peers, until every folder is the same.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use crate::folders::{at, folder, put, until_same};
use crate::peers::{Foreign, HAS_PYTHON, synchronizer, tracker};
use crate::support::home::Home;
use crate::support::noise;
use crate::support::process::LEAVING_MAX;
use crate::support::swarm::Sharer;
use crate::support::words;

/// Larger than a read of any of the peers, and no multiple of one.
const LARGE: usize = 300_001;

fn no_trace_of_parts(dir: &Path) {
    assert!(!dir.join(".drizzle").exists(), "{} holds what was left behind", dir.display());
}

/// S2.1, S2.5: the two-folder example. Each gets the other's file with its time, to the nanosecond; what appears or
/// changes later comes as well (S2.3), and Ctrl-C ends it cleanly.
#[test]
fn two_folders_become_the_same() {
    let home = Home::new();
    let (_tracker, port) = tracker(&home);
    let (time_a, time_b) =
        (at(1_700_000_000, 0.0), at(1_700_000_100, 0.0) + Duration::from_nanos(123_456_789));
    let large = noise::bytes(LARGE, 1);
    let one = folder(&home, "one", &[("fileA.txt", b"of one", time_a), ("same", b"older", time_a)]);
    let other = folder(&home, "other", &[("fileB.txt", &large, time_b), ("same", b"newer", time_b)]);
    let homes = [Home::new(), Home::new()];
    let first = synchronizer(&homes[0], &one, port);
    let mut files = vec![
        ("fileA.txt", &b"of one"[..], time_a),
        ("fileB.txt", &large, time_b),
        ("same", b"newer", time_b),
    ];
    let mut second = synchronizer(&homes[1], &other, port);
    let applied = second.until("applied");
    assert_eq!((&applied["path"], &applied["action"]), (&"fileA.txt".into(), &"create".into()));
    until_same(&[&one, &other], &files);
    let later = at(1_700_000_200, 0.5);
    put(&one, "later ü.txt", b"of one, later", later);
    put(&other, "fileA.txt", b"changed by other", later);
    files[0] = ("fileA.txt", b"changed by other", later);
    files.push(("later ü.txt", b"of one, later", later));
    until_same(&[&one, &other], &files);
    while second.until("in-sync")["files"] != 4 {}
    for (process, dir) in [(first, &one), (second, &other)] {
        let ended = process.end_by(Signal::INT);
        ended.assert_code(0);
        assert!(ended.took < LEAVING_MAX, "{ended:?}");
        no_trace_of_parts(dir);
    }
}

/// A file's name, bytes and time.
type Known = (&'static str, Vec<u8>, SystemTime);

/// The files of two folders, of which each has one that is newer than the other's.
fn two_folders(home: &Home) -> ([std::path::PathBuf; 2], Vec<Known>) {
    let (early, late) = (at(1_700_000_000, 0.0), at(1_700_000_001, 0.5));
    let (a, b) = (noise::bytes(LARGE, 2), noise::bytes(100_000, 3));
    let one = folder(home, "one", &[("a", &a, early), ("both", b"newer", late), ("empty", b"", late)]);
    let other = folder(home, "other", &[("b", &b, late), ("both", b"old", early)]);
    let files =
        vec![("a", a, early), ("b", b, late), ("both", b"newer".to_vec(), late), ("empty", vec![], late)];
    ([one, other], files)
}

fn until_all_same(dirs: &[&Path], files: &[(&str, Vec<u8>, SystemTime)]) {
    let files: Vec<_> = files.iter().map(|(name, bytes, time)| (*name, &bytes[..], *time)).collect();
    until_same(dirs, &files);
}

/// S2.1: foreign peers of one dialect and the program's tracker, with messages that are cut and joined.
#[test]
fn foreign_peers_find_each_other_through_the_tracker() {
    if !*HAS_PYTHON {
        return;
    }
    for dialect in ["--dialect unframed", "--dialect lf"] {
        let home = Home::new();
        let (_tracker, port) = tracker(&home);
        let (dirs, files) = two_folders(&home);
        let _one = Foreign::peer(&dirs[0], port, &format!("{dialect} --cut 7"));
        let _other = Foreign::peer(&dirs[1], port, &format!("{dialect} --join --slow-read 0.001"));
        until_all_same(&[&dirs[0], &dirs[1]], &files);
    }
}

/// S2.6: foreign peers and a foreign tracker of one dialect, with two synchronizers among them. The foreign ones cut what they
/// send, close early, close only when the next caller comes, and read slowly.
#[test]
fn synchronizers_live_with_a_foreign_tracker_and_foreign_peers() {
    if !*HAS_PYTHON {
        return;
    }
    for dialect in ["--dialect unframed", "--dialect lf"] {
        let home = Home::new();
        let tracker = Foreign::tracker(&format!("{dialect} --cut 3"));
        let (dirs, mut files) = two_folders(&home);
        let own = at(1_700_000_007, 0.25);
        let (three, four) = (folder(&home, "three", &[("c", b"of three", own)]), folder(&home, "four", &[]));
        files.push(("c", b"of three".to_vec(), own));
        let homes = [Home::new(), Home::new()];
        let _three = synchronizer(&homes[0], &three, tracker.port);
        let _four = synchronizer(&homes[1], &four, tracker.port);
        let _one = Foreign::peer(&dirs[0], tracker.port, &format!("{dialect} --lazy-close --cut 5"));
        let early = if dialect.ends_with("lf") { "--early 1" } else { "" };
        let flags = format!("{dialect} --slow-read 0.001 {early}");
        let _other = Foreign::peer(&dirs[1], tracker.port, &flags);
        until_all_same(&[&dirs[0], &dirs[1], &three, &four], &files);
    }
}

/// A reply that ends too early is fetched again and not kept, in either dialect, though only one of them tells the length.
#[test]
fn short_files_are_fetched_again() {
    if !*HAS_PYTHON {
        return;
    }
    for dialect in ["--dialect unframed", "--dialect lf"] {
        let home = Home::new();
        let tracker = Foreign::tracker(dialect);
        let (dirs, files) = two_folders(&home);
        let _one = Foreign::peer(&dirs[0], tracker.port, &format!("{dialect} --early 1 --every 100"));
        let here = folder(&home, "here", &[]);
        let synchronizer_home = Home::new();
        let _here = synchronizer(&synchronizer_home, &here, tracker.port);
        let of_one: Vec<_> = files.into_iter().filter(|(name, ..)| *name != "b").collect();
        until_all_same(&[&here], &of_one);
    }
}

/// One peer of each dialect, which cannot speak to each other, and a synchronizer that passes on what each has. Would fail if the
/// tracker sent either to the other: both would wait for ever.
#[test]
fn a_synchronizer_stands_between_the_dialects() {
    if !*HAS_PYTHON {
        return;
    }
    let home = Home::new();
    let (_tracker, port) = tracker(&home);
    let (dirs, files) = two_folders(&home);
    let here = folder(&home, "here", &[]);
    let synchronizer_home = Home::new();
    let synced = synchronizer(&synchronizer_home, &here, port);
    let _one = Foreign::peer(&dirs[0], port, "--dialect unframed --lazy-close --cut 2");
    let _other = Foreign::peer(&dirs[1], port, "--dialect lf --join");
    until_all_same(&[&dirs[0], &dirs[1], &here], &files);
    synced.end_by(Signal::TERM).assert_code(0);
    no_trace_of_parts(&here);
}

/// S2.4: the file of a native peer is in the directory, with that peer's address, and classic peers of both dialects get it from
/// there, with its time. A tracker that is not classic tells its peers nothing of the kind, so they answer nobody.
#[test]
fn classic_peers_get_the_files_of_native_ones() {
    let (home, there) = (Home::new(), Home::new());
    let (_tracker, port) = tracker(&home);
    let (large, time) = (noise::bytes(LARGE, 5), at(1_700_000_003, 0.5));
    let shared = folder(&there, "shared", &[("native", &large, time)]);
    let mut at_file = std::ffi::OsString::from("@");
    at_file.push(home.join("invite"));
    let _sharer = Sharer::start_with(&there, &shared.join("native"), words!["--tracker", at_file]);
    let names = ["a", "b", "c"];
    let dirs = names.map(|name| folder(&home, name, &[]));
    let synchronizer_home = Home::new();
    let _synced = synchronizer(&synchronizer_home, &dirs[0], port);
    let foreign = ["--dialect unframed", "--dialect lf"];
    let with_foreign = if *HAS_PYTHON { &foreign[..] } else { &[] };
    let _foreign: Vec<_> =
        with_foreign.iter().zip(&dirs[1..]).map(|(flags, dir)| Foreign::peer(dir, port, flags)).collect();
    for dir in &dirs[..1 + with_foreign.len()] {
        until_same(&[dir], &[("native", &large, time)]);
    }
    let plain = Home::new();
    let alone = Sharer::start(&plain, &plain.file("native", b"of nobody's business"));
    let mut caller = std::net::TcpStream::connect(alone.listen).unwrap();
    std::io::Write::write_all(&mut caller, b"native\n").unwrap();
    let mut reply = String::new();
    let _ = std::io::Read::read_to_string(&mut caller, &mut reply);
    assert!(!reply.contains("business"), "{reply}");
}

/// What has bytes is not replaced by nothing: a peer that has lost a file sends just as much.
#[test]
fn an_empty_reply_replaces_no_bytes() {
    if !*HAS_PYTHON {
        return;
    }
    let home = Home::new();
    let tracker = Foreign::tracker("--dialect lf");
    let there = folder(&home, "there", &[("a", b"", at(1_800_000_000, 0.0))]);
    let _there = Foreign::peer(&there, tracker.port, "--dialect lf");
    let here = folder(&home, "here", &[("a", b"bytes", at(1_700_000_000, 0.0))]);
    let synchronizer_home = Home::new();
    let mut synced = synchronizer(&synchronizer_home, &here, tracker.port);
    assert_eq!(synced.until("refused")["name"], "a");
    assert_eq!(fs::read(here.join("a")).unwrap(), b"bytes");
}

/// Nobody keeps a classic peer out, so a tracker that others reach speaks to them only where everyone may come in.
#[test]
fn a_closed_tracker_is_classic_on_loopback_alone() {
    let home = Home::new();
    let refused = home.run(words!["tracker", "0.0.0.0", "0", "--classic", "--data", home.join("data")]);
    refused.assert_error(2, "usage", "loopback");
    assert!(!home.join("data").exists(), "nothing was begun");
    let mut open =
        home.start(words!["tracker", "0.0.0.0", "0", "--classic", "--open", "--data", home.join("data")]);
    open.until("ready");
}

/// What cannot work is told at once.
#[test]
fn a_synchronizer_without_its_folder_or_tracker_says_so() {
    let home = Home::new();
    let dir = folder(&home, "dir", &[]);
    home.run(words!["sync", &dir, "--classic", "127.0.0.1", "1"]).assert_error(
        5,
        "unreachable",
        "127.0.0.1:1",
    );
    home.run(words!["sync", home.join("none"), "--classic", "127.0.0.1", "1"]).assert_error(
        3,
        "not-found",
        "none",
    );
    home.run(words!["sync", &dir, "--classic", "127.0.0.1", "x"]).assert_error(2, "usage", "port");
    home.run(words!["sync", &dir]).assert_error(2, "usage", "--classic");
}
