//! S1.2: what is shared is followed as it appears, changes and vanishes, and each change is acknowledged.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::folder::{assert_no_diff, assert_same, set_mtime};
use crate::support::home::Home;
use crate::support::noise;
use crate::support::process::{Running, number, text};
use crate::support::swarm::{Sharer, Tracker};
use crate::support::words;

/// Looks so seldom that whatever a test sees in time came by the system's word.
const SELDOM: [&str; 2] = ["--rescan", "3600"];

fn seldom(tracker: &Tracker) -> Vec<OsString> {
    words!["--tracker", tracker.at_file(), SELDOM[0], SELDOM[1]]
}

/// Fetches by name, and fails unless what comes is what lies there.
fn assert_fetched(tracker: &Tracker, path: &Path) {
    let here = Home::new();
    let name = path.file_name().unwrap();
    here.run(words!["get", name, "-o", here.out(), "--tracker", tracker.at_file()]).assert_code(0);
    assert_same(path, &here.out().join(name));
}

/// Waits for a version of so many bytes. Others may come first: whoever looks in between two steps sees the first alone.
fn until_size(process: &mut Running, bytes: u64) {
    while number(&process.until("shared")["size"]) != bytes {}
}

fn small_folder(there: &Home) -> PathBuf {
    let top = there.join("folder");
    fs::create_dir_all(top.join("sub")).unwrap();
    for (number, name) in ["a", "b", "sub/c"].iter().enumerate() {
        fs::write(top.join(name), noise::bytes(70_000, number as u64)).unwrap();
        set_mtime(&top.join(name), 1_500_000_000_000_000_000);
    }
    top
}

/// S1.2, B3: whatever happens in a folder, the folder is soon shared as it is, under its name, and acknowledged. Would fail
/// for a change that is not heard (deep in the folder, by a rename, of a mode alone), or for one that is not registered.
#[test]
fn a_folder_is_shared_as_it_is_now() {
    let (tracker, there) = (Tracker::start(), Home::new());
    let top = small_folder(&there);
    let mut sharer = Sharer::start_with(&there, &top, seldom(&tracker));
    let mut before = text(&sharer.shared["hash"]);
    let changes: [(&str, &dyn Fn()); 9] = [
        ("a file appears", &|| fs::write(top.join("new"), "new").unwrap()),
        ("a file changes", &|| fs::write(top.join("a"), noise::bytes(90_000, 9)).unwrap()),
        ("one deep inside changes in place", &|| {
            let mut file = File::options().append(true).open(top.join("sub/c")).unwrap();
            file.write_all(b"more").unwrap();
        }),
        ("a file is renamed", &|| fs::rename(top.join("b"), top.join("sub/renamed")).unwrap()),
        ("a folder appears, with something in it", &|| {
            fs::create_dir_all(top.join("x/y")).unwrap();
            fs::write(top.join("x/y/z"), "deep").unwrap();
        }),
        ("a file in the new folder changes", &|| fs::write(top.join("x/y/z"), "deeper").unwrap()),
        ("a mode changes", &|| crate::support::folder::set_mode(&top.join("new"), 0o600)),
        ("a file vanishes", &|| fs::remove_file(top.join("new")).unwrap()),
        ("a folder vanishes", &|| fs::remove_dir_all(top.join("x")).unwrap()),
    ];
    for (what, change) in changes {
        change();
        // A change of several steps may be seen in several versions, each in the place of the one before.
        loop {
            let shared = sharer.process.until("shared");
            assert_eq!(shared["replaces"], before, "{what}");
            assert_eq!(shared["name"], "folder", "{what}");
            before = text(&shared["hash"]);
            let here = Home::new();
            here.get(&text(&shared["link"])).assert_code(0);
            if Command::new("diff")
                .arg("-r")
                .args([&top, &here.out().join("folder")])
                .output()
                .unwrap()
                .status
                .success()
            {
                break;
            }
        }
        assert_fetched(&tracker, &top);
    }
    sharer.process.end_by(Signal::INT).assert_code(0);
    assert_eq!(tracker.names(), Vec::<String>::new(), "nothing of any version is left");
}

