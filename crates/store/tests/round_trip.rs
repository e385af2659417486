//! From one folder to another, whole: content, modes, times, links; for files, folders and everything empty.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use drizzle_model::ContentKind;
use drizzle_store::{Place, Progress, Shared, Source, Verdict};
use world::{World, age, fetch, make_folder, noise, open, read_chunk, rel, snapshot, write};

#[test]
fn a_folder_arrives_as_it_is() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    assert!(shared.skipped().is_empty(), "{:?}", shared.skipped());
    let download = world.download(&shared, "to");
    assert_eq!(download.verified().count(), 0);
    let fetched = fetch(&shared, &download);
    assert!(fetched.is_full() && download.is_complete());
    let finished = download.finish(&world.index).unwrap();
    assert_eq!(finished.path, world.path("to/from").canonicalize().unwrap());
    assert!(finished.refused.is_empty() && finished.warning.is_none());
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
    assert!(!world.path("to/.drizzle").exists(), "the partial folder must be gone");
}

#[test]
fn a_file_arrives_as_it_is_under_its_new_name() {
    for size in [0, 1, 65_536, 65_537, 5_000_000] {
        let world = World::new();
        write(&world.path("file"), &noise(size, size as usize), 0o6751);
        let name = Some(rel("sub/other"));
        let shared = Shared::of_path(&world.path("file"), name, &world.index, &Progress::default()).unwrap();
        assert_eq!((shared.content().kind(), shared.content().size()), (ContentKind::File, size));
        let download = world.download(&shared, "to");
        fetch(&shared, &download);
        download.finish(&world.index).unwrap();
        let mut looks = snapshot(&world.path("to/sub/other"));
        let mut look = looks.pop_first().unwrap().1;
        // Setuid and setgid would lend the fetcher's rights to whoever runs it.
        assert_eq!(look.0 & 0o7777, 0o751);
        look.0 |= 0o6000;
        assert_eq!(look, snapshot(&world.path("file")).pop_first().unwrap().1, "size {size}");
    }
}

/// Would fail if who shares a folder could make a program run with the rights of who fetches it, at the first time or
/// where it is found right already.
#[test]
fn setuid_setgid_and_sticky_bits_are_not_taken_over() {
    let world = World::new();
    for (name, mode) in [("small", 0o4755), ("empty", 0o6711), ("d/other", 0o2750)] {
        write(&world.path("from").join(name), if name == "empty" { b"" } else { b"program" }, mode);
    }
    write(&world.path("from/big"), &noise(1, 200_000), 0o7777);
    for (folder, mode) in [("from/d", 0o3777), ("from", 0o2755)] {
        fs::set_permissions(world.path(folder), fs::Permissions::from_mode(mode)).unwrap();
    }
    let shared = world.share("from");
    for _ in 0..2 {
        let download = world.download(&shared, "to");
        fetch(&shared, &download);
        download.finish(&world.index).unwrap();
        let mut expected = snapshot(&world.path("from"));
        assert_eq!(expected.values().filter(|look| look.0 & 0o7000 != 0).count(), 6, "all were set");
        expected.values_mut().for_each(|look| look.0 &= !0o7000);
        assert_eq!(snapshot(&world.path("to/from")), expected);
        let set_again = fs::Permissions::from_mode(0o4755);
        fs::set_permissions(world.path("to/from/small"), set_again).unwrap();
    }
}

#[test]
fn an_empty_folder_arrives() {
    let world = World::new();
    fs::create_dir(world.path("from")).unwrap();
    age(&world.path("from"), 77, 7);
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    assert!(download.is_complete());
    download.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

#[test]
fn the_hashes_are_those_of_the_bytes() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let manifest = shared.manifest().unwrap();
    let bytes: Vec<u8> = shared_manifest_bytes(manifest);
    assert_eq!(drizzle_wire::decode_manifest(&bytes).as_ref(), Ok(shared.content().manifest().unwrap()));
    assert_eq!(manifest.hash(), shared.content().hash());
    for entry in shared.content().entries() {
        if let drizzle_model::EntryKind::File { hash, .. } = &entry.kind {
            let path = world.path("from").join(entry.path.as_str());
            assert_eq!(hash.as_bytes(), blake3::hash(&fs::read(path).unwrap()).as_bytes(), "{}", entry.path);
        }
    }
}

