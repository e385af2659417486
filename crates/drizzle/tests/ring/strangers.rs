//! Who may come into a ring, and what those learn who may not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::rings::{Member, assert_same, file, numbered, start_in_vain};
use crate::support::home::Home;
use crate::support::process::Running;
use crate::support::words;

/// Nobody who was not invited gets in: not as a member, not as a guest; an invite lets in both. Would fail for a ring that
/// tells its secret, or takes a ticket that another key signed.
#[test]
fn a_closed_ring_takes_the_invited_alone() {
    let first = Member::start(words![]);
    assert_eq!(first.invite.matches('/').count(), 4, "an invite to a closed ring holds its secret");
    let (open, _) = first.invite.rsplit_once('/').unwrap();
    for wrong in [&first.address, open, &format!("{open}/{}", "cd".repeat(32))] {
        start_in_vain(words!["--join", wrong]).assert_code(7);
        let guest = Home::new();
        guest.run(words!["ring", "request", "x", "--join", wrong]).assert_code(7);
        guest.run(words!["list", "--tracker", format!("ring://{}", first.address)]).assert_code(7);
    }
    let opened = start_in_vain(words!["--open", "--join", &first.invite]);
    opened.assert_code(2);
    assert!(opened.stderr.contains("for the invited"), "{}", opened.stderr);
    let second = Member::start(words!["--join", &first.invite]);
    let path = file(&second.home, "notes", 70_000);
    second.ask(words!["store", &path]).assert_code(0);
    let guest = Home::new();
    let asked = guest.run(words!["ring", "request", "notes", "--join", &first.invite, "-o", guest.out()]);
    asked.assert_code(0);
    assert!(guest.out().join("notes").exists());
}

/// What cannot be is told before anything is done.
#[test]
fn what_makes_no_sense_is_told() {
    let first = Member::numbered(7, None);
    start_in_vain(words!["--id", "1"]).assert_code(2);
    start_in_vain(words!["--bits", "8"]).assert_code(2);
    start_in_vain(words!["--bits", "8", "--id", "256"]).assert_code(2);
    let without_id = start_in_vain(words!["--join", &first.address]);
    without_id.assert_code(2);
    assert!(without_id.stderr.contains("--bits 8"), "{}", without_id.stderr);
    let wider = start_in_vain(words!["--bits", "9", "--id", "300", "--join", &first.address]);
    wider.assert_code(7);
    start_in_vain(numbered(9, Some(&first)).into_iter().chain(words!["--join", "nowhere"]).collect())
        .assert_code(2);
    Home::new().run(words!["ring", "status"]).assert_code(5);
    first.ask(words!["store", first.home.join("missing")]).assert_code(3);
    first.home.run(words!["ring", "start", "--listen", "127.0.0.1:0"]).assert_code(1);
}

/// A folder's path need not be UTF-8, on the way in or out. Would fail if what is said to the node were text.
#[test]
fn a_path_that_is_no_text_is_stored_and_fetched() {
    let member = Member::start(words!["--open"]);
    let odd = |name: &[u8]| member.home.path().join(OsStr::from_bytes(&[b"odd-\xff-", name].concat()));
    let path = odd(b"in").join("even");
    std::fs::create_dir(odd(b"in")).unwrap();
    std::fs::write(&path, b"bytes").unwrap();
    member.ask(words!["store", &path]).assert_code(0);
    let asked = member.ask(words!["request", "even", "-o", odd(b"out")]);
    asked.assert_code(0);
    assert_eq!(std::fs::read(odd(b"out").join("even")).unwrap(), b"bytes");

    // Its own name can be told to nobody, so it gets another one.
    let path = odd(b"in").join(OsStr::from_bytes(b"odd-\xfe"));
    std::fs::write(&path, b"other bytes").unwrap();
    member.ask(words!["store", &path]).assert_code(2);
    member.ask(words!["store", &path, "--name", "named"]).assert_code(0);
    member.ask(words!["request", "named", "-o", odd(b"out")]).assert_code(0);
    assert_eq!(std::fs::read(odd(b"out").join("named")).unwrap(), b"other bytes");
}

/// The kernel has little room for the path of a socket. Would fail if it were not said what to do.
#[test]
fn a_state_whose_path_is_too_long_is_told() {
    let home = Home::new();
    let state = home.join("long-".repeat(30));
    let words = words!["ring", "start", "--open", "--listen", "127.0.0.1:0", "--state", &state];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_drizzle"));
    command.env_clear().env("HOME", home.path()).arg("--json").args(words);
    let ended = Running::start(command).end();
    ended.assert_code(6);
    assert!(ended.only("error")["hint"].as_str().unwrap().contains("--state"), "{ended:?}");
}

/// What a node keeps itself is asked for twice: the second time it is there. Another file under the name stays. Would fail if the copy were
/// made over what is there, or if the same file were in its own way.
#[test]
fn what_is_there_already_is_enough_and_another_file_stays() {
    let member = Member::start(words!["--open"]);
    let path = file(&member.home, "notes", 70_000);
    member.ask(words!["store", &path]).assert_code(0);
    let out = member.home.out();
    for _ in 0..2 {
        member.ask(words!["request", "notes", "-o", &out]).assert_code(0);
        assert_same(&path, &out.join("notes"));
    }
    std::fs::write(out.join("notes"), b"mine").unwrap();
    member.ask(words!["request", "notes", "-o", &out]).assert_error(
        6,
        "disk",
        "another file is there already",
    );
    assert_eq!(std::fs::read(out.join("notes")).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1, "nothing half made is left");
}
