//! What the disk layer costs: hashing, sharing, sending and receiving, for one big file and for many small ones.
//!
//! Run with `cargo bench -p drizzle-store`. Works in /dev/shm, so that it is the code that is measured and not a device. Each
//! figure is the median of several runs, with the processor time of this process beside it. Where `b3sum` is
//! installed, it is run in turn with the hashing, since only their ratio is comparable between machines.

#![allow(clippy::unwrap_used, reason = "a measurement that fails is to be seen at once")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use drizzle_store::{Download, Index, Place, Progress, Shared, Source, Verdict};
use rustix::time::{ClockId, clock_gettime};

const RUNS: usize = 7;
const BIG_BYTES: usize = 1 << 30;
const SMALL_FILES: usize = 10_000;
const SMALL_BYTES: usize = 4096;
const PIECE_BYTES: usize = 256 << 10;

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--peak").skip(1);
    if let (Some(from), Some(to)) = (arguments.next(), arguments.next()) {
        return move_all(from.as_ref(), to.as_ref());
    }
    let place = tempfile::tempdir_in("/dev/shm").unwrap();
    let big = place.path().join("big");
    fs::write(&big, noise(BIG_BYTES)).unwrap();
    let small = place.path().join("small");
    make_small(&small);
    for path in [&big, &small] {
        settle(path);
    }
    measure_sharing(place.path(), &big, "1 GiB");
    measure_sharing(place.path(), &small, "10,000 files of 4 KiB");
    measure_b3sum(&big);
    measure_serving(place.path(), &big, "1 GiB");
    measure_serving(place.path(), &small, "10,000 files of 4 KiB");
    for threads in [1, 2] {
        measure_receiving(place.path(), &big, "1 GiB", threads);
        measure_receiving(place.path(), &small, "10,000 files of 4 KiB", threads);
    }
    measure_memory(place.path(), &big, "1 GiB");
    measure_memory(place.path(), &small, "10,000 files of 4 KiB");
    let huge = place.path().join("huge");
    fs::File::create(&huge).unwrap().set_len(16 << 30).unwrap();
    measure_memory(place.path(), &huge, "16 GiB of zeros, shared only");
}

/// The peak memory of a process of its own, which shares and then receives.
fn measure_memory(place: &Path, path: &Path, what: &str) {
    let to = place.join("to");
    let output =
        Command::new(std::env::current_exe().unwrap()).arg("--peak").args([path, &to]).output().unwrap();
    println!("peak memory, {what}: {}", String::from_utf8_lossy(&output.stdout).trim());
    let _ = fs::remove_dir_all(&to);
}

/// What that process does: share `from`, receive it in `to` if there is room for it, and say how much memory it took.
fn move_all(from: &Path, to: &Path) {
    let index = Index::in_directory(&to.join("state"));
    let shared = share(from, &index);
    if shared.content().size() <= BIG_BYTES as u64 {
        let place = Place { directory: to.into(), partial: None };
        let download = Download::open(shared.content().clone(), &place, &index, &Progress::default());
        let (download, mut buffer) = (Arc::new(download.unwrap()), vec![0; PIECE_BYTES]);
        for chunk in shared.content().chunks() {
            let (mut sink, mut at) = (download.begin(chunk).unwrap(), 0);
            while at < shared.chunk_bytes(chunk) {
                let count = shared.read(chunk, at, &mut buffer).unwrap();
                sink.write(&buffer[..count]).unwrap();
                at += count as u64;
            }
            assert_eq!(sink.finish().unwrap(), Verdict::Verified);
        }
        download.finish(&index).unwrap();
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..bytes / 8).flat_map(|_| next()).collect()
}

fn make_small(folder: &Path) {
    let bytes = noise(SMALL_FILES * SMALL_BYTES);
    for (number, bytes) in bytes.chunks(SMALL_BYTES).enumerate() {
        let folder = folder.join(format!("{:02}", number % 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number:05}")), bytes).unwrap();
    }
}

/// Makes files old enough to be remembered.
fn settle(path: &Path) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| settle(&entry.unwrap().path()));
    } else {
        let file = fs::File::open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    }
}

