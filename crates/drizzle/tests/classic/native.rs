//! Native peers and files that only classic peers have: seen, searched, located and got, through the program's own tracker.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use crate::folders::{at, folder, until_same};
use crate::peers::{Foreign, HAS_PYTHON, synchronizer, tracker};
use crate::raw::{Raw, file, first};
use crate::support::home::Home;
use crate::support::noise;
use crate::support::port::Port;
use crate::support::process::{DEADLINE, Ended, LEAVING_MAX, number, text};
use crate::support::swarm::Sharer;
use crate::support::words;

/// Larger than a read of any of the peers, and no multiple of one.
const LARGE: usize = 300_001;

/// `@FILE` with the invite of the tracker of that home.
fn invite(home: &Home) -> OsString {
    let mut at = OsString::from("@");
    at.push(home.join("invite"));
    at
}

fn ask(asker: &Home, tracker: &Home, what: &[&str]) -> Ended {
    let what = what.iter().map(Into::into).collect::<Vec<OsString>>();
    asker.run([what, words!["--tracker", invite(tracker)]].concat())
}

fn get(asker: &Home, tracker: &Home, name: &str) -> Ended {
    asker.start_get(name, words!["--tracker", invite(tracker)]).end()
}

/// Waits until the tracker knows the file. A peer of the tests tells it some time after it was started, and nobody says when.
fn until_located(asker: &Home, tracker: &Home, name: &str) -> Ended {
    let end = Instant::now() + DEADLINE;
    loop {
        let located = ask(asker, tracker, &["locate", name]);
        if located.code == Some(0) {
            return located;
        }
        located.assert_error(3, "not-found", "");
        assert!(Instant::now() < end, "the tracker never heard of {name}");
    }
}

fn assert_is_empty(dir: &Path) {
    let names: Vec<_> =
        fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.is_empty(), "{names:?}");
}

/// A classic peer in this process that does to its callers what it is told to, and has told the tracker of a file. Ends with the test.
fn stranger(
    tracker: u16,
    name: &str,
    serve: impl Fn(std::net::TcpStream) + Send + 'static,
) -> (Raw, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            serve(caller);
        }
    });
    let mut raw = Raw::call(tracker);
    raw.ask(&(first(address.port(), &[file(name, "1700000000.25")]) + "\n"));
    (raw, address)
}

/// Files of classic peers of both dialects are listed, searched and located as what they are, and got with their time; the one that
/// is there already is known again; a name that nobody has is not found.
#[test]
fn native_peers_see_and_get_the_files_of_classic_ones() {
    if !*HAS_PYTHON {
        return;
    }
    for dialect in ["unframed", "lf"] {
        let (home, asker) = (Home::new(), Home::new());
        let (_tracker, port) = tracker(&home);
        let (large, time) = (noise::bytes(LARGE, 1), at(1_700_000_000, 0.25));
        let dir =
            folder(&home, "dir", &[("small ü.txt", b"of a classic peer", time), ("large", &large, time)]);
        let peer = Foreign::peer(&dir, port, &format!("--dialect {dialect} --cut 2"));
        let address = format!("127.0.0.1:{}", peer.port);

        let located = until_located(&asker, &home, "large");
        let location = located.only("location");
        assert_eq!((&location["address"], &location["dialect"]), (&json!(address), &json!(dialect)));
        let listed = ask(&asker, &home, &["list"]);
        let files = listed.assert_code(0).all("file");
        assert_eq!(
            files.iter().map(|file| text(&file["name"])).collect::<Vec<_>>(),
            ["large", "small ü.txt"]
        );
        assert!(
            files.iter().all(|file| file["hash"].is_null() && file["mtime"] == 1_700_000_000.25),
            "{files:?}"
        );
        assert_eq!(ask(&asker, &home, &["search", "ALL", "-i"]).only("file")["name"], "small ü.txt");
        assert_eq!(ask(&asker, &home, &["search", "--glob", "l*e"]).only("file")["name"], "large");
        assert_eq!(ask(&asker, &home, &["search", "no such"]).assert_code(0).all("file").len(), 0);

        for name in ["large", "small ü.txt"] {
            let got = get(&asker, &home, name);
            let done = got.assert_code(0).only("done");
            assert_eq!(done["from"], json!({ (&address): done["size"] }));
            assert!(got.stderr.contains("not encrypted and not verified"), "{got:?}");
        }
        until_same(&[&asker.out()], &[("small ü.txt", b"of a classic peer", time), ("large", &large, time)]);
        assert!(!asker.out().join(".drizzle").exists(), "parts were left behind");
        assert_eq!(get(&asker, &home, "large").assert_code(0).only("done")["from"], json!({}));
        get(&asker, &home, "nothing").assert_error(3, "not-found", "nothing");
        ask(&asker, &home, &["locate", "nothing"]).assert_error(3, "not-found", "");
    }
}

