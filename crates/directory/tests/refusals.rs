//! What a stranger says about its files is checked, and what it costs is bounded.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use drizzle_directory::limits::{
    CHUNKS_MAX, FILES_PER_PEER_MAX, NAME_BYTES_PER_PEER_MAX, PAGE_FILES_MAX, PAGE_SCAN_MAX,
    PARTIAL_CHUNKS_PER_PEER_MAX, PEERS_MAX,
};
use drizzle_directory::{
    Claim, Directory, DirectoryFull, Filter, HaveError, RegisterError, Registration, Target,
};
use drizzle_model::{
    Bitmap, ChunkRun, ContentHash, ContentKind, FileKey, Geometry, Mtime, PeerId, RelPath, Time,
};

const NOW: Time = Time::ORIGIN;
/// The newest modification time that is taken here.
const MTIME_MAX: Mtime = Mtime::from_seconds(2_000_000_000);

fn peer() -> PeerId {
    PeerId::from_bytes([1; 32])
}

fn directory() -> Directory {
    let mut directory = Directory::new();
    directory.join(NOW, peer(), Some("10.0.0.1:1".parse().unwrap())).unwrap();
    directory
}

fn file(name: &str, size: u64, chunks: u32, kind: ContentKind) -> FileKey {
    FileKey { name: RelPath::new(name).unwrap(), hash: ContentHash::from_bytes([7; 32]), size, chunks, kind }
}

fn register(directory: &mut Directory, key: FileKey, claim: Claim) -> Result<(), RegisterError> {
    let registration = Registration { key, mtime: Mtime::default(), claim };
    let verdict = directory.register(NOW, &peer(), [registration], MTIME_MAX).unwrap().remove(0);
    directory.check_invariants();
    verdict
}

#[test]
fn shapes_that_no_content_has_are_refused() {
    use ContentKind::{File, Folder};
    let verdict = |size, chunks, kind| register(&mut directory(), file("a", size, chunks, kind), Claim::All);
    assert_eq!(verdict(0, 0, File), Ok(()));
    assert_eq!(verdict(65_537, 2, File), Ok(()));
    assert_eq!(verdict(65_537, 1, File), Err(RegisterError::ChunkCount { expected: 2, received: 1 }));
    assert_eq!(verdict(3, 3, Folder), Ok(()));
    assert_eq!(verdict(3, 4, Folder), Err(RegisterError::ChunkCount { expected: 3, received: 4 }));
    let received = Geometry::SIZE_MAX + 1;
    assert_eq!(verdict(received, 1, File), Err(RegisterError::Size { received }));
}

/// Whoever locates a file makes a bitmap of its chunks, though its holder says in three bytes that it has all.
#[test]
fn more_chunks_than_can_be_fetched_are_refused() {
    use ContentKind::{File, Folder};
    assert_eq!(CHUNKS_MAX, drizzle_wire::CHUNKS_MAX, "what can be registered is what can be fetched");
    let verdict = |size, chunks, kind| register(&mut directory(), file("a", size, chunks, kind), Claim::All);
    let chunk_bytes = 16 << 20;
    assert_eq!(verdict(u64::MAX, CHUNKS_MAX, Folder), Ok(()));
    assert_eq!(verdict(u64::from(CHUNKS_MAX) * chunk_bytes, CHUNKS_MAX, File), Ok(()));
    for received in [CHUNKS_MAX + 1, u32::MAX] {
        let error = Err(RegisterError::TooManyChunks { received });
        assert_eq!(verdict(u64::MAX, received, Folder), error);
        assert_eq!(verdict(u64::from(received) * chunk_bytes, received, File), error);
    }
}