/// What was shared before can still be fetched by its link, as long as its files are there; and is not listed beside what is
/// there now. Would fail if a folder could not grow without breaking the links that were given out.
#[test]
fn the_link_of_a_folder_that_grew_still_works() {
    let (tracker, there, here) = (Tracker::start(), Home::new(), Home::new());
    let top = small_folder(&there);
    let mut sharer = Sharer::start_with(&there, &top, seldom(&tracker));
    fs::write(top.join("new"), "new").unwrap();
    sharer.process.until("shared");
    here.get(&sharer.link()).assert_code(0);
    assert!(!here.out().join("folder/new").exists());
    assert_same(&top.join("sub/c"), &here.out().join("folder/sub/c"));
    let deadline = Instant::now() + crate::support::process::DEADLINE;
    while tracker.names().len() > 1 {
        assert!(Instant::now() < deadline, "the version before is still registered");
    }
    here.get(&sharer.link()).assert_code(0);
}

/// S1.2: of files that are named one by one each comes and goes by itself. Would fail if one that vanished stayed
/// registered, if one that came back did not, or if one took another with it.
#[test]
fn single_files_come_and_go_one_by_one() {
    let (tracker, there) = (Tracker::start(), Home::new());
    let (one, two) = (there.file("one", b"the first"), there.file("two", b"the second"));
    let mut all = words!["share", &one, &two, "--listen", "127.0.0.1:0"];
    all.extend(seldom(&tracker));
    let mut process = there.start(all);
    let first = process.until("shared");
    process.until("shared");
    fs::remove_file(&one).unwrap();
    assert_eq!(process.until("unshared")["name"], "one");
    assert_eq!(tracker.names(), ["two"]);
    fs::write(&one, "the first again").unwrap();
    let again = process.until("shared");
    assert_eq!((text(&again["name"]), &again["replaces"]), ("one".into(), &serde_json::Value::Null));
    // Whoever looks before it is written sees it empty at first.
    if number(&again["size"]) != 15 {
        until_size(&mut process, 15);
    }
    assert_fetched(&tracker, &one);
    // As editors write: another file comes into its place.
    fs::write(there.join("draft"), "the second, as it is now").unwrap();
    fs::rename(there.join("draft"), &two).unwrap();
    let changed = process.until("shared");
    assert_eq!(changed["name"], "two");
    assert_fetched(&tracker, &two);
    // What it was at first it can be again.
    fs::write(&one, "the first").unwrap();
    assert_eq!(process.until("shared")["hash"], first["hash"]);
    assert_fetched(&tracker, &one);
    process.end_by(Signal::INT).assert_code(0);
}

/// Two paths with the same content under the same name are two reasons for it to be registered. Would fail if one of them
/// took the other's registration with it.
#[test]
fn what_another_path_still_holds_stays_registered() {
    let (tracker, there, here) = (Tracker::start(), Home::new(), Home::new());
    for folder in ["x", "y"] {
        fs::create_dir(there.join(folder)).unwrap();
        fs::write(there.join(folder).join("same"), "the same").unwrap();
    }
    let mut all = words!["share", there.join("x/same"), there.join("y/same"), "--listen", "127.0.0.1:0"];
    all.extend(seldom(&tracker));
    let mut process = there.start(all);
    process.until("shared");
    process.until("shared");
    fs::remove_file(there.join("y/same")).unwrap();
    process.until("unshared");
    assert_eq!(tracker.names(), ["same"]);
    here.run(words!["get", "same", "-o", here.out(), "--tracker", tracker.at_file()]).assert_code(0);
    fs::remove_file(there.join("x/same")).unwrap();
    process.until("unshared");
    assert_eq!(tracker.names(), Vec::<String>::new());
}

/// A folder that is moved away and back is gone, and there again; what changes in it afterwards is heard.
#[test]
fn a_folder_that_was_replaced_is_followed_on() {
    let (tracker, there) = (Tracker::start(), Home::new());
    let top = small_folder(&there);
    let mut sharer = Sharer::start_with(&there, &top, seldom(&tracker));
    fs::rename(&top, there.join("elsewhere")).unwrap();
    sharer.process.until("unshared");
    assert_eq!(tracker.names(), Vec::<String>::new());
    fs::create_dir(&top).unwrap();
    fs::write(top.join("f"), "another folder").unwrap();
    until_size(&mut sharer.process, 14);
    fs::write(top.join("g"), "more").unwrap();
    until_size(&mut sharer.process, 18);
    assert_fetched(&tracker, &top);
}

