//! Interrupted downloads go on from what is verified (B2): after a drop, after SIGKILL, after the data was damaged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use drizzle_model::Bitmap;
use drizzle_store::{DiskError, Download, Index, Place, Progress, Shared, Source, Verdict};
use world::{PIECE_BYTES, World, fetch, make_folder, noise, open, read_chunk, send, snapshot, write};

fn partial_folder(world: &World, shared: &Shared) -> PathBuf {
    world.path("to/.drizzle/partial").join(shared.content().hash().to_string())
}

#[test]
fn downloads_dropped_at_random_points_fetch_nothing_twice() {
    for seed in 1..=6 {
        let world = World::new();
        make_folder(&world.path("from"));
        let shared = world.share("from");
        let mut random = noise(seed, 4096).into_iter();
        let mut fetched = Bitmap::empty(shared.content().chunk_count());
        loop {
            let download = world.download(&shared, "to");
            assert_eq!(
                download.verified(),
                fetched,
                "seed {seed}: what was verified, and only that, is there"
            );
            let missing: Vec<_> = fetched.missing().collect();
            if missing.is_empty() {
                download.finish(&world.index).unwrap();
                break;
            }
            for _ in 0..1 + random.next().unwrap() % 20 {
                let chunk = missing[random.next().unwrap() as usize * 31 % missing.len()];
                let bytes = read_chunk(&shared, chunk);
                assert_eq!(send(&download, chunk, &bytes), Verdict::Verified);
                fetched.insert(chunk);
            }
            // One more is cut off on the way.
            let chunk = missing[0];
            let mut cut = download.begin(chunk).unwrap();
            cut.write(&read_chunk(&shared, chunk)[..1]).unwrap();
        }
        assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
        assert!(!world.path("to/.drizzle").exists());
    }
}

/// Not a test of its own: the process that the next one kills. Fetches one chunk for each byte that it is given, and says
/// when it is verified.
#[test]
fn child() {
    let Ok(place) = std::env::var("DRIZZLE_STORE_CHILD") else { return };
    let place = Path::new(&place);
    let index = Index::in_directory(&place.join("state"));
    let shared = Shared::of_path(&place.join("from"), None, &index, &Progress::default()).unwrap();
    let download = open(&shared, &Place { directory: place.join("to"), partial: None }, &index);
    let mut given = std::io::stdin().lock().bytes();
    for chunk in download.verified().missing() {
        if given.next().is_none() {
            break;
        }
        assert_eq!(send(&download, chunk, &read_chunk(&shared, chunk)), Verdict::Verified);
        println!("\nverified {chunk}");
    }
}