/// A native peer's file can be verified, so it is preferred, though a classic peer has a newer one of the name. When it is taken back
/// the classic one is what there is.
#[test]
fn a_native_file_of_the_name_is_preferred() {
    let (home, there, asker) = (Home::new(), Home::new(), Home::new());
    let (_tracker, port) = tracker(&home);
    let (_raw, address) = stranger(port, "both", |mut caller| {
        let _ = caller.read(&mut [0; 64]);
        let _ = caller.write_all(b"Content-Length: 11\nof classics");
    });
    let sharer =
        Sharer::start_with(&there, &there.file("both", b"of natives"), words!["--tracker", invite(&home)]);
    let listed = ask(&asker, &home, &["list"]);
    let hashes: Vec<_> = listed.all("file").iter().map(|file| file["hash"].clone()).collect();
    assert_eq!(hashes, [sharer.shared["hash"].clone(), json!(null)], "the native one comes first");
    let locations = ask(&asker, &home, &["locate", "both"]);
    let peers: Vec<_> = locations.all("location").iter().map(|location| location["peer"].clone()).collect();
    assert_eq!(peers, [json!(sharer.peer), json!(null)]);
    let got = get(&asker, &home, "both");
    assert_eq!(got.assert_code(0).only("done")["hash"], sharer.shared["hash"]);
    assert_eq!(fs::read(asker.out().join("both")).unwrap(), b"of natives");

    sharer.process.end_by(Signal::TERM).assert_code(0);
    let later = Home::new();
    let got = get(&later, &home, "both");
    assert_eq!(got.assert_code(0).only("done")["from"], json!({ (address.to_string()): 11 }));
    assert_eq!(fs::read(later.out().join("both")).unwrap(), b"of classics");
}

/// What is registered and not given ends with 5, whatever the peer does instead; what does not fit on any disk with 6; and nothing is
/// left of either.
#[test]
fn peers_that_do_not_give_it_leave_nothing() {
    let home = Home::new();
    let (_tracker, port) = tracker(&home);
    let reply = |bytes: &'static [u8]| {
        move |mut caller: std::net::TcpStream| {
            let _ = caller.read(&mut [0; 64]);
            let _ = caller.write_all(bytes);
        }
    };
    let nobody = Port::hold();
    let mut gone = Raw::call(port);
    gone.ask(&(first(nobody.number(), &[file("gone", "1")]) + "\n"));
    let _all = [
        stranger(port, "lost", reply(b"")),
        stranger(port, "empty or lost", reply(b"Content-Length: 0\n")),
        stranger(port, "short", reply(b"Content-Length: 1000\nnot all of it")),
        stranger(port, "huge", reply(b"Content-Length: 18446744073709551615\nand so on")),
        stranger(port, "of noise", reply(b"Content-Length: -5\n")),
        stranger(port, "reset", |caller| {
            // Closed with something unread, a connection is torn down.
            let _ = caller.peek(&mut [0; 64]);
        }),
    ];
    for (name, code, kind) in [
        ("gone", 5, "unreachable"),
        ("lost", 5, "unreachable"),
        ("empty or lost", 5, "unreachable"),
        ("short", 5, "unreachable"),
        ("huge", 6, "disk"),
        ("of noise", 5, "unreachable"),
        ("reset", 5, "unreachable"),
    ] {
        let asker = Home::new();
        get(&asker, &home, name).assert_error(code, kind, name);
        assert_is_empty(&asker.out());
    }
}

/// A name that leads out of a folder is neither told nor asked for.
#[test]
fn no_name_leads_out_of_the_folder() {
    let (home, asker) = (Home::new(), Home::new());
    let (_tracker, port) = tracker(&home);
    let mut raw = Raw::call(port);
    let bad = ["../evil", "/tmp/evil", "..", "a/b", ".drizzle", ".drizzle-part-a"];
    let files: Vec<String> = bad.iter().chain(&["good"]).map(|name| file(name, "1")).collect();
    raw.ask(&(first(9, &files) + "\n"));
    let listed = ask(&asker, &home, &["list"]);
    assert_eq!(listed.assert_code(0).only("file")["name"], "good");
    get(&asker, &home, "../evil").assert_error(2, "usage", "");
    get(&asker, &home, "a/b").assert_error(3, "not-found", "a/b");
}

