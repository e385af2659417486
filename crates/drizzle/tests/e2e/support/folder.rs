//! Folders as they lie on the disk, to be compared: every name, kind, mode, time, byte and link.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thing {
    mode: u32,
    mtime: (i64, i64),
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Directory,
    File(Vec<u8>),
    Link(PathBuf),
    Other,
}

/// All that is in a folder, by path; the folder itself has the empty path.
pub(crate) type Listing = BTreeMap<PathBuf, Thing>;

/// Reads a folder, following no link.
pub(crate) fn listing(root: &Path) -> Listing {
    let mut listing = Listing::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        // Joining an empty path would ask for a directory.
        let whole = if path.as_os_str().is_empty() { root.to_owned() } else { root.join(&path) };
        let metadata = fs::symlink_metadata(&whole).unwrap_or_else(|error| panic!("{whole:?}: {error}"));
        let kind = if metadata.is_dir() {
            waiting.extend(fs::read_dir(&whole).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
            Kind::Directory
        } else if metadata.is_file() {
            Kind::File(fs::read(&whole).unwrap())
        } else if metadata.is_symlink() {
            Kind::Link(fs::read_link(&whole).unwrap())
        } else {
            Kind::Other
        };
        let thing =
            Thing { mode: metadata.mode() & 0o7777, mtime: (metadata.mtime(), metadata.mtime_nsec()), kind };
        listing.insert(path, thing);
    }
    listing
}

/// What of a folder is to arrive: all but the setuid, setgid and sticky bits.
pub(crate) fn arriving(mut listing: Listing) -> Listing {
    listing.values_mut().for_each(|thing| thing.mode &= 0o777);
    listing
}

/// Fails unless both folders hold the same.
#[track_caller]
pub(crate) fn assert_same(expected: &Path, received: &Path) {
    assert_same_listing(&listing(expected), &listing(received));
    assert_no_diff(expected, received);
}

#[track_caller]
pub(crate) fn assert_same_listing(expected: &Listing, received: &Listing) {
    let names = |listing: &Listing| listing.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(expected), names(received));
    for (path, thing) in expected {
        let other = &received[path];
        let same_bytes = thing.kind == other.kind;
        assert!(same_bytes, "{path:?} has other content");
        assert_eq!((thing.mode, thing.mtime), (other.mode, other.mtime), "mode and time of {path:?}");
    }
}

/// Fails unless `diff`, which knows nothing of Drizzle, sees no difference.
#[track_caller]
pub(crate) fn assert_no_diff(expected: &Path, received: &Path) {
    let diff =
        Command::new("diff").args(["-r", "--no-dereference"]).args([expected, received]).output().unwrap();
    assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
}

/// Fails unless nothing is in the folder but what an interrupted fetch may leave.
#[track_caller]
pub(crate) fn assert_nothing_under_a_name(out: &Path) {
    let names: BTreeSet<_> = fs::read_dir(out)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.is_subset(&BTreeSet::from([".drizzle".to_owned()])), "{names:?}");
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Sets the modification time, in nanoseconds since 1970, which may be before.
pub(crate) fn set_mtime(path: &Path, nanoseconds: i64) {
    let apart = Duration::from_nanos(nanoseconds.unsigned_abs());
    let mtime: SystemTime = if nanoseconds < 0 { UNIX_EPOCH - apart } else { UNIX_EPOCH + apart };
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(mtime)).unwrap();
}

/// Lets the owner remove all that is in a folder.
pub(crate) fn make_removable(root: &Path) {
    let _ = fs::set_permissions(root, Permissions::from_mode(0o700));
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_removable(&entry.path());
        }
    }
}