/// Would fail if half a file were registered: it is left out for as long as somebody writes it, though the rest of the
/// folder is not kept waiting for it.
#[test]
fn a_file_that_is_being_written_is_shared_when_it_is_whole() {
    let (tracker, there) = (Tracker::start(), Home::new());
    let top = small_folder(&there);
    let mut sharer = Sharer::start_with(&there, &top, seldom(&tracker));
    let is_enough = AtomicBool::new(false);
    let (begin, begun) = channel();
    thread::scope(|scope| {
        let is_enough = &is_enough;
        let path = top.join("big");
        scope.spawn(move || {
            let mut file = File::create(path).unwrap();
            while !is_enough.load(Ordering::Relaxed) {
                file.write_all(&[7; 1000]).unwrap();
                // Whoever is not waited for any more need not hear it.
                let _ = begin.send(());
                thread::sleep(Duration::from_millis(20));
            }
            file.write_all(b"the end").unwrap();
        });
        begun.recv().unwrap();
        fs::write(top.join("other"), "not kept waiting").unwrap();
        let shared = sharer.process.until("shared");
        is_enough.store(true, Ordering::Relaxed);
        assert_eq!(shared["skipped"], 1);
        assert_eq!(number(&shared["size"]), 3 * 70_000 + 16);
    });
    while sharer.process.until("shared")["skipped"] != 0 {}
    assert_fetched(&tracker, &top);
}

/// B3: one change among thousands of files costs a look, and not the reading of all. Would fail if all were hashed anew: that
/// takes longer, and the last file cannot be read.
#[test]
fn one_change_among_thousands_of_files_is_soon_shared() {
    const FILES: usize = 5000;
    let (tracker, there, here) = (Tracker::start(), Home::new(), Home::new());
    let top = there.join("many");
    for number in 0..FILES {
        let path = top.join(format!("{}/{number}", number % 50));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, noise::bytes(2000, number as u64)).unwrap();
        set_mtime(&path, 1_500_000_000_000_000_000);
    }
    let mut sharer = Sharer::start_with(&there, &top, seldom(&tracker));
    let started = Instant::now();
    fs::write(top.join("7/7"), "changed").unwrap();
    let shared = sharer.process.until("shared");
    println!("one change among {FILES} files: shared after {:?}", started.elapsed());
    assert_eq!(number(&shared["size"]), (FILES as u64 - 1) * 2000 + 7);
    here.get(&text(&shared["link"])).assert_code(0);
    assert_no_diff(&top, &here.out().join("many"));
}

/// What changed and is not watched is found by looking. Would fail where the system tells nothing, as on some network file
/// systems, or where a person does not learn how to raise the limit.
#[test]
fn beyond_the_systems_limit_changes_are_found_by_looking_and_the_limit_is_named() {
    let there = Home::new();
    let top = small_folder(&there);
    let words = words!["share", &top, "--listen", "127.0.0.1:0", "--rescan", "0.2"];
    let limited = there.command(words);
    // A limit of its own, for this user in a namespace of its own.
    let mut command = Command::new("unshare");
    let script = "echo 2 > /proc/sys/user/max_inotify_watches && exec \"$0\" \"$@\"";
    command.args(["--user", "--map-root-user", "sh", "-c", script]).arg(limited.get_program());
    command
        .args(limited.get_args())
        .env_clear()
        .env("HOME", there.path())
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    if !can_limit() {
        return eprintln!("skipped, since no limit can be set here without touching the machine's own");
    }
    let mut process = Running::start(command);
    let first = process.until("shared");
    process.until_said("fs.inotify.max_user_watches");
    process.until_said("raise it: sysctl");
    fs::write(top.join("sub/c"), "found by looking").unwrap();
    let shared = process.until("shared");
    assert_eq!(shared["replaces"], first["hash"]);
    process.end_by(Signal::INT).assert_code(0);
}

fn can_limit() -> bool {
    let script = "echo 2 > /proc/sys/user/max_inotify_watches";
    let tried = Command::new("unshare").args(["--user", "--map-root-user", "sh", "-c", script]).output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// Who does not want it can do without: then what changed is not served any more, and nothing else comes in its place.
#[test]
fn what_is_not_watched_is_not_shared_anew() {
    let (tracker, there) = (Tracker::start(), Home::new());
    let file = there.file("f", b"as it was");
    let words = words!["--tracker", tracker.at_file(), "--watch=false", "--rescan", "0.1"];
    let sharer = Sharer::start_with(&there, &file, words);
    fs::write(&file, "as it is").unwrap();
    let here = Home::new();
    here.get(&sharer.link()).assert_error(4, "integrity", "f");
    let ended = sharer.process.end_by(Signal::INT);
    assert_eq!(ended.all("shared").len(), 1);
}
