//! In which order holders are named (S1.7), which of too many, and what a report does to that (S4.4).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use drizzle_directory::limits::{LOCATED_HOLDERS_MAX, REPORTS_PER_HOLDING_MAX};
use drizzle_directory::{Claim, Directory, Have, Located, Noted, Registration, Target};
use drizzle_model::{ChunkRun, ContentHash, ContentKind, FileKey, Mtime, PeerId, RelPath, Time};

/// The newest modification time that is taken here.
const MTIME_MAX: Mtime = Mtime::from_seconds(2_000_000_000);

fn peer(number: u32) -> PeerId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(bytes)
}

fn key() -> FileKey {
    FileKey {
        name: RelPath::new("a").unwrap(),
        hash: ContentHash::from_bytes([9; 32]),
        size: 4 << 16,
        chunks: 4,
        kind: ContentKind::File,
    }
}

fn register(directory: &mut Directory, number: u32, claim: Claim) {
    let address = SocketAddr::from(([10, 0, 0, 1], 1));
    directory.join(Time::ORIGIN, peer(number), Some(address)).unwrap();
    let registration = Registration { key: key(), mtime: Mtime::default(), claim };
    assert_eq!(directory.register(Time::ORIGIN, &peer(number), [registration], MTIME_MAX).unwrap(), [Ok(())]);
}

fn directory(peers: u32) -> Directory {
    let mut directory = Directory::new();
    (0..peers).for_each(|number| register(&mut directory, number, Claim::All));
    directory
}

fn locate(directory: &mut Directory, now: Time, seed: u64) -> Located {
    directory.locate(now, &Target::Hash(key().hash), seed).remove(0)
}

fn order(located: &Located) -> Vec<PeerId> {
    located.holders.iter().map(|holder| holder.peer).collect()
}

/// With one order for all, every asker begins with the same source, and that one is the bottleneck.
#[test]
fn askers_with_different_seeds_begin_with_different_sources() {
    let mut first: BTreeMap<PeerId, u32> = BTreeMap::new();
    for seed in 0..1000 {
        *first.entry(order(&locate(&mut directory(10), Time::ORIGIN, seed))[0]).or_default() += 1;
    }
    assert_eq!(first.len(), 10);
    assert!(first.values().all(|&count| (60..=140).contains(&count)), "{first:?}");
    let again = |seed| order(&locate(&mut directory(10), Time::ORIGIN, seed));
    assert_eq!(again(5), again(5), "the seed decides");
}

#[test]
fn the_one_who_was_handed_out_least_comes_first_until_that_is_long_ago() {
    let mut directory = directory(3);
    (0..4).for_each(|seed| drop(locate(&mut directory, Time::ORIGIN, seed)));
    register(&mut directory, 77, Claim::All);
    assert_eq!(order(&locate(&mut directory, Time::ORIGIN, 0))[0], peer(77));
    let long_ago = Duration::from_secs(179);
    for number in [0, 1, 2, 77] {
        directory.renew(Time::ORIGIN + long_ago, &peer(number), None).unwrap();
    }
    let later = Time::ORIGIN + 2 * long_ago;
    let firsts: BTreeSet<PeerId> =
        (0..40).map(|seed| order(&locate(&mut directory, later, seed))[0]).collect();
    assert_eq!(firsts.len(), 4, "all are equals again");
}

#[test]
fn a_source_that_was_reported_comes_last_and_is_still_named() {
    let mut directory = directory(3);
    assert_eq!(directory.report(Time::ORIGIN, &peer(0), &key(), &peer(1)), Ok(Noted::First));
    for seed in 0..20 {
        let located = locate(&mut directory, Time::ORIGIN, seed);
        assert_eq!((located.holders[2].peer, located.holders[2].reports), (peer(1), 1));
    }
    assert_eq!(
        directory.report(Time::ORIGIN, &peer(0), &key(), &peer(1)),
        Ok(Noted::Again),
        "twice is as once"
    );
    assert_eq!(locate(&mut directory, Time::ORIGIN, 0).holders[2].reports, 1);
}

/// Reports have a limit, or a crowd of reporters would fill the memory.
#[test]
fn more_reports_of_one_source_than_matter_are_refused() {
    let mut directory = directory(40);
    let noted = (1..40).filter(|&by| directory.report(Time::ORIGIN, &peer(by), &key(), &peer(0)).is_ok());
    assert_eq!(noted.count(), REPORTS_PER_HOLDING_MAX);
    directory.check_invariants();
}

/// In a crowd of beginners the few seeds are handed out most, so an order by load alone would name none of them.
#[test]
fn among_thousands_of_beginners_the_seeds_are_named() {
    let mut directory = directory(2);
    for number in 10..3000 {
        register(&mut directory, number, Claim::Runs(vec![ChunkRun { first: 1, last: 1 }]));
    }
    for seed in 0..10 {
        let located = locate(&mut directory, Time::ORIGIN, seed);
        assert_eq!((located.holders.len(), located.holders_total), (LOCATED_HOLDERS_MAX, 2992));
        assert_eq!(located.holders.iter().filter(|holder| holder.have == Have::All).count(), 2);
    }
}

#[test]
fn who_has_nothing_yet_comes_after_who_has_something() {
    let mut directory = Directory::new();
    register(&mut directory, 0, Claim::Runs(vec![]));
    register(&mut directory, 1, Claim::All);
    for seed in 0..20 {
        assert_eq!(order(&locate(&mut directory, Time::ORIGIN, seed)), [peer(1), peer(0)]);
    }
}

/// Two contents of one name: both are there, the newer first, and it is known which was there first.
#[test]
fn contents_of_one_name_are_told_apart() {
    let mut directory = directory(1);
    let newer = Registration {
        key: FileKey { hash: ContentHash::from_bytes([3; 32]), ..key() },
        mtime: Mtime::new(5, 0).unwrap(),
        claim: Claim::All,
    };
    directory.register(Time::ORIGIN, &peer(0), [newer], MTIME_MAX).unwrap();
    let located = directory.locate(Time::ORIGIN, &Target::Name(key().name), 0);
    let seen: Vec<_> =
        located.iter().map(|file| (file.key.hash.as_bytes()[0], file.is_first_of_name)).collect();
    assert_eq!(seen, [(3, false), (9, true)]);
}

/// S4.4: who registered a content first is known after its last holder is gone, and whoever registers it later does not take
/// its place. Would fail if the directory forgot a file with its last holder.
#[test]
fn the_first_registration_outlives_the_holders() {
    let mut directory = directory(2);
    let key = key();
    for number in 0..2 {
        directory.leave(Time::ORIGIN, &peer(number)).unwrap();
    }
    for target in [Target::Name(key.name.clone()), Target::Hash(key.hash)] {
        let located = directory.locate(Time::ORIGIN, &target, 0);
        let [file] = &located[..] else { unreachable!("{located:?}") };
        assert_eq!((&*file.key, file.registrar, file.holders_total), (&key, peer(0), 0));
        assert!(file.holders.is_empty() && file.is_first_of_name);
    }
    directory.check_invariants();
    let again = Registration { key: key.clone(), mtime: Mtime::default(), claim: Claim::All };
    directory.join(Time::ORIGIN, peer(9), Some("10.0.0.9:1".parse().unwrap())).unwrap();
    directory.register(Time::ORIGIN, &peer(9), [again], MTIME_MAX).unwrap();
    let located = directory.locate(Time::ORIGIN, &Target::Hash(key.hash), 0);
    assert_eq!((located[0].registrar, located[0].holders[0].peer), (peer(0), peer(9)));
    directory.check_invariants();
}
