//! Folders with files of known times, and how to see that they are the same.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::support::home::Home;
use crate::support::process::DEADLINE;

/// Between two looks into a folder: peers of other hands do not tell when they are done.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A file's bytes and time.
pub(crate) type Seen = (Vec<u8>, SystemTime);

/// A time in the past. What is below a second is a power of two, so that programs that keep times as floating point numbers
/// lose nothing of it.
pub(crate) fn at(seconds: u64, fraction: f64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_secs_f64(fraction)
}

/// A folder with these files.
pub(crate) fn folder(home: &Home, name: &str, files: &[(&str, &[u8], SystemTime)]) -> PathBuf {
    let dir = home.join(name);
    fs::create_dir(&dir).unwrap();
    for (name, bytes, time) in files {
        put(&dir, name, bytes, *time);
    }
    dir
}

pub(crate) fn put(dir: &Path, name: &str, bytes: &[u8], time: SystemTime) {
    // In one step, as a careful program does it: a peer may look at any moment.
    let part = dir.with_extension("writing");
    fs::write(&part, bytes).unwrap();
    File::options().write(true).open(&part).unwrap().set_modified(time).unwrap();
    fs::rename(part, dir.join(name)).unwrap();
}

fn seen(dir: &Path) -> BTreeMap<String, Seen> {
    let files = fs::read_dir(dir).unwrap().map(Result::unwrap);
    files
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let bytes = fs::read(entry.path()).ok()?;
            Some((entry.file_name().into_string().unwrap(), (bytes, metadata.modified().unwrap())))
        })
        .collect()
}

/// Waits until each folder has just these files.
#[track_caller]
pub(crate) fn until_same(dirs: &[&Path], files: &[(&str, &[u8], SystemTime)]) {
    let wanted: BTreeMap<String, Seen> =
        files.iter().map(|(name, bytes, time)| ((*name).to_owned(), (bytes.to_vec(), *time))).collect();
    let end = Instant::now() + DEADLINE;
    for dir in dirs {
        while seen(dir) != wanted {
            let short = |files: &BTreeMap<String, Seen>| -> Vec<(String, usize, SystemTime)> {
                files.iter().map(|(name, (bytes, time))| (name.clone(), bytes.len(), *time)).collect()
            };
            assert!(
                Instant::now() < end,
                "{} has {:#?}, and not {:#?}",
                dir.display(),
                short(&seen(dir)),
                short(&wanted)
            );
            sleep(LOOK_AGAIN);
        }
    }
}
