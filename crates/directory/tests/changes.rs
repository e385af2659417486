//! What the directory remembers of its changes, and when it says that it does not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use drizzle_directory::limits::CHANGES_MAX;
use drizzle_directory::{Claim, Directory, Registration, Version};
use drizzle_model::{ContentHash, ContentKind, FileKey, Mtime, PeerId, RelPath, Time};

const NOW: Time = Time::ORIGIN;
/// The newest modification time that is taken here.
const MTIME_MAX: Mtime = Mtime::from_seconds(2_000_000_000);

fn peer() -> PeerId {
    PeerId::from_bytes([1; 32])
}

/// A directory in which one peer serves.
fn directory(start: u64) -> Directory {
    let mut directory = Directory::starting_at(Version::from_number(start));
    directory.join(NOW, peer(), Some("10.0.0.1:1".parse().unwrap())).unwrap();
    directory
}

fn registration(name: &str, mtime: i64) -> Registration {
    let hash = ContentHash::from_bytes([7; 32]);
    let key =
        FileKey { name: RelPath::new(name).unwrap(), hash, size: 1, chunks: 1, kind: ContentKind::File };
    Registration { key, mtime: Mtime::from_seconds(mtime), claim: Claim::All }
}

/// Whoever is too far behind must be told so, not get a part of what changed for all of it; and what is kept must be bounded.
#[test]
fn changes_that_are_forgotten_are_not_passed_over_in_silence() {
    let (start, now) = (Version::from_number(1_000), NOW);
    let mut directory = directory(1_000);
    let oldest = directory.changes(now, start, 9).unwrap();
    assert_eq!((oldest.changes.len(), oldest.is_all), (1, true), "a peer came");
    for unknown in [Version::default(), Version::from_number(999), Version::from_number(u64::MAX)] {
        let refused = directory.changes(now, unknown, 9).unwrap_err();
        assert_eq!(
            (refused.oldest, refused.newest),
            (start, directory.version()),
            "of another time: {unknown}"
        );
    }
    for mtime in 0..=CHANGES_MAX as i64 {
        directory.register(now, &peer(), [registration("a", mtime)], MTIME_MAX).unwrap();
    }
    let refused = directory.changes(now, start, 9).unwrap_err();
    let rest = directory.changes(now, refused.oldest, usize::MAX).unwrap();
    assert_eq!((rest.changes.len(), rest.is_all, rest.version), (CHANGES_MAX, true, directory.version()));
    directory.check_invariants();
}