/// Wall and processor time of this process, medians, each run on what `prepare` gives.
fn measure<T>(what: &str, bytes: usize, mut prepare: impl FnMut() -> T, mut work: impl FnMut(T)) {
    let mut times: Vec<(Duration, Duration)> = (0..RUNS)
        .map(|_| {
            let input = prepare();
            let (wall, processor) = (Instant::now(), processor_time());
            work(input);
            (wall.elapsed(), processor_time() - processor)
        })
        .collect();
    times.sort();
    let (wall, processor) = times[RUNS / 2];
    let rate = bytes as f64 / wall.as_secs_f64() / 1e9;
    println!(
        "{what}: {:.3} s, processor {:.3} s, {rate:.2} GB/s",
        wall.as_secs_f64(),
        processor.as_secs_f64()
    );
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn share(path: &Path, index: &Index) -> Shared {
    Shared::of_path(path, None, index, &Progress::default()).unwrap()
}

fn measure_sharing(place: &Path, path: &Path, what: &str) {
    let bytes = share(path, &Index::in_directory(&place.join("state"))).content().size() as usize;
    let fresh = || {
        let _ = fs::remove_dir_all(place.join("fresh"));
        Index::in_directory(&place.join("fresh"))
    };
    measure(&format!("share {what}, first time"), bytes, fresh, |index| drop(share(path, &index)));
    let known = || Index::in_directory(&place.join("state"));
    measure(&format!("share {what}, again"), bytes, known, |index| {
        let progress = Progress::default();
        Shared::of_path(path, None, &index, &progress).unwrap();
        assert_eq!(progress.bytes_total(), 0);
    });
}

fn measure_b3sum(path: &Path) {
    let run = || Command::new("b3sum").arg(path).stdout(Stdio::null()).status();
    if run().is_err() {
        println!("b3sum is not installed");
        return;
    }
    let nothing = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut number = 0;
    let mut fresh = || {
        number += 1;
        Index::in_directory(&nothing.path().join(number.to_string()))
    };
    let mut ratios: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            run().unwrap();
            let theirs = started.elapsed();
            let index = fresh();
            let started = Instant::now();
            share(path, &index);
            started.elapsed().as_secs_f64() / theirs.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    measure("b3sum of 1 GiB, with its start", BIG_BYTES, || (), |()| assert!(run().unwrap().success()));
    println!("share over b3sum, run in turn: {:.2}", ratios[RUNS / 2]);
}

fn measure_serving(place: &Path, path: &Path, what: &str) {
    let shared = share(path, &Index::in_directory(&place.join("state")));
    let mut buffer = vec![0; PIECE_BYTES];
    measure(
        &format!("serve {what}"),
        shared.content().size() as usize,
        || (),
        |()| {
            for chunk in shared.content().chunks() {
                let mut at = 0;
                while at < shared.chunk_bytes(chunk) {
                    at += shared.read(chunk, at, &mut buffer).unwrap() as u64;
                }
            }
        },
    );
}

/// From a source that costs a copy in memory, so the figure holds the reading of the source too.
fn measure_receiving(place: &Path, path: &Path, what: &str, threads: usize) {
    let index = Index::in_directory(&place.join("state"));
    let shared = share(path, &index);
    let bytes = bytes_of(&shared);
    let fresh = || {
        let _ = fs::remove_dir_all(place.join("to"));
        let place = Place { directory: place.join("to"), partial: None };
        Arc::new(Download::open(shared.content().clone(), &place, &index, &Progress::default()).unwrap())
    };
    let what = format!("receive {what}, {threads} threads");
    measure(&what, shared.content().size() as usize, fresh, |download| {
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (download, bytes) = (&download, &bytes);
                scope.spawn(move || {
                    bytes.iter().enumerate().skip(thread).step_by(threads).for_each(|(at, chunk)| {
                        let mut sink = download.begin(download.content().chunk(at as u32).unwrap()).unwrap();
                        chunk.chunks(PIECE_BYTES).for_each(|piece| sink.write(piece).unwrap());
                        assert_eq!(sink.finish().unwrap(), Verdict::Verified);
                    });
                });
            }
        });
        download.finish(&index).unwrap();
    });
    fs::remove_dir_all(place.join("to")).unwrap();
}

fn bytes_of(shared: &Shared) -> Vec<Vec<u8>> {
    let read = |chunk| {
        let mut bytes = vec![0; shared.chunk_bytes(chunk) as usize];
        assert_eq!(shared.read(chunk, 0, &mut bytes).unwrap(), bytes.len());
        bytes
    };
    shared.content().chunks().map(read).collect()
}
