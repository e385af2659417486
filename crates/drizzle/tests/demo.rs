//! The three demonstrations (S4.6): each shows what it is to show, ends with 0, and leaves nothing behind.
//!
//! That the exit code is worth something is shown by the code of the scenarios themselves: what was seen decides it. Here
//! the transcript is held against it a second time, by its words.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What is told in one demonstration. It runs in a home and a temporary folder of its own, both empty afterwards.
fn play(scenario: &str) -> Vec<String> {
    let (home, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_drizzle"))
        .args(["--json", "demo", scenario])
        .env_clear()
        .env("HOME", home.path())
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    for left in [&home, &folder] {
        assert_eq!(fs::read_dir(left.path()).unwrap().count(), 0, "something is left behind");
    }
    let steps = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    steps
        .map(|step| {
            assert_eq!((&step["event"], &step["scenario"]), (&"step".into(), &scenario.into()));
            step["text"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn count(told: &[String], holds: impl Fn(&str) -> bool) -> usize {
    told.iter().filter(|line| holds(line)).count()
}

#[test]
fn two_peers_swap_files() {
    let told = play("standard");
    for (who, name, from) in [("Ann", "beta.bin", "Bob"), ("Bob", "alpha.bin", "Ann")] {
        let chunks = count(&told, |line| {
            line.starts_with(&format!("{who} has chunk "))
                && line.ends_with(&format!(" of {name} from {from}"))
        });
        assert_eq!(chunks, 16, "{told:#?}");
        assert_eq!(count(&told, |line| line == format!("{who} has all of {name}, verified")), 1);
    }
}

#[test]
fn a_source_that_changes_its_file_is_named_and_nobody_gets_the_change() {
    let told = play("integrity");
    assert_eq!(
        count(&told, |line| line.starts_with("Bob has chunk ") && line.ends_with("from Ann")),
        16,
        "{told:#?}"
    );
    assert_eq!(count(&told, |line| line.contains("from Mallory")), 0, "{told:#?}");
    assert!(count(&told, |line| line.starts_with("Bob refuses what Mallory has: ")) > 0, "{told:#?}");
    assert_eq!(count(&told, |line| line.starts_with("Carl has ")), 0, "{told:#?}");
    assert_eq!(count(&told, |line| line.starts_with("Carl says: ")), 1, "{told:#?}");
}

/// The chunks that came to somebody, in order, with the one they came from.
fn chunks<'a>(told: &'a [String], who: &str) -> Vec<(&'a str, &'a str)> {
    let begin = format!("{who} has chunk ");
    let lines = told.iter().filter_map(|line| line.strip_prefix(&begin)?.split_once(" of film.bin from "));
    lines.collect()
}

#[test]
fn what_the_partial_holder_lacks_is_asked_for_first() {
    let told = play("rarest");
    let entrance = told.iter().position(|line| line.contains("Eve fetches it")).unwrap();
    let held = chunks(&told[..entrance], "Part");
    let came_meanwhile = chunks(&told[entrance..], "Part");
    let eve = chunks(&told, "Eve");
    assert_eq!(eve.len(), 128, "{told:#?}");
    let has = |list: &[(&str, &str)], chunk: &str| list.iter().any(|(other, _)| *other == chunk);
    let from_full = eve.iter().filter(|(chunk, from)| *from == "Full" && !has(&came_meanwhile, chunk));
    let is_rare: Vec<bool> = from_full.map(|(chunk, _)| !has(&held, chunk)).collect();
    let rare = is_rare.iter().filter(|is_rare| **is_rare).count();
    let early = is_rare[..rare].iter().filter(|is_rare| **is_rare).count();
    assert!(rare >= 8 && early * 100 >= rare * 85, "{early} of {rare} rare chunks came first: {told:#?}");
}
