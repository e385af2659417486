//! Rings of many processes: what they keep survives a third of them, and what they know is found at once.

use std::time::{Duration, Instant};

use crate::rings::{Member, assert_same, eventually, file};
use crate::support::home::Home;
use crate::support::process::text;
use crate::support::words;

/// In full: 32 members and 256 MiB. Else what a busy machine does in seconds.
fn size() -> (usize, usize) {
    if std::env::var_os("DRIZZLE_RING_WHOLE").is_some() { (32, 256 << 20) } else { (9, 4 << 20) }
}

fn crowd(count: usize) -> Vec<Member> {
    let mut ring = vec![Member::start(words!["--open"])];
    while ring.len() < count {
        let member = Member::start(words!["--join", &ring[0].address]);
        ring.push(member);
    }
    ring
}

/// A third of the members are killed one after another, always one that keeps the file, and each as soon as three have all of it
/// again; the file is still there, byte for byte. Would fail for a ring that does not copy what a dead member kept.
#[test]
fn a_third_of_the_members_die_and_the_file_is_whole() {
    let (count, bytes) = size();
    let mut ring = crowd(count);
    let owner = Home::new();
    let path = file(&owner, "large", bytes);
    let stored = owner.run(words!["ring", "store", &path, "--join", &ring[0].address]);
    stored.assert_code(0);
    let hash = text(&stored.only("stored")["hash"]);
    let holders = |ring: &[Member]| ring.iter().filter(|member| member.has_whole(&hash)).count();
    eventually("three have all of it", || holders(&ring) >= 3);
    for _ in 0..count / 3 {
        let keeper = ring.iter().rposition(|member| member.has_whole(&hash)).unwrap();
        // The first one is the way in.
        ring.remove(keeper.max(1)).kill();
        eventually("three have all of it again", || holders(&ring) >= 3);
    }
    let asked = ring[0].ask(words!["request", "large", "-o", ring[0].home.out()]);
    asked.assert_code(0);
    assert_same(&path, &ring[0].home.out().join("large"));
}

/// From the start of the program to the first chunk. Debug code on a busy machine is given more; `cargo xtask bench ring` measures it.
const FOUND_WITHIN: Duration =
    if cfg!(debug_assertions) { Duration::from_secs(5) } else { Duration::from_millis(300) };

/// How often it is tried at most.
const TRIALS: usize = 3;

/// A hash is found in a ring of 32 in less than 300 ms, by a program that has never run before and knows no source.
#[test]
fn a_hash_is_found_at_once() {
    let ring = crowd(if std::env::var_os("DRIZZLE_RING_WHOLE").is_some() { 32 } else { 9 });
    let sharer = Home::new();
    let path = file(&sharer, "small", 100_000);
    let at = format!("ring://{}", ring[3].address);
    let mut sharing = sharer.start(words!["share", &path, "--listen", "127.0.0.1:0", "--tracker", at]);
    let link = text(&sharing.until("shared")["link"]);
    let (bare, _) = link.split_once("&x.pe=").unwrap();
    // Whatever else the machine does adds to it, and never takes from it.
    let mut times = Vec::new();
    while times.len() < TRIALS && times.iter().all(|time| *time >= FOUND_WITHIN) {
        let getter = Home::new();
        let started = Instant::now();
        let mut getting = getter.start_get(bare, words![]);
        getting.until("chunk");
        times.push(started.elapsed());
        getting.end().assert_code(0);
        assert_same(&path, &getter.out().join("small"));
    }
    println!("a ring of {}: the first chunk after {times:?}", ring.len());
    assert!(times.iter().any(|time| *time < FOUND_WITHIN), "{times:?}");
}
