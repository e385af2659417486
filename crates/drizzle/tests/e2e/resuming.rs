//! Interrupted downloads: what was verified before is not fetched again, and nothing is trusted unread.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::folder::{assert_no_diff, assert_same, set_mtime};
use crate::support::home::Home;
use crate::support::noise::{self, Noise};
use crate::support::process::number;
use crate::support::swarm::Sharer;
use crate::support::words;

const CHUNK: u64 = 64 << 10;
/// At the speed of [`kill_somewhere`] this takes sixteen seconds, of which the tests use four: a signal comes late on a busy machine.
const SIZE: u64 = 16 << 20;

fn kill_somewhere(here: &Home, link: &str, chunks: u64) {
    let mut get = here.start_get(link, words!["--limit-down", "1MiB"]);
    for _ in 0..chunks {
        get.until("chunk");
    }
    get.end_by(Signal::KILL);
}

/// The one unfinished file.
fn partial_file(here: &Home) -> PathBuf {
    let folder = fs::read_dir(here.out().join(".drizzle/partial")).unwrap().next().unwrap().unwrap().path();
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    file.clone()
}

/// B2: killed at several moments, a fetch goes on from what it had verified. Would fail if a chunk that was
/// told as verified were fetched again, or if something were counted as there that is not.
#[test]
fn a_killed_fetch_goes_on_and_fetches_only_the_rest() {
    let (there, here) = (Home::new(), Home::new());
    let bytes = noise::bytes(SIZE as usize, 1);
    let file = there.file("data", &bytes);
    let sharer = Sharer::start(&there, &file);
    let mut noise = Noise::new(2);
    let mut chunks_told = 0;
    for _ in 0..4 {
        let more = 1 + noise.below(15);
        kill_somewhere(&here, &sharer.link(), more);
        chunks_told += more;
        assert!(!here.out().join("data").exists());
    }
    let got = here.get(&sharer.link());
    got.assert_code(0);
    let before = SIZE - got.fetched();
    assert!(before >= chunks_told * CHUNK, "{chunks_told} chunks were told, {before} bytes counted");
    assert_eq!(got.all("chunk").len() as u64 * CHUNK, got.fetched());
    assert_eq!(number(&got.all("progress")[0]["total"]), SIZE);
    assert_same(&file, &here.out().join("data"));
    assert!(!here.out().join(".drizzle").exists());
}

/// B2, B3: the same for a folder with many small files and a few big ones.
#[test]
fn a_killed_fetch_of_a_folder_goes_on() {
    let (there, here) = (Home::new(), Home::new());
    let top = there.join("folder");
    fs::create_dir(&top).unwrap();
    for n in 0..400u64 {
        let folder = top.join((n % 20).to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(n.to_string()), noise::bytes(n as usize * 20, n)).unwrap();
    }
    (0..11).for_each(|n| fs::write(top.join(format!("big {n}")), noise::bytes(1_300_000, 1000 + n)).unwrap());
    let sharer = Sharer::start(&there, &top);
    for chunks in [3, 17, 11] {
        kill_somewhere(&here, &sharer.link(), chunks);
    }
    let got = here.get(&sharer.link());
    got.assert_code(0);
    let size = number(&got.only("done")["size"]);
    assert!(got.fetched() <= size - 25 * CHUNK, "{} of {size} bytes were fetched", got.fetched());
    assert_same(&top, &here.out().join("folder"));
}

/// B2, S0.10: what was damaged meanwhile is found by its hash, and only that is fetched again. Would fail if
/// a record of what was verified were believed.
#[test]
fn unfinished_data_that_was_damaged_is_not_trusted() {
    let (there, here) = (Home::new(), Home::new());
    let bytes = noise::bytes(SIZE as usize, 3);
    let file = there.file("data", &bytes);
    let sharer = Sharer::start(&there, &file);
    kill_somewhere(&here, &sharer.link(), 20);
    let partial = partial_file(&here);
    let undamaged = fs::read(&partial).unwrap();
    let is_right = |chunk: &u64| {
        let range = (chunk * CHUNK) as usize..((chunk + 1) * CHUNK) as usize;
        undamaged[range.clone()] == bytes[range]
    };
    let right: Vec<u64> = (0..SIZE / CHUNK).filter(is_right).collect();
    assert!(right.len() >= 20);
    for chunk in &right[..5] {
        flip(&partial, chunk * CHUNK + 17);
    }
    let got = here.get(&sharer.link());
    got.assert_code(0);
    assert_eq!(got.fetched(), SIZE - (right.len() as u64 - 5) * CHUNK);
    assert_no_diff(&file, &here.out().join("data"));
}

/// B2: a finished file in which something changed is mended by its wrong chunks alone, with its time set back
/// or not; a right one costs nothing. Would fail if size and time were believed where they are of another
/// file than the one that was verified.
#[test]
fn a_wrong_file_is_mended_and_a_right_one_left() {
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", &noise::bytes(SIZE as usize, 4));
    set_mtime(&file, 1_500_000_000_000_000_000);
    let sharer = Sharer::start(&there, &file);
    let link = sharer.link();
    let target = here.out().join("data");
    here.get(&link).assert_code(0);
    for is_hidden in [false, true] {
        flip(&target, 3 * CHUNK + 5);
        flip(&target, SIZE - 1);
        if is_hidden {
            set_mtime(&target, 1_500_000_000_000_000_000);
        }
        let got = here.get(&link);
        assert_eq!(got.assert_code(0).fetched(), 2 * CHUNK);
        assert_same(&file, &target);
        let again = here.get(&link);
        assert_eq!(again.assert_code(0).fetched(), 0);
        assert_eq!(again.all("chunk").len(), 0);
    }
    // Another file of the name, longer and shorter.
    for other in [noise::bytes(SIZE as usize + 77, 5), Vec::new()] {
        fs::write(&target, other).unwrap();
        assert_eq!(here.get(&link).assert_code(0).fetched(), SIZE);
        assert_same(&file, &target);
    }
}

/// B2: two fetches of the same thing into the same place do not disturb each other: one gets it, the other
/// says why not.
#[test]
fn two_fetches_into_one_place_do_no_harm() {
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", &noise::bytes(SIZE as usize, 6));
    let sharer = Sharer::start(&there, &file);
    let mut first = here.start_get(&sharer.link(), words!["--limit-down", "4MiB"]);
    first.until("chunk");
    // It stands still meanwhile, so it cannot be done before the other has begun.
    first.signal(Signal::STOP);
    let second = here.get(&sharer.link());
    second.assert_error(6, "disk", "another process");
    first.signal(Signal::CONT);
    first.end().assert_code(0);
    assert_same(&file, &here.out().join("data"));
}

fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}