/// S2.3 hands out the newest file of a name first: one that claimed to be of the year 292 billion stayed the newest.
#[test]
fn a_file_of_the_future_is_refused_and_changes_nothing() {
    let mut directory = directory();
    let (old, new) = (file("a", 1, 1, ContentKind::File), file("a", 2, 1, ContentKind::File));
    let mut register = |key: &FileKey, seconds, nanoseconds| {
        let mtime = Mtime::new(seconds, nanoseconds).unwrap();
        let registration = Registration { key: key.clone(), mtime, claim: Claim::All };
        directory.register(NOW, &peer(), [registration], MTIME_MAX).unwrap().remove(0)
    };
    let max = MTIME_MAX.seconds();
    assert_eq!(register(&old, max, 0), Ok(()));
    for (seconds, nanoseconds) in [(max, 1), (max + 1, 0), (i64::MAX, 999_999_999)] {
        let error = RegisterError::Mtime { max, received: seconds };
        assert_eq!(register(&new, seconds, nanoseconds), Err(error), "another content");
        assert_eq!(register(&old, seconds, nanoseconds), Err(error), "the same again");
    }
    assert_eq!(register(&new, i64::MIN, 0), Ok(()), "the past is long");
    let located = directory.locate(NOW, &Target::Name(old.name.clone()), 0);
    let order: Vec<(u64, i64)> = located.iter().map(|file| (file.key.size, file.mtime.seconds())).collect();
    assert_eq!(order, [(1, max), (2, i64::MIN)]);
    directory.check_invariants();
}

#[test]
fn runs_that_are_none_are_refused() {
    for (first, last) in [(2, 1), (0, 4), (4, 4), (u32::MAX, u32::MAX), (0, u32::MAX)] {
        let claim = Claim::Runs(vec![ChunkRun { first, last }]);
        let key = file("a", 4 << 16, 4, ContentKind::File);
        let error = RegisterError::Run { chunks: 4, first, last };
        assert_eq!(register(&mut directory(), key.clone(), claim), Err(error));
        let mut directory = directory();
        register(&mut directory, key.clone(), Claim::Runs(vec![])).unwrap();
        let verdict = directory.add_chunks(NOW, &peer(), &key, &[ChunkRun { first, last }]).unwrap();
        assert_eq!(verdict, Err(HaveError::Run(error)));
    }
}

/// Each run costs as many steps as it is long: runs over the whole file again and again would stop the tracker.
#[test]
fn runs_that_overlap_are_refused() {
    let run = |first, last| ChunkRun { first, last };
    for runs in [vec![run(0, 3), run(0, 3)], vec![run(2, 3), run(0, 1)], vec![run(0, 1), run(1, 2)]] {
        let verdict = register(&mut directory(), file("a", 4 << 16, 4, ContentKind::File), Claim::Runs(runs));
        assert!(matches!(verdict, Err(RegisterError::Run { .. })), "{verdict:?}");
    }
}

/// Chunks that are known already, or that do not matter since the peer has all, are no news: the version would make everybody ask
/// again.
#[test]
fn chunks_said_again_change_nothing() {
    let mut directory = directory();
    let key = file("a", 4 << 16, 4, ContentKind::File);
    register(&mut directory, key.clone(), Claim::Runs(vec![])).unwrap();
    let mut is_news = |runs: &[(u32, u32)]| {
        let runs: Vec<_> = runs.iter().map(|&(first, last)| ChunkRun { first, last }).collect();
        let before = directory.version();
        directory.add_chunks(NOW, &peer(), &key, &runs).unwrap().unwrap();
        directory.check_invariants();
        directory.version() > before
    };
    let said: [(&[_], bool); 8] = [
        (&[], false),
        (&[(1, 2)], true),
        (&[(1, 2)], false),
        (&[(2, 2)], false),
        (&[(1, 1), (3, 3)], true),
        (&[(0, 3)], true),
        (&[(0, 3)], false),
        (&[(1, 2)], false),
    ];
    for (runs, expected) in said {
        assert_eq!(is_news(runs), expected, "{runs:?}");
    }
}

#[test]
fn bits_of_another_content_are_refused() {
    let claim = Claim::Bits(Bitmap::full(3));
    let verdict = register(&mut directory(), file("a", 4 << 16, 4, ContentKind::File), claim);
    assert_eq!(verdict, Err(RegisterError::Bits { expected: 4, received: 3 }));
}

