//! Links, invites and names that are wrong: each gets a clear word and its exit code, and nothing panics or
//! hangs.

use std::panic::catch_unwind;

use drizzle_model::{Invite, Link};

use crate::support::home::Home;
use crate::support::process::Ended;
use crate::support::swarm::{Sharer, Tracker};
use crate::support::words;

/// A name that nobody has registered, and a hash.
#[test]
fn what_nobody_has_is_not_found() {
    let tracker = Tracker::start();
    let home = Home::new();
    let at = words!["--tracker", tracker.at_file()];
    let run = |words: Vec<std::ffi::OsString>| home.run([words, at.clone()].concat());
    run(words!["get", "nobody's"]).assert_error(3, "not-found", "nobody's");
    run(words!["locate", "nobody's"]).assert_error(3, "not-found", "");
    let link = format!("drizzle:?xt=urn:blake3:{}&dn=x&xl=1", "17".repeat(32));
    run(words!["get", &link]).assert_error(3, "not-found", "x");
    run(words!["locate", &link]).assert_error(3, "not-found", "");
    run(words!["search", "nobody's"]).assert_code(0);
    home.run(words!["share", home.join("no such path")]).assert_error(3, "not-found", "no such path");
}

/// A link that was cut off or damaged while it was copied. Would fail for a panic, and for a cut link that is
/// taken for the whole.
#[test]
fn a_damaged_link_is_read_or_refused_but_never_breaks_the_reader() {
    let home = Home::new();
    let sharer = Sharer::start(&home, &home.file("it's 100% \u{fc}", b"data"));
    let link = sharer.link();
    let whole = sharer.parsed_link();
    for cut in (0..link.len()).filter(|cut| link.is_char_boundary(*cut)) {
        let read = catch_unwind(|| link[..cut].parse::<Link>()).expect("a cut link breaks the reader");
        assert_ne!(read.ok().as_ref(), Some(&whole), "cut at {cut}");
    }
    for at in 0..link.len() {
        for byte in [b'%', b'&', b'=', b'/', b'0', b' ', 0x7f, b'\n'] {
            let mut damaged = link.clone().into_bytes();
            damaged[at] = byte;
            let Ok(damaged) = String::from_utf8(damaged) else { continue };
            catch_unwind(|| drop(damaged.parse::<Link>())).expect("a damaged link breaks the reader");
        }
    }
    for wrong in [
        "drizzle:",
        "drizzle:?",
        "drizzle:?&&&",
        "drizzle:?xt=urn:blake3:",
        "drizzle:?dn=%ff",
        "drizzle:?xl=-1",
    ] {
        assert!(wrong.parse::<Link>().is_err(), "{wrong}");
    }
}

/// The same from outside, for some of the places. What is cut so that it can still be read may stand for less
/// (a peer fewer, no secret), and then ends in any of the clear ways.
#[test]
fn a_cut_link_ends_with_a_clear_word() {
    let (there, tracker) = (Home::new(), Tracker::start());
    let sharer = Sharer::start_at(&tracker, &there, &there.file("data", b"data"));
    let link = sharer.link();
    for cut in (1..link.len()).step_by(23).chain(link.len() - 70..link.len() - 60) {
        let here = Home::new();
        // What is left of the scheme alone is a name, which could be looked for on the local network.
        let more = words!["--patience", "2", "--discovery=false"];
        let got = here.start_get(&link[..cut], more).end();
        match link[..cut].parse::<Link>() {
            Err(_) => assert_usage(&got),
            Ok(_) => assert!(matches!(got.code, Some(0 | 2 | 5 | 7)), "cut at {cut}: {got:?}"),
        }
    }
}

#[track_caller]
fn assert_usage(ended: &Ended) {
    ended.assert_error(2, "usage", "");
}

/// B1: whoever has the invite of another network, no secret or a wrong one is told so, and learns no name.
/// Would fail if the key of the tracker were not looked at, or the secret not asked for.
#[test]
fn who_is_not_invited_is_refused() {
    let (tracker, other, there) = (Tracker::start(), Tracker::start(), Home::new());
    let _sharer = Sharer::start_at(&tracker, &there, &there.file("secret plans", b"data"));
    let invite = tracker.invite();
    let of_other = Invite { addresses: invite.addresses.clone(), ..other.invite() };
    let without = Invite { secret: None, ..invite.clone() };
    let wrong = Invite { secret: other.invite().secret, ..invite };
    for invite in [of_other, without, wrong] {
        let home = Home::new();
        let invite = home.file("invite", invite.to_string().as_bytes());
        let at = format!("@{}", invite.display());
        for words in [
            words!["list"],
            words!["search", "plans"],
            words!["get", "secret plans"],
            words!["locate", "secret plans"],
        ] {
            let refused = home.run([words.clone(), words!["--tracker", &at]].concat());
            refused.assert_error(7, "refused", "");
            assert!(!refused.stderr.contains("blake3") && refused.all("file").is_empty(), "{refused:?}");
        }
        let shared = home.run(words!["share", &invite, "--listen", "127.0.0.1:0", "--tracker", &at]);
        shared.assert_error(7, "refused", "");
    }
}

/// Names that no folder can hold, and long ones. Would fail if such a name went to the disk or the tracker.
#[test]
fn a_name_that_cannot_be_is_a_matter_of_usage() {
    let (tracker, home) = (Tracker::start(), Home::new());
    let long = "n".repeat(4_000);
    let long_path = ["d/"; 1_600].concat() + "f";
    let file = home.file("data", b"data");
    for name in [&*long, &long_path, "", "/etc/passwd", "../x", "a/../b", "a//b", ".", "a/"] {
        let at = tracker.at_file();
        assert_usage(&home.run(words!["get", "--tracker", &at, "--", name]));
        let sharing = words!["share", &file, "--listen", "127.0.0.1:0", "--tracker", &at, "--name", name];
        home.run(sharing).assert_code(2);
        let link = format!("drizzle:?xt=urn:blake3:{}&dn={name}&xl=1", "17".repeat(32));
        assert_usage(&home.run(words!["get", "--tracker", &at, "--", &link]));
    }
    // To look for a long part of a name is no mistake; whether it is taken is the tracker's word.
    let search = home.run(words!["search", &long, "--tracker", tracker.at_file()]);
    assert!(matches!(search.code, Some(0..=2)), "{search:?}");
}

/// Two names that are one where letter case does not count are refused when that is asked for, before
/// anything is fetched.
#[test]
fn names_that_differ_only_in_case_are_refused_on_demand() {
    let (there, here) = (Home::new(), Home::new());
    let top = there.join("folder");
    std::fs::create_dir(&top).unwrap();
    ["README", "ReadMe"].iter().for_each(|name| std::fs::write(top.join(name), name).unwrap());
    let sharer = Sharer::start(&there, &top);
    let refused = here.start_get(&sharer.link(), words!["--refuse-case-clashes"]).end();
    refused.assert_error(1, "other", "README").assert_error(1, "other", "ReadMe");
    assert!(!here.out().join("folder").exists());
    here.get(&sharer.link()).assert_code(0);
    crate::support::folder::assert_same(&top, &here.out().join("folder"));
}
