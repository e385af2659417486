//! Leases end exactly when they should, whatever is called, and never come back by themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use drizzle_directory::{Claim, Directory, Filter, Have, NotServing, Registration, Target, UnknownPeer};
use drizzle_model::{ChunkRun, ContentHash, ContentKind, FileKey, Mtime, PeerId, RelPath, Time};
use proptest::prelude::*;

const NANOSECOND: Duration = Duration::from_nanos(1);
/// The newest modification time that is taken here.
const MTIME_MAX: Mtime = Mtime::from_seconds(2_000_000_000);

fn peer(byte: u8) -> PeerId {
    PeerId::from_bytes([byte; 32])
}

fn file() -> Registration {
    let key = FileKey {
        name: RelPath::new("a").unwrap(),
        hash: ContentHash::from_bytes([9; 32]),
        size: 1,
        chunks: 1,
        kind: ContentKind::File,
    };
    Registration { key, mtime: Mtime::default(), claim: Claim::All }
}

/// Peer 1 has a file; its lease began at the origin.
fn directory() -> Directory {
    let mut directory = Directory::new();
    directory.join(Time::ORIGIN, peer(1), Some("10.0.0.1:1".parse().unwrap())).unwrap();
    directory.register(Time::ORIGIN, &peer(1), [file()], MTIME_MAX).unwrap();
    directory
}

fn at(after: Duration) -> Time {
    Time::ORIGIN + after
}

fn is_listed(directory: &mut Directory, now: Time) -> bool {
    !directory.list(now, &Filter::all(), None, 10).files.is_empty()
}

#[test]
fn a_lease_ends_at_180_seconds_for_every_call() {
    let lease = Duration::from_secs(180);
    assert_eq!(Directory::LEASE, lease);
    for (now, is_there) in [(lease - NANOSECOND, true), (lease, false)].map(|(d, t)| (at(d), t)) {
        assert_eq!(is_listed(&mut directory(), now), is_there, "list");
        let located = directory().locate(now, &Target::Name(file().key.name), 0);
        assert_eq!(!located[0].holders.is_empty(), is_there, "locate");
        assert_eq!(directory().renew(now, &peer(1), None).is_ok(), is_there, "renew");
        assert_eq!(directory().leave(now, &peer(1)).is_ok(), is_there, "leave");
        assert_eq!(directory().register(now, &peer(1), [file()], MTIME_MAX).is_ok(), is_there, "register");
        let mut directory = directory();
        directory.expire(now);
        assert_eq!(directory.poll_departure().map(|gone| gone.peer), (!is_there).then(|| peer(1)), "expire");
    }
}

/// A clock that jumps back, or a renewal that overtakes a later one, must not shorten a lease.
#[test]
fn a_lease_never_gets_shorter() {
    let mut directory = directory();
    directory.renew(at(Duration::from_secs(100)), &peer(1), None).unwrap();
    directory.renew(at(Duration::from_secs(1)), &peer(1), None).unwrap();
    assert!(is_listed(&mut directory, at(Duration::from_secs(279))));
    assert!(!is_listed(&mut directory, at(Duration::from_secs(280))));
}

/// Its number may belong to another peer by then, and its files to nobody.
#[test]
fn a_late_renewal_brings_nothing_back() {
    let mut directory = directory();
    let later = at(Directory::LEASE);
    let number = directory.join(later, peer(2), None).unwrap();
    assert_eq!(number.number(), 1, "the number is free again");
    assert_eq!(directory.renew(later, &peer(1), Some("10.0.0.1:1".parse().unwrap())), Err(UnknownPeer));
    assert!(!is_listed(&mut directory, later));
    assert_eq!(
        directory.register(later, &peer(1), [file()], MTIME_MAX),
        Err(NotServing::Unknown(UnknownPeer)),
        "it has to join first"
    );
}

