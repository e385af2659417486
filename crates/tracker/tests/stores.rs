//! What every store has to hold: one suite for the one in memory and the one on the disk, and what only a disk can do.
//!
//! The store in memory is plain enough to be the model: random rows of changes, cut into random transactions, must come back from
//! both alike, after the one on the disk was closed and opened in between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::sync::Arc;

use drizzle_model::{Bitmap, ChunkRun, ContentHash, ContentKind, FileKey, Mtime, PeerId, RelPath};
use drizzle_tracker::{Change, Claim, DiskStore, Known, MemoryStore, Registration, Store, StoreError};
use proptest::prelude::*;

const PEERS: u8 = 3;
const FILES: u8 = 5;
const CHUNKS: u32 = 70;

fn peer(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

/// Files of one name, of one hash, and one without a chunk.
fn key(number: u8) -> FileKey {
    let (name, hash, chunks) = match number {
        0 => ("a", 0, CHUNKS),
        1 => ("a", 1, CHUNKS),
        2 => ("b/ü", 1, CHUNKS),
        3 => ("c", 3, 0),
        other => ("d", other, 1),
    };
    FileKey {
        name: RelPath::new(name).unwrap(),
        hash: ContentHash::from_bytes([hash; 32]),
        size: u64::from(chunks),
        chunks,
        kind: if number == 2 { ContentKind::Folder } else { ContentKind::File },
    }
}

fn runs(chunks: u32) -> impl Strategy<Value = Vec<ChunkRun>> {
    let first = prop_oneof![Just(0), 0..chunks.max(1)];
    prop::collection::vec((first, prop_oneof![0..8_u32, Just(CHUNKS)]), 0..3).prop_map(move |runs| {
        let of = |(first, more): (u32, u32)| {
            (first < chunks).then(|| ChunkRun { first, last: first.saturating_add(more).min(chunks - 1) })
        };
        runs.into_iter().filter_map(of).collect()
    })
}

fn claim(chunks: u32) -> impl Strategy<Value = Claim> {
    prop_oneof![
        Just(Claim::All),
        runs(chunks).prop_map(Claim::Runs),
        runs(chunks).prop_map(move |runs| {
            let mut bits = Bitmap::empty(chunks);
            runs.into_iter().for_each(|run| bits.insert_run(run));
            Claim::Bits(bits)
        }),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let who = || (0..PEERS).prop_map(peer);
    let what = || (0..FILES).prop_map(key);
    let address = prop_oneof![Just("10.0.0.1:1"), Just("[2001:db8::1]:7441")];
    let file = || {
        what().prop_flat_map(|key| {
            let claim = claim(key.chunks);
            (Just(key), 0..4_i64, claim).prop_map(|(key, mtime, claim)| Registration {
                key,
                mtime: Mtime::from_seconds(mtime),
                claim,
            })
        })
    };
    let chunks = what().prop_flat_map(|key| {
        let runs = runs(key.chunks);
        (Just(key), runs)
    });
    prop_oneof![
        3 => (who(), address).prop_map(|(peer, at)| Change::Peer { peer, address: at.parse().unwrap() }),
        1 => who().prop_map(|peer| Change::Gone { peer }),
        6 => (who(), file(), 0..9_u64).prop_map(|(peer, file, unix_s)| Change::Registered { peer, file, unix_s }),
        3 => (who(), chunks).prop_map(|(peer, (key, runs))| Change::Chunks { peer, key, runs }),
        2 => (who(), what()).prop_map(|(peer, key)| Change::Unregistered { peer, key }),
    ]
}

fn known(store: &mut impl Store) -> Vec<Known> {
    let mut all = Vec::new();
    store.load(&mut |known| all.push(known)).unwrap();
    all
}

/// Files that nobody holds are forgotten sooner or later, as the directory does when there are too many.
fn forgettable(store: &mut impl Store) -> Option<Change> {
    let all = known(store);
    let is_held =
        |number| all.iter().any(|known| matches!(known, Known::Holding { file, .. } if *file == number));
    let mut files = all.iter().enumerate().filter_map(|(number, known)| match known {
        Known::File { key, .. } if !is_held(number) => Some(key),
        _ => None,
    });
    files.next().map(|key| Change::Forgotten { key: Arc::new(key.clone()) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn both_stores_know_the_same_after_any_row_of_changes(
        transactions in prop::collection::vec((prop::collection::vec(change(), 0..12), any::<bool>()), 1..8)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DiskStore::open(dir.path()).unwrap();
        let mut memory = MemoryStore::default();
        for (mut changes, is_reopened) in transactions {
            // Before anybody can hold it again.
            changes.splice(0..0, forgettable(&mut memory));
            disk.commit(&changes).unwrap();
            memory.commit(&changes).unwrap();
            if is_reopened {
                drop(disk);
                disk = DiskStore::open(dir.path()).unwrap();
            }
            prop_assert_eq!(known(&mut disk), known(&mut memory));
        }
    }
}

fn registered(who: u8, what: u8, mtime: i64) -> Change {
    let file = Registration { key: key(what), mtime: Mtime::from_seconds(mtime), claim: Claim::All };
    Change::Registered { peer: peer(who), file, unix_s: 1_800_000_000 + u64::from(who) }
}

fn there(who: u8) -> Change {
    Change::Peer { peer: peer(who), address: "10.0.0.1:1".parse().unwrap() }
}

/// S4.4: who was first, when, and under which hash, outlives everybody who held it; and who comes back is not first by that.
fn the_first_registration_stays(mut store: impl Store) {
    store.commit(&[there(1), registered(1, 0, 5), there(2), registered(2, 0, 3)]).unwrap();
    store.commit(&[Change::Gone { peer: peer(1) }, Change::Gone { peer: peer(2) }]).unwrap();
    let first =
        Known::File { key: key(0), mtime: Mtime::from_seconds(5), registrar: peer(1), unix_s: 1_800_000_001 };
    assert_eq!(known(&mut store), std::slice::from_ref(&first));
    store.commit(&[there(2), registered(2, 1, 1), registered(2, 0, 1)]).unwrap();
    let all = known(&mut store);
    assert_eq!(all[0], first, "the order of first registration");
    assert!(matches!(&all[1], Known::File { key: second, .. } if *second == key(1)), "{all:?}");
    assert_eq!(all.len(), 5, "{all:?}");
}

/// Changes about who or what is not there change nothing, as after a row that is told a second time.
fn changes_can_be_told_twice(mut store: impl Store) {
    let row = [
        there(1),
        registered(1, 0, 5),
        registered(2, 0, 5),
        Change::Chunks { peer: peer(2), key: key(0), runs: vec![ChunkRun { first: 0, last: 0 }] },
        Change::Chunks { peer: peer(1), key: key(4), runs: vec![ChunkRun { first: 9, last: 9 }] },
        Change::Unregistered { peer: peer(1), key: key(1) },
        Change::Gone { peer: peer(2) },
        Change::Forgotten { key: Arc::new(key(2)) },
    ];
    store.commit(&row).unwrap();
    let once = known(&mut store);
    store.commit(&row).unwrap();
    assert_eq!(known(&mut store), once);
    assert_eq!(once.len(), 3, "{once:?}");
}

/// Told first, since the directory begins there; and the greatest counts, as rows may be told twice.
fn the_bound_of_versions_never_goes_back(mut store: impl Store) {
    assert_eq!(known(&mut store), []);
    let bounds = [7, (1 << 53) + 9, 8].map(|below| Change::Versions { below });
    store.commit(&[&[there(1)], &bounds[..]].concat()).unwrap();
    store.commit(&bounds[..1]).unwrap();
    let all = known(&mut store);
    assert_eq!(all[0], Known::Versions { below: (1 << 53) + 9 });
    assert_eq!(all.len(), 2, "{all:?}");
}

#[test]
fn the_bound_of_versions_never_goes_back_in_both() {
    let dir = tempfile::tempdir().unwrap();
    the_bound_of_versions_never_goes_back(MemoryStore::default());
    the_bound_of_versions_never_goes_back(DiskStore::open(dir.path()).unwrap());
}

#[test]
fn the_first_registration_stays_in_both() {
    let dir = tempfile::tempdir().unwrap();
    the_first_registration_stays(MemoryStore::default());
    the_first_registration_stays(DiskStore::open(dir.path()).unwrap());
}

#[test]
fn changes_can_be_told_twice_to_both() {
    let dir = tempfile::tempdir().unwrap();
    changes_can_be_told_twice(MemoryStore::default());
    changes_can_be_told_twice(DiskStore::open(dir.path()).unwrap());
}

/// Two trackers on one folder would each overwrite what the other acknowledged.
#[test]
fn a_folder_has_one_tracker() {
    let dir = tempfile::tempdir().unwrap();
    let first = DiskStore::open(dir.path()).unwrap();
    let second = DiskStore::open(dir.path());
    assert!(matches!(second, Err(StoreError::InUse { .. })), "{second:?}");
    drop(first);
    assert!(DiskStore::open(dir.path()).is_ok());
}

/// A damaged file is an error that names it, wherever the damage is, and never a panic; or it hit nothing that is used.
#[test]
fn damage_is_an_error() {
    let intact = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open(intact.path()).unwrap();
    let changes: Vec<Change> =
        [there(1)].into_iter().chain((0..FILES).map(|file| registered(1, file, 1))).collect();
    store.commit(&changes).unwrap();
    let whole = known(&mut store);
    drop(store);
    let name = fs::read_dir(intact.path()).unwrap().next().unwrap().unwrap().file_name();
    let bytes = fs::read(intact.path().join(&name)).unwrap();
    let cuts = [0, 1, 100, 4096, 5000, bytes.len() / 2].map(|len| bytes[..len].to_vec());
    let overwritten = [(0, 9), (0, 64), (0, 4096), (64, 300), (4096, 8192), (4096, 1 << 20), (8192, 1 << 20)];
    let overwritten = overwritten.map(|(from, to)| {
        let mut damaged = bytes.clone();
        let to = to.min(damaged.len());
        damaged[from..to].fill(0xa5);
        damaged
    });
    let mut refused = 0;
    for (number, damaged) in cuts.iter().chain(&overwritten).enumerate() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(&name), damaged).unwrap();
        let mut all = Vec::new();
        let opened = DiskStore::open(dir.path()).and_then(|mut store| {
            store.load(&mut |known| all.push(known))?;
            store.commit(&changes)
        });
        match opened {
            // An empty file is a new one.
            Ok(()) => assert!(all == whole || damaged.is_empty(), "case {number}: {all:?}"),
            Err(error @ (StoreError::Damaged { .. } | StoreError::Io { .. })) => {
                assert!(error.to_string().contains("catalogue.redb"), "{error}");
                refused += 1;
            }
            Err(error) => unreachable!("case {number}: {error}"),
        }
    }
    assert!(refused >= 8, "only {refused} were refused");
}
