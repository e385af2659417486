//! Searches find what is asked for, and hold the directory for a short time only.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use drizzle_directory::limits::PAGE_SCAN_MAX;
use drizzle_directory::{Claim, Directory, Filter, Registration, Version};
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

/// All that begin alike must be found, and be found without looking at all others: those behind them, and those before.
#[test]
fn what_begins_alike_is_found_where_it_stands() {
    let mut directory = directory(0);
    let names = ["a", "a b", "a/b", "a/c/d", "a0", "b", ".hidden", "a/.x"];
    let many = (0..2 * PAGE_SCAN_MAX).map(|number| format!("0{number:09}"));
    let names: Vec<String> = names.map(String::from).into_iter().chain(many).collect();
    let files = names.iter().map(|name| registration(name, 0));
    directory.register(NOW, &peer(), files, MTIME_MAX).unwrap();
    let mut found = |filter: Filter| {
        let page = directory.list(NOW, &filter, None, 9);
        assert_eq!(page.next, None, "one page is all: {filter:?}");
        page.files.iter().map(|file| file.key.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(Filter::beginning("a/")), ["a/.x", "a/b", "a/c/d"]);
    assert_eq!(found(Filter::beginning("a")), ["a", "a/.x", "a/b", "a/c/d", "a b", "a0"]);
    assert_eq!(found(Filter::beginning("b")), ["b"]);
    assert!(found(Filter::beginning("c")).is_empty());
    let page = directory.list(NOW, &Filter::beginning("."), None, 9);
    assert_eq!(page.files.len(), 1, "a beginning that is no name is looked for as well: {page:?}");
}

/// A pattern that is slow to compare must not hold the directory for long: its page ends early, and the next one goes on.
#[test]
fn a_slow_pattern_gets_short_pages() {
    let mut directory = directory(0);
    let part = "a".repeat(250);
    let files = (0..200).map(|number| registration(&format!("{part}/{part}/{part}/{part}/{number}"), 0));
    directory.register(NOW, &peer(), files, MTIME_MAX).unwrap();
    let slow = Filter::glob(&format!("*{}b", "a".repeat(120)));
    let (mut after, mut pages) = (None, 0);
    loop {
        let page = directory.list(NOW, &slow, after.as_deref(), 9);
        assert!(page.files.is_empty());
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!((4..=200).contains(&pages), "{pages} pages for 200 names");
}
