//! How much memory and time the directory takes at the size that it is made for: 100,000 peers with 100 files each.
//!
//! `cargo run --release -p drizzle-directory --example scale [FILES]`: FILES is how many different files there are
//! (default a million, so ten holders each). Memory is what the process has resident, so the allocator's waste is in it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for whoever works on this crate")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use drizzle_directory::{Claim, Directory, Filter, Registration, Target};
use drizzle_model::{ContentHash, ContentKind, FileKey, Mtime, PeerId, RelPath, Time};

const PEERS: u64 = 100_000;
const FILES_EACH: u64 = 100;
const RENEWALS: u64 = 1_000_000;
/// The newest modification time that is taken here.
const MTIME_MAX: Mtime = Mtime::from_seconds(2_000_000_000);

fn main() {
    let files: u64 = std::env::args().nth(1).map_or(1_000_000, |files| files.parse().unwrap());
    let before = resident_bytes();
    let mut directory = Directory::new();
    let started = Instant::now();
    for number in 0..PEERS {
        join(&mut directory, number, files);
    }
    let pairs = PEERS * FILES_EACH;
    report("register", started.elapsed(), pairs);
    let bytes = resident_bytes() - before;
    println!("memory: {bytes} bytes, {:.1} for each pair of a file and a peer", bytes as f64 / pairs as f64);

    let started = Instant::now();
    for step in 0..RENEWALS {
        directory.renew(at(1 + step / 30_000), &peer(mix(step) % PEERS), None).unwrap();
    }
    report("renew", started.elapsed(), RENEWALS);

    measure_questions(&mut directory, files);

    let started = Instant::now();
    directory.leave(at(60), &peer(7)).unwrap();
    report("leave", started.elapsed(), 1);
    let started = Instant::now();
    directory.expire(at(10_000));
    report("expire everyone", started.elapsed(), PEERS);
    let started = Instant::now();
    while !directory.sweep() {}
    report("forget what they held", started.elapsed(), pairs);
}

fn measure_questions(directory: &mut Directory, files: u64) {
    let middle = key(files / 2);
    let started = Instant::now();
    let page = directory.list(at(50), &Filter::all(), Some(&middle), 1000);
    report("page of 1,000 files", started.elapsed(), page.files.len() as u64);
    for (what, filter) in [
        ("page of a search without a hit", Filter::containing("no such name")),
        ("the same, folded", Filter::containing_folded("no such NAME")),
    ] {
        let started = Instant::now();
        let page = directory.list(at(50), &filter, None, 1000);
        assert!(page.files.is_empty());
        report(what, started.elapsed(), 1);
    }
    let started = Instant::now();
    for seed in 0..10_000 {
        assert!(!directory.locate(at(50), &Target::Hash(key(mix(seed) % files).hash), seed).is_empty());
    }
    report("locate", started.elapsed(), 10_000);
}

fn join(directory: &mut Directory, number: u64, files: u64) {
    let address = SocketAddr::from(([10, (number >> 16) as u8, (number >> 8) as u8, number as u8], 7441));
    directory.join(at(0), peer(number), Some(address)).unwrap();
    let registrations = (0..FILES_EACH).map(|n| Registration {
        key: key((number * FILES_EACH + n) % files),
        mtime: Mtime::default(),
        claim: Claim::All,
    });
    let verdicts = directory.register(at(0), &peer(number), registrations, MTIME_MAX).unwrap();
    assert!(verdicts.iter().all(Result::is_ok));
}

/// A name of 28 bytes, in an order that is not that of registration.
fn key(number: u64) -> FileKey {
    let name = format!("data/{:016x}.bin-{:02}", mix(number), number % 100);
    let hash: Vec<u8> = (0..4).flat_map(|part| mix(number ^ part << 60).to_be_bytes()).collect();
    FileKey {
        name: RelPath::new(&name).unwrap(),
        hash: ContentHash::from_bytes(hash.try_into().unwrap()),
        size: 1 << 20,
        chunks: 16,
        kind: ContentKind::File,
    }
}

fn peer(number: u64) -> PeerId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&mix(number).to_be_bytes());
    PeerId::from_bytes(bytes)
}

fn at(seconds: u64) -> Time {
    Time::after_origin(Duration::from_secs(seconds))
}

fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (number ^ number >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ number >> 32
}

fn report(what: &str, took: Duration, times: u64) {
    let each = took.as_secs_f64() * 1e6 / times as f64;
    println!("{what}: {took:.1?}, {each:.2} us each");
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