/// What a peer registered anew is what counts, however late an older renewal of its arrives, and so it is with what another
/// peer put in its place. Would fail if a renewal carried anything but the lease.
#[test]
fn a_late_renewal_does_not_bring_back_what_was_replaced() {
    let mut directory = directory();
    let key = FileKey { size: 4 << 16, chunks: 4, ..file().key };
    let first_chunk = Claim::Runs(vec![ChunkRun { first: 0, last: 0 }]);
    let with = |claim: &Claim| Registration { key: key.clone(), claim: claim.clone(), ..file() };
    let early = at(Duration::from_secs(10));
    directory.register(early, &peer(1), [with(&Claim::All)], MTIME_MAX).unwrap();
    directory.register(early, &peer(1), [with(&first_chunk)], MTIME_MAX).unwrap();
    directory.renew(at(Duration::from_secs(1)), &peer(1), None).unwrap();
    let holders = |directory: &mut Directory, now| {
        let located = directory.locate(now, &Target::Name(key.name.clone()), 0);
        let of_key = located.into_iter().find(|file| *file.key == key);
        of_key.map(|file| (file.registrar, file.holders)).unwrap()
    };
    let (_, held) = holders(&mut directory, early);
    assert!(matches!(&held[0].have, Have::Part(chunks) if chunks.count() == 1), "{held:?}");

    // Another peer registers the same file when the first one is gone, and the first one's renewal comes after that.
    let later = early + Directory::LEASE;
    directory.join(later, peer(2), Some("10.0.0.2:1".parse().unwrap())).unwrap();
    directory.register(later, &peer(2), [with(&Claim::All)], MTIME_MAX).unwrap();
    for now in [later, early] {
        assert_eq!(directory.renew(now, &peer(1), Some("10.0.0.1:1".parse().unwrap())), Err(UnknownPeer));
        let (registrar, held) = holders(&mut directory, later);
        let held: Vec<_> = held.iter().map(|holder| (holder.peer, &holder.have)).collect();
        assert_eq!((registrar, held), (peer(1), vec![(peer(2), &Have::All)]));
    }
    directory.check_invariants();
}

proptest! {
    /// Clocks that jump, to and fro, by seconds and by days: a peer is there for a call exactly if no call before, nor this one,
    /// came 180 s or more after the latest of its renewals by the time that they carried.
    #[test]
    fn a_jumping_clock_ends_leases_at_180_seconds_and_brings_nobody_back(
        jumps in prop::collection::vec(
            (prop_oneof![-400_i64..400, Just(180), Just(-180), Just(179), Just(86_400), Just(-86_400)], 0..3_u8), 1..60)
    ) {
        let mut directory = directory();
        let (mut now_s, mut deadline_s, mut is_there) = (0_i64, 180_i64, true);
        for (jump, call) in jumps {
            now_s = (now_s + jump).max(0);
            is_there &= now_s < deadline_s;
            let now = at(Duration::from_secs(now_s.unsigned_abs()));
            match call {
                0 => prop_assert_eq!(directory.renew(now, &peer(1), None).is_ok(), is_there),
                1 => {
                    let verdicts = directory.register(now, &peer(1), [file()], MTIME_MAX);
                    prop_assert_eq!(verdicts.is_ok(), is_there);
                }
                _ => directory.expire(now),
            }
            if call == 0 && is_there {
                deadline_s = deadline_s.max(now_s + 180);
            }
            prop_assert_eq!(is_listed(&mut directory, now), is_there);
            directory.check_invariants();
        }
    }
}

#[test]
fn renewing_does_not_change_the_version() {
    let mut directory = directory();
    let version = directory.version();
    directory.renew(at(Duration::from_secs(5)), &peer(1), Some("10.0.0.1:1".parse().unwrap())).unwrap();
    assert_eq!(directory.version(), version);
    directory.renew(at(Duration::from_secs(5)), &peer(1), Some("10.0.0.2:1".parse().unwrap())).unwrap();
    assert!(directory.version() > version, "another address is another answer");
}

/// A peer with very many files is gone at once for whoever asks for a source; forgetting the rest never takes long at a
/// time, and everybody else can go on meanwhile.
#[test]
fn a_peer_with_very_many_files_is_forgotten_in_turns() {
    let mut directory = directory();
    directory.join(Time::ORIGIN, peer(2), Some("10.0.0.2:1".parse().unwrap())).unwrap();
    let many = (0..20_000).map(|n| {
        let key = FileKey { name: RelPath::new(&format!("{n:06}")).unwrap(), ..file().key };
        Registration { key, ..file() }
    });
    directory.register(Time::ORIGIN, &peer(2), many, MTIME_MAX).unwrap();
    assert_eq!(directory.stats().files, 20_001);

    directory.leave(Time::ORIGIN, &peer(2)).unwrap();
    directory.check_invariants();
    assert!(directory.stats().files > 10_000, "not all of it in one turn");
    let located = directory.locate(Time::ORIGIN, &Target::Hash(file().key.hash), 0);
    let holders: Vec<PeerId> =
        located.iter().flat_map(|file| &file.holders).map(|holder| holder.peer).collect();
    assert_eq!(holders, [peer(1)]);

    let number = directory.join(Time::ORIGIN, peer(2), Some("10.0.0.2:1".parse().unwrap())).unwrap();
    assert_eq!(number.number(), 3, "its old number is not free yet");
    directory.register(Time::ORIGIN, &peer(2), [file()], MTIME_MAX).unwrap();
    let turns = (0..100).take_while(|_| !directory.sweep()).count();
    assert!((2..30).contains(&turns), "{turns} turns");
    directory.check_invariants();
    let stats = directory.stats();
    assert_eq!((stats.peers, stats.files, stats.holdings), (2, 1, 2));
    assert_eq!(directory.join(Time::ORIGIN, peer(3), None).unwrap().number(), 2, "now it is");
}
