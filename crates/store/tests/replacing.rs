//! What a download may put its files in the place of: a single file never of another file that is the user's, and nothing
//! but what was verified is put anywhere.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use drizzle_store::{DiskError, Download, Index, Place, Progress, Shared, Verdict};
use world::{World, fetch, noise, read_chunk, rel, send, write};

const CHUNK_BYTES: usize = 64 << 10;

/// A world in which a file of so many bytes is shared, to be fetched to `to/data`.
fn world_with_file(bytes: usize) -> (World, Shared) {
    let world = World::new();
    write(&world.path("data"), &noise(1, bytes), 0o644);
    let shared = world.share("data");
    (world, shared)
}

fn try_open(world: &World, shared: &Shared, index: &Index) -> Result<Arc<Download>, DiskError> {
    let place = Place { directory: world.path("to"), partial: None };
    Download::open(shared.content().clone(), &place, index, &Progress::default()).map(Arc::new)
}

fn get(world: &World, shared: &Shared) -> Result<(), DiskError> {
    let download = try_open(world, shared, &world.index)?;
    fetch(shared, &download);
    download.finish(&world.index).map(drop)
}

#[track_caller]
fn assert_exists<T>(outcome: Result<T, DiskError>) {
    match outcome {
        Err(error @ DiskError::Exists { .. }) => {
            assert!(error.to_string().contains("to/data") && error.hint().is_some());
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was replaced"),
    }
}

/// Would fail if a file of the user were lost to one that happens to have its name.
#[test]
fn another_file_of_the_name_stays_and_is_named_before_anything_is_fetched() {
    for due in [0, 1000, CHUNK_BYTES, 5 * CHUNK_BYTES + 1] {
        let (world, shared) = world_with_file(due);
        for there in [1, 1000, due.max(1), due + CHUNK_BYTES] {
            let bytes = noise(2, there);
            write(&world.path("to/data"), &bytes, 0o600);
            assert_exists(try_open(&world, &shared, &world.index));
            assert!(fs::read(world.path("to/data")).unwrap() == bytes);
            assert_eq!(fs::read_dir(world.path("to")).unwrap().count(), 1, "nothing else was made");
        }
    }
}

/// Would fail if to have shared a file were taken for leave to replace it.
#[test]
fn a_file_that_is_shared_from_its_place_is_not_replaced_by_another() {
    let (world, shared) = world_with_file(1000);
    write(&world.path("to/data"), b"mine, and shared", 0o644);
    Shared::of_path(&world.path("to/data"), None, &world.index, &Progress::default()).unwrap();
    assert_exists(try_open(&world, &shared, &world.index));
    assert_eq!(fs::read(world.path("to/data")).unwrap(), b"mine, and shared");
}

#[test]
fn an_empty_file_and_one_with_a_right_chunk_are_replaced() {
    for due in [1000, 5 * CHUNK_BYTES + 1] {
        let (world, shared) = world_with_file(due);
        let right = noise(1, due);
        let mut one_right = noise(2, due + 7);
        let first = due.min(CHUNK_BYTES);
        one_right[..first].copy_from_slice(&right[..first]);
        for there in [Vec::new(), one_right] {
            write(&world.path("to/data"), &there, 0o600);
            get(&world, &shared).unwrap();
            assert!(fs::read(world.path("to/data")).unwrap() == right);
            fs::remove_file(world.path("to/data")).unwrap();
        }
    }
}

/// Would fail if a file of one chunk could not be mended, or if one that was never right were taken for damaged.
#[test]
fn a_file_that_was_fetched_is_mended_though_nothing_in_it_is_right() {
    for due in [1000, 2 * CHUNK_BYTES] {
        let (world, shared) = world_with_file(due);
        get(&world, &shared).unwrap();
        write(&world.path("to/data"), &noise(2, due + 3), 0o644);
        assert_exists(try_open(&world, &shared, &World::new().index));
        get(&world, &shared).unwrap();
        assert!(fs::read(world.path("to/data")).unwrap() == noise(1, due));
    }
}

#[test]
fn what_was_written_in_a_file_that_was_fetched_empty_stays() {
    let (world, shared) = world_with_file(0);
    get(&world, &shared).unwrap();
    write(&world.path("to/data"), b"notes", 0o644);
    assert_exists(try_open(&world, &shared, &world.index));
    assert_eq!(fs::read(world.path("to/data")).unwrap(), b"notes");
}

/// Would fail if the place were looked at only when the download begins.
#[test]
fn a_file_that_comes_or_changes_meanwhile_is_not_replaced_and_what_was_fetched_is_kept() {
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    for (before, partial) in [(None, None), (Some(""), None), (None, Some(elsewhere.path().to_path_buf()))] {
        let (world, shared) = world_with_file(5 * CHUNK_BYTES);
        if let Some(before) = before {
            write(&world.path("to/data"), before.as_bytes(), 0o644);
        }
        let place = Place { directory: world.path("to"), partial };
        let download = world::open(&shared, &place, &world.index);
        let chunks: Vec<_> = shared.content().chunks().collect();
        for &chunk in &chunks[1..] {
            assert_eq!(send(&download, chunk, &read_chunk(&shared, chunk)), Verdict::Verified);
        }
        write(&world.path("to/data"), b"of the user", 0o644);
        let mut last = download.begin(chunks[0]).unwrap();
        last.write(&read_chunk(&shared, chunks[0])).unwrap();
        assert_exists(last.finish());
        assert_exists(download.finish(&world.index));
        assert_eq!(fs::read(world.path("to/data")).unwrap(), b"of the user");
        drop(download);
        fs::rename(world.path("to/data"), world.path("moved")).unwrap();
        let download = world::open(&shared, &place, &world.index);
        assert!(download.is_complete(), "nothing is fetched twice");
        download.finish(&world.index).unwrap();
        assert!(fs::read(world.path("to/data")).unwrap() == noise(1, 5 * CHUNK_BYTES));
    }
}

#[test]
fn a_small_or_empty_file_that_comes_meanwhile_is_not_replaced_either() {
    for due in [0, 1000] {
        let (world, shared) = world_with_file(due);
        let download = try_open(&world, &shared, &world.index).unwrap();
        write(&world.path("to/data"), b"of the user", 0o644);
        for chunk in shared.content().chunks() {
            assert_exists(download.begin(chunk).unwrap().write(&read_chunk(&shared, chunk)));
        }
        assert!(download.finish(&world.index).is_err());
        assert_eq!(fs::read(world.path("to/data")).unwrap(), b"of the user");
    }
}

/// More big files than stay open, each but for its last chunk; and where the unfinished first one lies.
fn nearly_whole() -> (World, Shared, Arc<Download>, PathBuf) {
    let world = World::new();
    for number in 0..40 {
        write(&world.path(&format!("from/{number:02}")), &noise(number, 2 * CHUNK_BYTES), 0o644);
    }
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    for chunk in shared.content().chunks().step_by(2) {
        assert_eq!(send(&download, chunk, &read_chunk(&shared, chunk)), Verdict::Verified);
    }
    let folder = world.path("to/.drizzle/partial").join(shared.content().hash().to_string());
    (world, shared, download, folder.join("0"))
}

/// Something else comes to bear the name of an unfinished file, which is open or was closed meanwhile. Would fail if
/// what lies under the name were put in place, whatever it is.
#[test]
fn only_the_file_that_was_written_and_verified_is_put_in_place() {
    for (entry, harm) in [(0, Harm::Swapped), (0, Harm::Removed), (39, Harm::Swapped), (39, Harm::Removed)] {
        let (world, shared, download, first) = nearly_whole();
        let partial = first.with_file_name(entry.to_string());
        harm.inflict(&partial, noise(99, 2 * CHUNK_BYTES));
        let chunk = shared.content().chunk(2 * entry + 1).unwrap();
        let received = download.begin(chunk).and_then(|mut sink| {
            sink.write(&read_chunk(&shared, chunk))?;
            sink.finish()
        });
        let Err(error) = received else { panic!("{entry} {harm:?}: it was put in place") };
        assert!(
            matches!(&error, DiskError::Replaced { path } if path.ends_with(entry.to_string())),
            "{error}"
        );
        assert!(error.hint().is_some());
        let target = world.path(&format!("to/from/{entry:02}"));
        assert!(!target.exists());
        drop(download);
        let download = world.download(&shared, "to");
        fetch(&shared, &download);
        download.finish(&world.index).unwrap();
        assert_eq!(world::snapshot(&world.path("to/from")), world::snapshot(&world.path("from")));
    }
}

/// On some file systems a file has another number whenever it is opened. Would fail if such a file, or another with the
/// same bytes, which is as good, were not put in place.
#[test]
fn a_file_that_is_not_recognised_is_put_in_place_when_all_of_it_is_right() {
    let (world, shared, download, first) = nearly_whole();
    let bytes = fs::read(&first).unwrap();
    Harm::Swapped.inflict(&first, bytes);
    fetch(&shared, &download);
    download.finish(&world.index).unwrap();
    assert_eq!(world::snapshot(&world.path("to/from")), world::snapshot(&world.path("from")));
}

#[derive(Debug, Clone, Copy)]
enum Harm {
    Swapped,
    Removed,
}

impl Harm {
    fn inflict(self, partial: &std::path::Path, bytes: Vec<u8>) {
        match self {
            Self::Removed => fs::remove_file(partial).unwrap(),
            Self::Swapped => {
                // Both are there for a moment, so they are two for the file system.
                fs::write(partial.with_file_name("other"), bytes).unwrap();
                fs::rename(partial.with_file_name("other"), partial).unwrap();
            }
        }
    }
}

/// Within a folder all names are the folder's: what differs is replaced.
#[test]
fn a_fetched_folder_replaces_what_bears_the_names_of_its_files() {
    let world = World::new();
    write(&world.path("from/data"), &noise(1, 1000), 0o644);
    write(&world.path("to/from/data"), b"other", 0o644);
    write(&world.path("to/from/unnamed"), b"other", 0o644);
    let shared = Shared::of_path(&world.path("from"), Some(rel("from")), &world.index, &Progress::default());
    get(&world, &shared.unwrap()).unwrap();
    assert_eq!(fs::read(world.path("to/from/data")).unwrap(), noise(1, 1000));
    assert_eq!(fs::read(world.path("to/from/unnamed")).unwrap(), b"other");
}