/// A short request could otherwise claim a part of a file of 2^24 chunks, two megabytes of bits, many times.
#[test]
fn parts_of_huge_files_have_a_quota() {
    let mut directory = directory();
    let part = || Claim::Runs(vec![ChunkRun { first: 0, last: 0 }]);
    let huge = file("huge", u64::MAX, CHUNKS_MAX, ContentKind::Folder);
    assert_eq!(register(&mut directory, huge, part()), Err(RegisterError::TooManyPartialChunks));
    let half = (PARTIAL_CHUNKS_PER_PEER_MAX / 2) as u32;
    let folder = |name| file(name, u64::MAX, half, ContentKind::Folder);
    assert_eq!(register(&mut directory, folder("a"), part()), Ok(()));
    assert_eq!(register(&mut directory, folder("b"), part()), Ok(()));
    assert_eq!(register(&mut directory, folder("b"), part()), Ok(()), "the same again costs nothing more");
    assert_eq!(register(&mut directory, folder("c"), part()), Err(RegisterError::TooManyPartialChunks));
    assert_eq!(register(&mut directory, folder("a"), Claim::All), Ok(()), "a whole one frees its part");
    assert_eq!(register(&mut directory, folder("c"), part()), Ok(()));
}

#[test]
fn names_and_files_have_a_quota() {
    let mut directory = directory();
    let long = format!("/{}", "x".repeat(249)).repeat(12);
    let mut taken = 0;
    let error = loop {
        match register_unchecked(&mut directory, &format!("{taken:06}{long}")) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((error, taken), (RegisterError::TooManyNameBytes, NAME_BYTES_PER_PEER_MAX / 3006));

    let mut directory = self::directory();
    for number in 0..FILES_PER_PEER_MAX {
        assert_eq!(register_unchecked(&mut directory, &number.to_string()), Ok(()));
    }
    assert_eq!(register_unchecked(&mut directory, "one more"), Err(RegisterError::TooManyFiles));
    assert_eq!(register_unchecked(&mut directory, "5"), Ok(()), "one that is there may be said again");
    directory.check_invariants();
}

/// Without the recount, which takes longer than the registration.
fn register_unchecked(directory: &mut Directory, name: &str) -> Result<(), RegisterError> {
    let key = file(name, 1, 1, ContentKind::File);
    let registration = Registration { key, mtime: Mtime::default(), claim: Claim::All };
    directory.register(NOW, &peer(), [registration], MTIME_MAX).unwrap().remove(0)
}

#[test]
fn there_is_room_for_so_many_peers_and_no_more() {
    let mut directory = Directory::new();
    let id = |number: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        PeerId::from_bytes(bytes)
    };
    for number in 0..PEERS_MAX {
        directory.join(NOW, id(number), None).unwrap();
    }
    assert_eq!(directory.join(NOW, id(PEERS_MAX), None), Err(DirectoryFull));
    assert!(directory.join(NOW, id(0), None).is_ok(), "one that is there may stay");
    let later = NOW + Directory::LEASE;
    assert!(directory.join(later, id(PEERS_MAX), None).is_ok(), "and there is room when the leases are over");
    assert_eq!(directory.stats().peers, 1);
}

/// A page looks at so many names only, and still every file is found by going on.
#[test]
fn a_search_that_finds_little_gives_short_pages_that_lead_on() {
    let mut directory = directory();
    let files = PAGE_SCAN_MAX + 1000;
    for number in 0..files {
        register_unchecked(&mut directory, &format!("{number:06}")).unwrap();
    }
    let last = format!("{:06}", files - 1);
    let first_page = directory.list(NOW, &Filter::containing(&last), None, 10);
    assert!(first_page.files.is_empty());
    let second_page = directory.list(NOW, &Filter::containing(&last), first_page.next.as_deref(), 10);
    assert_eq!(second_page.files[0].key.name.as_str(), last);
    assert_eq!(second_page.next, None);
    assert_eq!(directory.list(NOW, &Filter::all(), None, usize::MAX).files.len(), PAGE_FILES_MAX);
    assert_eq!(
        directory.list(NOW, &Filter::all(), None, 0).files.len(),
        1,
        "a page of nothing would never end"
    );
}