#[test]
fn a_process_killed_at_any_moment_loses_only_what_was_in_flight() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let mut said = Bitmap::empty(shared.content().chunk_count());
    let mut kills = 0;
    while !said.is_full() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env("DRIZZLE_STORE_CHILD", world.place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Killed when it has said so many, while it is at work on the next ones.
        let count = 3 + kills * 4;
        child.stdin.as_mut().unwrap().write_all(&vec![0; count + 4]).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let numbers = lines.filter_map(|line| line.strip_prefix("verified ")?.parse().ok());
        for number in numbers.take(count.min(said.missing().count())) {
            let chunk = said.chunk(number).unwrap();
            assert!(said.insert(chunk), "chunk {number} was verified before, and fetched again");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        let download = world.download(&shared, "to");
        let verified = download.verified();
        assert!(said.iter().all(|chunk| verified.contains(chunk)), "what a killed process had is there");
        // What it verified without having said so counts as well.
        verified.runs().for_each(|run| said.insert_run(run));
    }
    assert!(kills >= 3, "the test must have killed on the way");
    world.download(&shared, "to").finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

#[test]
fn damaged_partial_data_is_found_and_fetched_again() {
    let world = World::new();
    write(&world.path("from/a/file"), &noise(1, 10 << 16), 0o644);
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    for number in 0..9 {
        let chunk = shared.content().chunk(number).unwrap();
        assert_eq!(send(&download, chunk, &read_chunk(&shared, chunk)), Verdict::Verified);
    }
    drop(download);
    let partial = fs::read_dir(partial_folder(&world, &shared)).unwrap().next().unwrap().unwrap().path();
    let file = fs::File::options().write(true).open(partial).unwrap();
    file.write_all_at(b"damage", 3 << 16).unwrap();
    file.set_len((8 << 16) - 1).unwrap();
    let download = world.download(&shared, "to");
    let missing: Vec<u32> = download.verified().missing().map(drizzle_model::ChunkIndex::number).collect();
    assert_eq!(missing, [3, 7, 8, 9]);
    fetch(&shared, &download);
    download.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

#[test]
fn a_wrong_target_is_repaired_and_its_right_chunks_are_kept() {
    let world = World::new();
    write(&world.path("from/big"), &noise(1, 10 << 16), 0o644);
    write(&world.path("from/small"), &noise(2, 5000), 0o600);
    let mut wrong = noise(1, 12 << 16);
    wrong[(4 << 16) + 5] ^= 1;
    write(&world.path("to/from/big"), &wrong, 0o777);
    write(&world.path("to/from/small"), &noise(3, 5000), 0o777);
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    let fetched = fetch(&shared, &download);
    assert_eq!(fetched.count(), 2, "one chunk of the big file, and the pack of the small one");
    let during = fs::read(world.path("to/from/big")).unwrap();
    assert_eq!(during, noise(1, 10 << 16), "it is in place as soon as it is whole");
    download.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

#[test]
fn a_wrong_target_stays_as_it_is_until_the_right_one_is_whole() {
    let world = World::new();
    write(&world.path("from/big"), &noise(1, 10 << 16), 0o644);
    let wrong = noise(2, 7 << 16);
    write(&world.path("to/from/big"), &wrong, 0o600);
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    let missing: Vec<_> = download.verified().missing().collect();
    for chunk in &missing[1..] {
        assert_eq!(send(&download, *chunk, &read_chunk(&shared, *chunk)), Verdict::Verified);
    }
    assert_eq!(fs::read(world.path("to/from/big")).unwrap(), wrong);
    assert!(matches!(download.finish(&world.index), Err(DiskError::Incomplete { missing: 1 })));
}

#[test]
fn only_mode_and_time_are_mended_where_the_content_is_right() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    fetch(&shared, &download);
    download.finish(&world.index).unwrap();
    drop(download);
    for name in ["big", "many/3/3", "empty"] {
        let path = world.path("to/from").join(name);
        world::age(&path, 5, 5);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    fs::remove_file(world.path("to/from/odd/link")).unwrap();
    symlink("other", world.path("to/from/odd/link")).unwrap();
    let download = world.download(&shared, "to");
    assert!(download.is_complete());
    download.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

#[test]
fn two_processes_do_not_fetch_the_same_into_one_place() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let place = Place { directory: world.path("to"), partial: None };
    let again = || Download::open(shared.content().clone(), &place, &world.index, &Progress::default());
    let first = again().unwrap();
    assert!(matches!(again(), Err(DiskError::InUse { .. })));
    drop(first);
    assert!(again().is_ok());
}

#[test]
fn a_run_that_ended_just_before_the_last_step_is_finished_without_fetching() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    fetch(&shared, &world.download(&shared, "to"));
    assert!(partial_folder(&world, &shared).exists());
    fs::write(partial_folder(&world, &shared).join("t7"), noise(1, PIECE_BYTES)).unwrap();
    let download = world.download(&shared, "to");
    assert!(download.is_complete() && download.have().is_full());
    download.finish(&world.index).unwrap();
    assert!(!world.path("to/.drizzle").exists());
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

#[test]
fn a_start_reads_no_more_than_was_fetched() {
    let world = World::new();
    write(&world.path("file"), &noise(1, 100 << 16), 0o644);
    let shared = world.share("file");
    let download = world.download(&shared, "to");
    for number in [3, 50, 51] {
        let chunk = shared.content().chunk(number).unwrap();
        assert_eq!(send(&download, chunk, &read_chunk(&shared, chunk)), Verdict::Verified);
    }
    drop(download);
    let (place, progress) = (Place { directory: world.path("to"), partial: None }, Progress::default());
    let again = Download::open(shared.content().clone(), &place, &world.index, &progress).unwrap();
    assert_eq!(again.verified().count(), 3);
    assert_eq!(progress.bytes_total(), 3 << 16);
}
