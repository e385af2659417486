//! What the local disk refuses: no room, no permission, something else in the way.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, geteuid};

use crate::support::folder::{assert_no_diff, assert_same, set_mode};
use crate::support::home::Home;
use crate::support::noise;
use crate::support::process::{Ended, Running};
use crate::support::swarm::{Sharer, Tracker};
use crate::support::words;

/// A user without any rights, on every system.
const NOBODY: u32 = 65_534;

/// Whether this is root, who alone can be another user or mount something; says so if not.
pub(crate) fn is_root(what: &str) -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("skipped, since only root can {what}");
    }
    is_root
}

/// Runs the program as a user without rights. A user like any other, this one can be too.
fn run_as_nobody(home: &Home, words: Vec<std::ffi::OsString>) -> Ended {
    let mut command = home.command(words);
    if geteuid().is_root() {
        chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        set_mode(home.path(), 0o755);
        command.uid(NOBODY).gid(NOBODY);
    }
    Running::start(command).end()
}

/// S4.4: a file that may not be read is not shared, and named; in a folder all else is. Would fail if the
/// program shared an empty file in its stead, or nothing.
#[test]
fn what_may_not_be_read_is_named() {
    let (home, here) = (Home::new(), Home::new());
    let top = home.join("folder");
    fs::create_dir_all(top.join("locked")).unwrap();
    fs::write(top.join("open"), "readable").unwrap();
    fs::write(top.join("locked/in"), "unreachable").unwrap();
    let secret = top.join("secret");
    fs::write(&secret, "unreadable").unwrap();
    set_mode(&secret, 0o000);
    set_mode(&top.join("locked"), 0o000);
    let alone = run_as_nobody(&home, words!["share", &secret, "--listen", "127.0.0.1:0"]);
    alone.assert_error(6, "disk", "secret");

    let mut command = home.command(words!["share", &top, "--listen", "127.0.0.1:0"]);
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut sharer = Running::start(command);
    let shared = sharer.until("shared");
    sharer.until_said("secret");
    assert_eq!(shared["skipped"], 2, "{shared}");
    here.get(shared["link"].as_str().unwrap()).assert_code(0);
    assert_no_diff(&top.join("open"), &here.out().join("folder/open"));
    assert!(!here.out().join("folder/secret").exists());
}

/// Where nothing may be written nothing is, and the folder is named.
#[test]
fn what_may_not_be_written_is_named() {
    let (tracker, there, here) = (Tracker::start(), Home::new(), Home::new());
    let sharer = Sharer::start_at(&tracker, &there, &there.file("data", b"data"));
    fs::create_dir(here.out()).unwrap();
    set_mode(&here.out(), 0o555);
    let get = words!["get", sharer.link(), "-o", here.out(), "--listen", "127.0.0.1:0"];
    run_as_nobody(&here, get).assert_error(6, "disk", "out");
    assert_eq!(fs::read_dir(here.out()).unwrap().count(), 0);
    let get = words!["get", sharer.link(), "-o", here.out().join("below"), "--listen", "127.0.0.1:0"];
    run_as_nobody(&here, get).assert_error(6, "disk", "below");
}

/// A file stands where a folder is due, or a folder where a file is: it stays as it is, and is named.
#[test]
fn what_is_in_the_way_stays() {
    let (there, here) = (Home::new(), Home::new());
    let top = there.join("folder");
    fs::create_dir_all(top.join("d")).unwrap();
    fs::write(top.join("d/f"), "new").unwrap();
    let folder = Sharer::start(&there, &top);
    let file = Sharer::start(&there, &there.file("data", b"new"));
    fs::create_dir_all(here.out().join("data")).unwrap();
    fs::write(here.out().join("data/kept"), "old").unwrap();
    fs::write(here.out().join("folder"), "old").unwrap();
    here.get(&folder.link()).assert_error(6, "disk", "folder");
    here.get(&file.link()).assert_error(6, "disk", "data");
    assert_eq!(fs::read(here.out().join("folder")).unwrap(), b"old");
    assert_eq!(fs::read(here.out().join("data/kept")).unwrap(), b"old");

    fs::remove_file(here.out().join("folder")).unwrap();
    fs::create_dir(here.out().join("folder")).unwrap();
    fs::write(here.out().join("folder/d"), "old").unwrap();
    here.get(&folder.link()).assert_error(6, "disk", "d");
    assert_eq!(fs::read(here.out().join("folder/d")).unwrap(), b"old");
    // The folder to put things into is a file itself.
    let into_a_file = words!["get", folder.link(), "-o", here.out().join("folder/d")];
    here.run(into_a_file).assert_error(6, "disk", "d");
}

