//! Many threads at once, liars and slow ones among them: a chunk that is verified stays right.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use drizzle_model::ChunkIndex;
use drizzle_store::{Source, Verdict};
use world::{World, make_folder, noise, read_chunk, send, snapshot, write};

#[test]
fn threads_bring_every_chunk_twice_and_lies_between() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    let chunks: Vec<ChunkIndex> = shared.content().chunks().collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..6 {
            let (chunks, next, shared, download) = (&chunks, &next, &shared, &download);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Relaxed) / 3;
                    let Some(&chunk) = chunks.get(at) else { break };
                    let right = read_chunk(shared, chunk);
                    let mut lie = right.clone();
                    let middle = lie.len() / 2;
                    lie[middle] ^= 1;
                    let mut sink = download.begin(chunk).unwrap();
                    for piece in lie.chunks(7000 + thread * 1000) {
                        sink.write(piece).unwrap();
                    }
                    assert_eq!(sink.finish().unwrap(), Verdict::Corrupt);
                    assert_eq!(send(download, chunk, &right), Verdict::Verified);
                }
            });
        }
    });
    assert!(download.is_complete());
    for chunk in chunks {
        assert!(read_chunk(&*download, chunk) == read_chunk(&shared, chunk), "chunk {chunk}");
    }
    download.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}

/// Whoever begins a chunk that others have begun writes aside and moves in when it is done first; here several do at once.
/// Would fail if anyone were told that its chunk is verified before it counts: a fetch would end with it missing.
#[test]
fn many_at_once_on_one_chunk_never_spoil_it() {
    let world = World::new();
    write(&world.path("file"), &noise(1, 100_000), 0o644);
    let shared = world.share("file");
    let chunks: Vec<ChunkIndex> = shared.content().chunks().collect();
    let right: Vec<Vec<u8>> = chunks.iter().map(|&chunk| read_chunk(&shared, chunk)).collect();
    for round in 0..150 {
        let download = world.download(&shared, &format!("to{}", round % 2));
        thread::scope(|scope| {
            for thread in 0..8 {
                let (download, chunks, right) = (&download, &chunks, &right);
                scope.spawn(move || {
                    for (&chunk, right) in chunks.iter().zip(right) {
                        let mut bytes = right.clone();
                        bytes[30_000] ^= u8::from(thread % 2 == 0);
                        let mut sink = download.begin(chunk).unwrap();
                        bytes.chunks(9000).for_each(|piece| sink.write(piece).unwrap());
                        let verdict = sink.finish().unwrap();
                        assert_eq!(verdict == Verdict::Verified, thread % 2 == 1);
                        assert!(verdict == Verdict::Corrupt || download.verified().contains(chunk));
                    }
                });
            }
        });
        for (&chunk, right) in chunks.iter().zip(&right) {
            assert!(read_chunk(&*download, chunk) == *right, "round {round}");
        }
        drop(download);
        fs::remove_dir_all(world.path(&format!("to{}", round % 2))).unwrap();
    }
}

#[test]
fn the_second_to_begin_wins_when_it_is_done_first_and_the_first_writes_no_more() {
    let world = World::new();
    write(&world.path("file"), &noise(1, 200_000), 0o644);
    let shared = world.share("file");
    let download = world.download(&shared, "to");
    let chunks: Vec<_> = shared.content().chunks().collect();
    for &chunk in &chunks {
        let right = read_chunk(&shared, chunk);
        let half = right.len() / 2;
        let mut slow = download.begin(chunk).unwrap();
        slow.write(&right[..half]).unwrap();
        let mut quick = download.begin(chunk).unwrap();
        quick.write(&right).unwrap();
        assert_eq!(quick.finish().unwrap(), Verdict::Verified);
        assert_eq!(read_chunk(&*download, chunk), right);
        slow.write(&vec![0xee; right.len() - half]).unwrap();
        assert_eq!(read_chunk(&*download, chunk), right, "the slow one was ousted");
        assert_eq!(slow.finish().unwrap(), Verdict::Corrupt);
        let mut late = download.begin(chunk).unwrap();
        late.write(&vec![0xdd; right.len()]).unwrap();
        assert_eq!(read_chunk(&*download, chunk), right, "a verified chunk is never written");
        assert_eq!(late.finish().unwrap(), Verdict::Corrupt);
    }
    download.finish(&world.index).unwrap();
    assert_eq!(fs::read(world.path("to/file")).unwrap(), noise(1, 200_000));
    assert!(!world.path("to/.drizzle").exists());
}

#[test]
fn the_first_wins_when_the_second_lies_or_is_dropped() {
    let world = World::new();
    write(&world.path("file"), &noise(1, 200_000), 0o644);
    let shared = world.share("file");
    let download = world.download(&shared, "to");
    for chunk in shared.content().chunks() {
        let right = read_chunk(&shared, chunk);
        let mut first = download.begin(chunk).unwrap();
        let mut liar = download.begin(chunk).unwrap();
        let mut dropped = download.begin(chunk).unwrap();
        liar.write(&vec![0; right.len()]).unwrap();
        dropped.write(&right[1..]).unwrap();
        first.write(&right).unwrap();
        assert_eq!(liar.finish().unwrap(), Verdict::Corrupt);
        drop(dropped);
        assert!(!download.have().contains(chunk));
        assert_eq!(first.finish().unwrap(), Verdict::Verified);
        assert_eq!(read_chunk(&*download, chunk), right);
    }
    assert_eq!(fs::read(world.path("to/file")).unwrap(), noise(1, 200_000), "in its place at once");
}

#[test]
fn too_much_and_too_little_are_corrupt() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    for chunk in shared.content().chunks() {
        let right = read_chunk(&shared, chunk);
        assert_eq!(send(&download, chunk, &[]), Verdict::Corrupt);
        assert_eq!(send(&download, chunk, &right[..right.len() - 1]), Verdict::Corrupt);
        assert_eq!(send(&download, chunk, &[&right[..], b"x"].concat()), Verdict::Corrupt);
        assert_eq!(send(&download, chunk, &vec![0; 2 << 20]), Verdict::Corrupt);
    }
    assert_eq!(download.verified().count(), 0);
    assert!(!world.path("to/from/big").exists());
}

#[test]
fn of_a_pack_with_one_wrong_file_the_right_ones_are_kept() {
    let world = World::new();
    for number in 0..50 {
        write(&world.path(&format!("from/{number:02}")), &noise(number, 1000), 0o644);
    }
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    let chunk = shared.content().chunk(0).unwrap();
    let mut bytes = read_chunk(&shared, chunk);
    bytes[30 * 1000 + 7] ^= 1;
    assert_eq!(send(&download, chunk, &bytes), Verdict::Corrupt);
    assert_eq!(fs::read_dir(world.path("to/from")).unwrap().count(), 49);
    assert!(!world.path("to/from/30").exists());
    bytes[30 * 1000 + 7] ^= 1;
    assert_eq!(send(&download, chunk, &bytes), Verdict::Verified);
    download.finish(&world.index).unwrap();
    assert_eq!(snapshot(&world.path("to/from")), snapshot(&world.path("from")));
}