fn shared_manifest_bytes(manifest: &drizzle_store::MemorySource) -> Vec<u8> {
    manifest.geometry().chunks().flat_map(|chunk| read_chunk(manifest, chunk)).collect()
}

#[test]
fn a_finished_target_is_not_fetched_again_and_not_even_read() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    fetch(&shared, &download);
    download.finish(&world.index).unwrap();
    drop(download);
    let place = Place { directory: world.path("to"), partial: None };
    for (index, reads) in [(&world.index, false), (&World::new().index, true)] {
        let progress = Progress::default();
        let again =
            drizzle_store::Download::open(shared.content().clone(), &place, index, &progress).unwrap();
        assert!(again.is_complete());
        assert_eq!(progress.bytes_total() > 0, reads);
        again.finish(index).unwrap();
    }
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

#[test]
fn a_second_share_reads_only_what_changed() {
    let world = World::new();
    make_folder(&world.path("from"));
    let first = world.share("from");
    write(&world.path("from/many/3/3"), b"new content of it", 0o644);
    fs::remove_file(world.path("from/many/4/4")).unwrap();
    let progress = Progress::default();
    let second = Shared::of_path(&world.path("from"), None, &world.index, &progress).unwrap();
    assert_eq!(progress.bytes_total(), 17);
    assert_ne!(first.content().hash(), second.content().hash());
    assert_eq!(first.content().entries().len(), second.content().entries().len() + 1);
}

#[test]
fn a_file_modified_just_now_is_read_again() {
    let world = World::new();
    fs::write(world.path("file"), "at the same moment").unwrap();
    world.share("file");
    let progress = Progress::default();
    Shared::of_path(&world.path("file"), None, &world.index, &progress).unwrap();
    assert_eq!(progress.bytes_done(), 18);
}

#[test]
fn who_fetches_serves_meanwhile_and_afterwards() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let (first, second) = (world.download(&shared, "first"), world.download(&shared, "second"));
    for chunk in shared.content().chunks() {
        assert_eq!(world::send(&first, chunk, &read_chunk(&shared, chunk)), Verdict::Verified);
        assert!(first.have().contains(chunk));
        // From the first, which holds it in a partial file or in its place already.
        assert_eq!(world::send(&second, chunk, &read_chunk(&*first, chunk)), Verdict::Verified);
    }
    first.finish(&world.index).unwrap();
    second.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("second/from")), snapshot(&world.path("from")));
    let third = world.download(&shared, "third");
    fetch(&*second, &third);
    third.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("third/from")), snapshot(&world.path("from")));
}

#[test]
fn a_folder_without_the_right_to_write_is_updated_and_gets_its_modes_back() {
    let world = World::new();
    make_folder(&world.path("from"));
    for folder in ["many/2", "many", "odd"] {
        fs::set_permissions(world.path("from").join(folder), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    fetch(&shared, &download);
    download.finish(&world.index).unwrap();
    drop(download);
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
    write_in_read_only(&world.path("from/many/2"), "2", b"other");
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    fetch(&shared, &download);
    download.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

fn write_in_read_only(folder: &Path, name: &str, bytes: &[u8]) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    write(&folder.join(name), bytes, 0o644);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
}

#[test]
fn partial_files_may_lie_elsewhere() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    // On most systems this is another file system than the temporary directory, so files are copied over.
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let place = Place { directory: world.path("to"), partial: Some(elsewhere.path().into()) };
    let download = open(&shared, &place, &world.index);
    fetch(&shared, &download);
    download.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