/// Another file of the name stays as it is, whether it is known from the length alone or only from its bytes.
#[test]
fn another_file_of_the_name_stays() {
    let (home, asker) = (Home::new(), Home::new());
    let (_tracker, port) = tracker(&home);
    let _peer = stranger(port, "notes", |mut caller| {
        let _ = caller.read(&mut [0; 64]);
        let _ = caller.write_all(b"Content-Length: 6\ntheirs");
    });
    fs::create_dir(asker.out()).unwrap();
    for own in ["of another length", "unlike"] {
        fs::write(asker.out().join("notes"), own).unwrap();
        let refused = get(&asker, &home, "notes");
        refused.assert_error(6, "disk", "notes is there already and is another file");
        assert_eq!(fs::read_to_string(asker.out().join("notes")).unwrap(), own);
        assert_eq!(fs::read_dir(asker.out()).unwrap().count(), 1);
    }
}

/// The limit of what is received holds, and Ctrl-C leaves nothing. Would fail if either were not heeded: at full speed all would be there
/// before the first progress.
#[test]
fn ctrl_c_leaves_nothing() {
    let (home, asker) = (Home::new(), Home::new());
    let (_tracker, port) = tracker(&home);
    let large = noise::bytes(8 << 20, 3);
    let _peer = stranger(port, "large", move |mut caller| {
        let _ = caller.read(&mut [0; 64]);
        let _ = caller.write_all(format!("Content-Length: {}\n", large.len()).as_bytes());
        let _ = caller.write_all(&large);
    });
    let limited = words!["--tracker", invite(&home), "--limit-down", "256KiB"];
    let mut getting = asker.start_get("large", limited);
    let progress = getting.until("progress");
    assert!(number(&progress["done"]) < number(&progress["total"]), "{progress}");
    assert_eq!(progress["total"], 8 << 20);
    let ended = getting.end_by(Signal::INT);
    ended.assert_error(130, "interrupted", "");
    assert!(ended.took < LEAVING_MAX, "{ended:?}");
    assert_is_empty(&asker.out());
}

/// A whole mixed network: a classic peer of each dialect, a synchronizer between them, one who shares, and one who gets what each of
/// them has.
#[test]
fn a_mixed_network_comes_to_have_the_same() {
    if !*HAS_PYTHON {
        return;
    }
    let home = Home::new();
    let (_tracker, port) = tracker(&home);
    let bytes = [noise::bytes(LARGE, 4), noise::bytes(100_000, 5), noise::bytes(50_000, 6)];
    let times = [1.0, 2.5, 3.25].map(|n| at(1_700_000_000, n));
    let names = ["of one", "of other", "of a native"];
    let files: Vec<_> = (0..3).map(|n| (names[n], &bytes[n][..], times[n])).collect();
    let one = folder(&home, "one", &files[..1]);
    let other = folder(&home, "other", &files[1..2]);
    let shared = folder(&home, "shared", &files[2..]);
    let (here, homes) = (folder(&home, "here", &[]), [Home::new(), Home::new(), Home::new()]);
    let _synced = synchronizer(&homes[0], &here, port);
    let _one = Foreign::peer(&one, port, "--dialect unframed --cut 3");
    let _other = Foreign::peer(&other, port, "--dialect lf --join");
    let _sharer =
        Sharer::start_with(&homes[1], &shared.join("of a native"), words!["--tracker", invite(&home)]);
    let asker = &homes[2];
    for name in names {
        until_located(asker, &home, name);
        get(asker, &home, name).assert_code(0);
    }
    until_same(&[&asker.out(), &one, &other, &here], &files);
}

/// A file system of one MiB, unmounted when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this machine does not allow it, which is said.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped, since no small disk can be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Where only root can make a disk so small: what announces its length is refused before a byte is written, what does not ends when the
/// disk is full, and nothing is left of either.
#[test]
fn a_full_disk_ends_it_and_keeps_nothing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped, since only root can mount a small disk");
        return;
    }
    let (home, asker) = (Home::new(), Home::new());
    let (_tracker, port) = tracker(&home);
    let _peers = [("framed", "Content-Length: 3000000\n"), ("bare", "")].map(|(name, header)| {
        stranger(port, name, move |mut caller| {
            let asked = caller.read(&mut [0; 64]).unwrap_or(0);
            let is_framed = asked == "framed\n".len() && !header.is_empty();
            let _ = caller.write_all(if is_framed { header.as_bytes() } else { b"" });
            let _ = caller.write_all(&noise::bytes(3_000_000, 7));
        })
    });
    let Some(disk) = SmallDisk::mount(&asker.out()) else { return };
    let ended = ["framed", "bare"].map(|name| {
        let ended = get(&asker, &home, name);
        (ended, fs::read_dir(asker.out()).unwrap().count())
    });
    drop(disk);
    for ((ended, left), words) in ended.iter().zip(["too full", "is full"]) {
        ended.assert_error(6, "disk", words);
        assert_eq!(*left, 0);
    }
}
