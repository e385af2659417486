//! Must a third of a ring be lost, one after another, what it keeps is whole.
//!
//! In full (32 hosts, 256 MiB) with
//!
//! ```text
//! DRIZZLE_RING_WHOLE=1 cargo test --release -p xtask --test lab -- --nocapture a_third
//! ```

use std::time::Instant;

use super::circle::{Member, end_all, ended_with, eventually, only};
use crate::ground::{Ground, even};

const MIB: u64 = 1 << 20;
const GIGABIT: u32 = 1000;
/// What a file is kept by.
const REPLICAS: usize = 3;

/// In full, or what a busy machine does in seconds: how many members, and how large a file.
fn size() -> (usize, u64) {
    if std::env::var_os("DRIZZLE_RING_WHOLE").is_some() { (32, 256 * MIB) } else { (9, 4 * MIB) }
}

/// A third of the members are killed with SIGKILL, one after another and always one that keeps the file, each as soon as three have all
/// of it again: at the interval at which the ring repairs itself. Would fail for a ring that does not copy what a dead member
/// kept, or that counts a copy which has not come yet.
#[test]
fn a_third_of_the_hosts_die_and_the_file_is_whole() {
    let (count, bytes) = size();
    // The source, what the guest fetches, and a copy at each that ever keeps it.
    let room = (count as u64 / 3 + 3 * REPLICAS as u64) * bytes + 64 * MIB;
    let Some(ground) = Ground::with_room(&even(GIGABIT, count + 1), room) else { return };
    let mut ring = vec![Member::start(&ground, 0, &["--open"])];
    let first = ring[0].address();
    for host in 1..count {
        ring.push(Member::start(&ground, host, &["--open", "--join", &first]));
    }
    let guest = ground.seat(count);
    let file = ground.named_file(count, "large", bytes).path();
    let began = Instant::now();
    let words = ["ring", "store", file.to_str().unwrap(), "--join", &first];
    let told = ended_with(0, guest.run(&words, super::circle::HEALS_WITHIN).unwrap());
    let hash = only(&told, "stored").text("hash");
    println!("{count} members, {} MiB: stored in {:.2?}", bytes / MIB, began.elapsed());

    let holders = |ring: &[Member]| ring.iter().filter(|member| member.has_whole(&hash)).count();
    eventually("three have all of it", || holders(&ring) >= REPLICAS);
    for death in 1..=count / 3 {
        // The first member is the way in, and stays.
        let keeper = ring.iter().rposition(|member| member.has_whole(&hash)).unwrap().max(1);
        ring.remove(keeper).peer.crash();
        let died = Instant::now();
        eventually("three have all of it again", || holders(&ring) >= REPLICAS);
        println!("death {death}: three have it again after {:.2?}", died.elapsed());
    }
    let out = guest.output();
    let words = ["ring", "request", "large", "--join", &first, "--output", out.to_str().unwrap()];
    ended_with(0, guest.run(&words, super::circle::HEALS_WITHIN).unwrap());
    xtask::stage::same(&file, &out.join("large")).unwrap();
    end_all(ring);
}
