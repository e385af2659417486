//! Looking again at what was shared: only what changed is read, what is being written is left out, and what is the same is
//! known to be so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use drizzle_store::{Progress, ShareError, Shared, SkipReason, Unfinished};
use world::{World, make_folder, noise, write};

/// Looks again, and says how many bytes were read.
fn again(world: &World, shared: &Shared, name: &str, unfinished: &Unfinished) -> (Shared, u64) {
    let progress = Progress::default();
    let later = shared.again(&world.path(name), unfinished, &world.index, &progress).unwrap();
    (later, progress.bytes_done())
}

#[test]
fn what_is_the_same_is_not_read_and_known_to_be_the_same() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let (later, read) = again(&world, &shared, "from", &Unfinished::default());
    assert_eq!(read, 0);
    assert!(shared.still_serves(&later));
    assert_eq!(shared.content().key(), later.content().key());
}

/// Would fail if more than the new file were read, or if one that is gone were still in it or in the index.
#[test]
fn only_what_changed_is_read() {
    let world = World::new();
    let root = world.path("from");
    for number in 0..50 {
        write(&root.join(format!("f{number}")), &noise(number, 70_000), 0o644);
    }
    let shared = world.share("from");
    write(&root.join("f7"), b"changed", 0o644);
    write(&root.join("new"), b"new", 0o644);
    fs::remove_file(root.join("f9")).unwrap();
    fs::rename(root.join("f10"), root.join("sub")).unwrap();
    let (later, read) = again(&world, &shared, "from", &Unfinished::default());
    assert_eq!(read, 7 + 3 + 70_000, "the changed, the new and the renamed one");
    assert!(!shared.still_serves(&later));
    // Whoever comes anew finds the same, by the index alone.
    let progress = Progress::default();
    let anew = Shared::of_path(&root, None, &world.index, &progress).unwrap();
    assert_eq!((anew.content().key(), progress.bytes_done()), (later.content().key(), 0));
    // One that is back at its name is read again: the index has forgotten it.
    write(&root.join("f9"), &noise(9, 70_000), 0o644);
    assert_eq!(again(&world, &later, "from", &Unfinished::default()).1, 70_000);
}

/// Would fail if half a file were shared because somebody looked at the wrong moment.
#[test]
fn what_is_being_written_is_left_out_until_it_is_whole() {
    let world = World::new();
    let root = world.path("from");
    write(&root.join("done"), b"done", 0o644);
    let shared = world.share("from");
    write(&root.join("half"), b"half of it", 0o644);
    let half = root.canonicalize().unwrap().join("half");
    let open = Unfinished { open: HashSet::from([half]), fresh_for: Duration::ZERO };
    let (later, _) = again(&world, &shared, "from", &open);
    assert!(later.has_unfinished());
    assert!(matches!(later.skipped()[0].reason, SkipReason::Unfinished));
    assert_eq!(later.content().entries().len(), 1);
    // By its time alone, when nobody heard of it being opened.
    fs::write(root.join("half"), "two halves of it").unwrap();
    let fresh = Unfinished { open: HashSet::new(), fresh_for: Duration::from_secs(600) };
    assert!(again(&world, &later, "from", &fresh).0.has_unfinished());
    let (whole, _) = again(&world, &later, "from", &Unfinished::default());
    assert!(!whole.has_unfinished());
    assert_eq!(whole.content().entries().len(), 2);
}

#[test]
fn a_single_file_is_looked_at_alike() {
    let world = World::new();
    let file = world.path("f");
    write(&file, b"one", 0o644);
    let shared = world.share("f");
    assert!(shared.still_serves(&again(&world, &shared, "f", &Unfinished::default()).0));
    write(&file, b"two!", 0o644);
    let open = Unfinished { open: HashSet::from([file.canonicalize().unwrap()]), ..Unfinished::default() };
    let error = shared.again(&file, &open, &world.index, &Progress::default()).unwrap_err();
    assert!(matches!(error, ShareError::File(skipped) if matches!(skipped.reason, SkipReason::Unfinished)));
    let (later, read) = again(&world, &shared, "f", &Unfinished::default());
    assert_eq!(read, 4);
    assert_ne!(shared.content().hash(), later.content().hash());
}

/// A file that looks different is not given out by the one that knew its old look, so the same content is not enough.
#[test]
fn the_same_bytes_in_another_file_are_to_be_served_anew() {
    let world = World::new();
    let root = world.path("from");
    write(&root.join("a"), b"same", 0o644);
    let shared = world.share("from");
    write(&root.join("b"), b"same", 0o644);
    let folder_time = fs::metadata(&root).unwrap().modified().unwrap();
    fs::rename(root.join("b"), root.join("a")).unwrap();
    fs::File::open(&root).unwrap().set_modified(folder_time).unwrap();
    let (later, _) = again(&world, &shared, "from", &Unfinished::default());
    assert!(!shared.still_serves(&later));
}
