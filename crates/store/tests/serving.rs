//! A shared file that changes is withdrawn before a byte of it is given out (S4.4), and only its chunks are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use drizzle_model::{Bitmap, ChunkRun};
use drizzle_store::{Shared, Source, SourceError};
use world::{World, age, fetch, make_folder, noise, read_chunk, write};

/// Reads every chunk that is served; gives the runs that were lost on the way, and the paths that changed.
fn read_all(shared: &dyn Source, chunks: &Bitmap) -> (Vec<ChunkRun>, Vec<String>) {
    let (mut runs, mut paths) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 1 << 20];
    for chunk in chunks.iter() {
        match shared.read(chunk, 0, &mut buffer) {
            Ok(count) => assert_eq!(count as u64, shared.chunk_bytes(chunk).min(1 << 20)),
            Err(SourceError::Changed { path, lost }) => {
                runs.extend(lost);
                paths.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
            Err(SourceError::Missing { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    (runs, paths)
}

fn chunks_with(shared: &Shared, path: &str) -> Bitmap {
    let content = shared.content();
    let mut with = Bitmap::empty(content.chunk_count());
    for chunk in content.chunks() {
        let is_in = |segment: drizzle_model::Segment| content.entries()[segment.entry].path.as_str() == path;
        if content.segments(chunk).any(is_in) {
            with.insert(chunk);
        }
    }
    with
}

/// Shares a folder, warms it up or not, changes one file, and checks that just its chunks are gone.
fn check(path: &str, change: impl Fn(&Path)) {
    for is_warm in [false, true] {
        let world = World::new();
        make_folder(&world.path("from"));
        let shared = world.share("from");
        let all = shared.have();
        if is_warm {
            assert_eq!(read_all(&shared, &all), (vec![], vec![]));
        }
        change(&world.path("from").join(path));
        let affected = chunks_with(&shared, path);
        let (runs, paths) = read_all(&shared, &all);
        let mut lost = Bitmap::empty(all.len());
        runs.into_iter().for_each(|run| lost.insert_run(run));
        assert_eq!(lost, affected, "{path}, warm: {is_warm}");
        assert_eq!(paths, [path.rsplit('/').next().unwrap()]);
        let served = shared.have();
        assert_eq!(served.count(), all.count() - affected.count());
        assert!(affected.iter().all(|chunk| !served.contains(chunk)));
        assert_eq!(read_all(&shared, &served), (vec![], vec![]), "what is still served must be readable");
    }
}

#[test]
fn one_byte_in_place_withdraws_a_big_file() {
    check("big", |path| {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(path).unwrap();
        file.write_all_at(b"!", 2_000_000).unwrap();
    });
}

#[test]
fn a_change_with_the_old_size_and_time_is_seen_all_the_same() {
    check("many/5/12", |path| {
        let before = fs::metadata(path).unwrap();
        fs::write(path, noise(99, 120)).unwrap();
        assert_eq!(before.len(), 120);
        age(path, 1_000_000_120, 123_456_789);
        assert_eq!(before.modified().unwrap(), fs::metadata(path).unwrap().modified().unwrap());
    });
}

#[test]
fn a_file_cut_short_is_withdrawn() {
    for path in ["big", "one-chunk"] {
        check(path, |path| fs::File::options().write(true).open(path).unwrap().set_len(10).unwrap());
    }
}

#[test]
fn a_file_replaced_removed_or_turned_into_a_link_is_withdrawn() {
    for path in ["big", "many/6/300"] {
        check(path, |path| {
            let bytes = fs::read(path).unwrap();
            write(&path.with_extension("new"), &bytes, 0o644);
            fs::rename(path.with_extension("new"), path).unwrap();
        });
        check(path, |path| {
            fs::remove_file(path).unwrap();
        });
        check(path, |path| {
            fs::rename(path, path.with_extension("old")).unwrap();
            symlink(path.with_extension("old"), path).unwrap();
        });
    }
}

#[test]
fn the_others_still_get_the_rest_and_nothing_wrong() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    write(&world.path("from/big"), b"another", 0o644);
    assert!(matches!(
        shared.read(chunks_with(&shared, "big").iter().next().unwrap(), 0, &mut [0; 10]),
        Err(SourceError::Changed { .. })
    ));
    for chunk in shared.have().iter() {
        let _ = world::send(&download, chunk, &read_chunk(&shared, chunk));
    }
    assert_eq!(download.verified(), shared.have());
    assert!(!world.path("to/from/big").exists() && world.path("to/from/big-exact").exists());
}

#[test]
fn a_look_at_all_files_finds_those_that_changed() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    assert_eq!(shared.withdraw_changed(), []);
    fs::remove_file(world.path("from/big-exact")).unwrap();
    let expected: Vec<_> = chunks_with(&shared, "big-exact").runs().collect();
    assert_eq!(shared.withdraw_changed(), expected);
    assert_eq!(shared.withdraw_changed(), []);
}

#[test]
fn what_a_download_put_in_place_is_withdrawn_too_when_it_changes() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let download = world.download(&shared, "to");
    fetch(&shared, &download);
    assert_eq!(read_all(&*download, &shared.have()), (vec![], vec![]));
    write(&world.path("to/from/big"), b"the user's own", 0o644);
    let (runs, paths) = read_all(&*download, &shared.have());
    assert_eq!(paths, ["big"]);
    assert_eq!(runs, chunks_with(&shared, "big").runs().collect::<Vec<_>>());
    assert!(download.is_complete(), "what was fetched was fetched");
}

#[test]
fn reading_outside_of_a_chunk_is_refused() {
    let world = World::new();
    write(&world.path("file"), &noise(1, 100_000), 0o644);
    let shared = world.share("file");
    let (first, last) = (shared.content().chunk(0).unwrap(), shared.content().chunk(1).unwrap());
    let mut buffer = vec![0; 200_000];
    assert_eq!(shared.read(first, 0, &mut buffer).unwrap(), 65_536);
    assert_eq!(shared.read(last, 34_463, &mut buffer).unwrap(), 1);
    for offset in [34_464, 65_536, u64::MAX] {
        assert!(matches!(shared.read(last, offset, &mut buffer), Err(SourceError::Offset { .. })));
    }
    let beyond = Bitmap::empty(3).chunk(2).unwrap();
    assert!(matches!(shared.read(beyond, 0, &mut buffer), Err(SourceError::Missing { .. })));
}

#[test]
fn any_window_of_a_chunk_is_what_the_chunk_holds_there() {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    let mut random = noise(5, 1 << 16).into_iter().map(usize::from);
    let mut below = move |end: usize| (random.next().unwrap() << 16 | random.next().unwrap() << 8) % end;
    for chunk in shared.content().chunks() {
        let whole = read_chunk(&shared, chunk);
        for _ in 0..20 {
            let offset = below(whole.len());
            let mut window = vec![0; 1 + below(whole.len())];
            let count = shared.read(chunk, offset as u64, &mut window).unwrap();
            assert_eq!(count, window.len().min(whole.len() - offset));
            assert_eq!(window[..count], whole[offset..offset + count]);
        }
    }
}
