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

/// A third of the members are killed one after another, each as soon as what the last one kept is kept again; the file is
/// still there, byte for byte. Would fail for a ring that does not copy what a dead member kept.
#[test]
fn a_third_of_the_members_die_and_the_file_is_whole() {
    let (count, bytes) = size();
    let mut ring = crowd(count);
    let owner = Home::new();
    let path = file(&owner, "large", bytes);
    let stored = owner.run(words!["ring", "store", &path, "--join", &ring[0].address]);
    stored.assert_code(0);
    let copies = |ring: &[Member]| ring.iter().map(Member::files).sum::<u64>();
    for _ in 0..count / 3 {
        let keeper = ring.iter().rposition(|member| member.files() > 0).unwrap();
        // The first one is the way in.
        ring.remove(keeper.max(1)).kill();
        eventually("three keep it again", || copies(&ring) >= 3);
    }
    let asked = ring[0].ask(words!["request", "large", "-o", ring[0].home.out()]);
    asked.assert_code(0);
    assert_same(&path, &ring[0].home.out().join("large"));
}

/// A hash is found in a ring of 32 in less than 300 ms, from the start of the program to the first byte; with debug code on a
/// busy machine in no more than some seconds.
#[test]
fn a_hash_is_found_at_once() {
    let ring = crowd(if std::env::var_os("DRIZZLE_RING_WHOLE").is_some() { 32 } else { 9 });
    let sharer = Home::new();
    let path = file(&sharer, "small", 100_000);
    let at = format!("ring://{}", ring[3].address);
    let mut sharing = sharer.start(words!["share", &path, "--listen", "127.0.0.1:0", "--tracker", at]);
    let link = text(&sharing.until("shared")["link"]);
    let (bare, _) = link.split_once("&x.pe=").unwrap();
    let getter = Home::new();
    let started = Instant::now();
    let mut getting = getter.start_get(bare, words![]);
    getting.until("chunk");
    let took = started.elapsed();
    println!("a ring of {}: the first chunk after {} ms", ring.len(), took.as_millis());
    assert!(took < Duration::from_secs(5), "{took:?}");
    getting.end().assert_code(0);
    assert_same(&path, &getter.out().join("small"));
}