/// Another file of the name stays as it is, and the user is told what to do. Would fail if the user's file were lost to
/// one that happens to have its name.
#[test]
fn another_file_of_the_name_stays() {
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("data", b"of somebody else");
    let sharer = Sharer::start(&there, &file);
    fs::create_dir(here.out()).unwrap();
    fs::write(here.out().join("data"), "of the user").unwrap();
    let got = here.get(&sharer.link());
    got.assert_error(6, "disk", "is another file");
    assert!(got.only("error")["hint"].as_str().unwrap().contains("-o"));
    assert_eq!(fs::read(here.out().join("data")).unwrap(), b"of the user");
    fs::rename(here.out().join("data"), here.out().join("kept")).unwrap();
    here.get(&sharer.link()).assert_code(0);
    assert_same(&file, &here.out().join("data"));
}

/// A small file system, unmounted when this is dropped.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this machine does not allow it.
    pub(crate) fn mount(at: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&at).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(at));
        }
        eprintln!("skipped, since no file system can be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Fills the disk to its last byte.
pub(crate) fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let block = vec![1; 4096];
    while file.write_all(&block).is_ok() {}
}

/// B2: a disk that is too small is told before anything is written; one that becomes full on the way keeps
/// what came, and once there is room the rest is fetched. Would fail if the full disk were taken for a fault
/// of the source, or if what came were lost.
#[test]
fn a_full_disk_is_told_and_what_came_is_kept() {
    if !is_root("mount a small disk") {
        return;
    }
    let (there, here) = (Home::new(), Home::new());
    let Some(disk) = SmallDisk::mount(here.out(), "10m") else { return };
    let size = 6 << 20;
    let sharer = Sharer::start(&there, &there.file("data", &noise::bytes(size, 1)));
    let large = Sharer::start(&there, &there.file("large", &noise::bytes(16 << 20, 2)));
    here.get(&large.link()).assert_error(6, "disk", "too full");
    assert!(!here.out().join("large").exists());

    let mut get = here.start_get(&sharer.link(), words!["--limit-down", "500k"]);
    (0..10).for_each(|_| drop(get.until("chunk")));
    // It stands still meanwhile, so it cannot be done before the disk is full.
    get.signal(Signal::STOP);
    fill(&here.out().join("filler"));
    get.signal(Signal::CONT);
    let ended = get.end();
    ended.assert_error(6, "disk", "full");
    assert!(!here.out().join("data").exists());
    let chunks = ended.all("chunk").len() as u64;

    fs::remove_file(here.out().join("filler")).unwrap();
    let got = here.get(&sharer.link());
    got.assert_code(0);
    assert!(got.fetched() <= size as u64 - chunks * 65_536, "{} bytes anew", got.fetched());
    assert_same(&there.join("data"), &here.out().join("data"));
    drop(disk);
}

/// S0.11: a state directory that cannot be written is told as what it is.
#[test]
fn a_state_directory_that_cannot_be_written_is_told() {
    let home = Home::new();
    fs::write(home.join("state"), "a file").unwrap();
    home.run(words!["share", home.join("state")]).assert_error(6, "disk", "state");
    assert_eq!(fs::metadata(home.join("state")).unwrap().permissions().mode() & 0o111, 0);
}
