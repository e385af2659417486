//! The main way: a folder is shared, fetched elsewhere, and is the same.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::folder::{
    arriving, assert_no_diff, assert_same, assert_same_listing, listing, set_mode, set_mtime,
};
use crate::support::home::Home;
use crate::support::noise;
use crate::support::process::{number, text};
use crate::support::swarm::{Sharer, Tracker};
use crate::support::words;

/// Names that shells, terminals, and other systems stumble over.
fn awkward_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "with space",
        " leading and trailing ",
        "it's \"quoted\" `so` $HOME",
        "two\nlines",
        "-rf",
        "--help",
        "tab\there",
        "back\\slash",
        "\u{1b}[31mred",
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{65e5}\u{672c}\u{8a9e}",
        "\u{1f4a7}",
        ".hidden",
        "..twodots",
        "%2e%2e",
        "con.",
        "a&b=c?d#e",
        "*",
    ]
    .map(str::to_owned)
    .into();
    names.push("n".repeat(255));
    names
}

/// A folder with everything that a folder can hold and that is shared.
fn awkward_folder(root: &Path) -> PathBuf {
    let top = root.join("it's a \u{fc}ber folder");
    fs::create_dir_all(top.join("deep/er/est")).unwrap();
    for (n, name) in awkward_names().iter().enumerate() {
        fs::write(top.join(name), noise::bytes(n * 97, n as u64)).unwrap();
        set_mtime(&top.join(name), 1_700_000_000_123_456_789 + n as i64);
    }
    let awkward_folders = ["-dir", "two\nlines dir", ".hidden dir", "empty"];
    awkward_folders.iter().for_each(|name| fs::create_dir(top.join(name)).unwrap());
    for name in ["-dir/f", "two\nlines dir/f", ".hidden dir/.f", "deep/er/est/empty file"] {
        fs::write(top.join(name), "").unwrap();
    }
    // Several chunks in one file, and as many bytes as one chunk has to the byte.
    fs::write(top.join("big"), noise::bytes(1_000_003, 1)).unwrap();
    fs::write(top.join("deep/one chunk"), noise::bytes(65_536, 2)).unwrap();
    for (name, mode) in [("private", 0o600), ("program", 0o755), ("fixed", 0o444), ("setuid", 0o4755)] {
        fs::write(top.join("deep").join(name), name).unwrap();
        set_mode(&top.join("deep").join(name), mode);
    }
    for (name, mtime) in
        [("before 1970", -1_500_000_001), ("at 1970", 0), ("in 2242", 8_589_934_592_999_999_999)]
    {
        fs::write(top.join("deep/er").join(name), name).unwrap();
        set_mtime(&top.join("deep/er").join(name), mtime);
    }
    links(&top);
    set_mtime(&top.join("empty"), -1);
    set_mode(&top.join("deep/er/est"), 0o555);
    set_mode(&top.join("deep/er"), 0o700);
    set_mtime(&top.join("deep/er/est"), 1_000_000_000_000_000_001);
    set_mtime(&top, 1_234_567_890_987_654_321);
    top
}

/// Links that stay inside, whether or not something is where they point.
fn links(top: &Path) {
    symlink("big", top.join("to a file")).unwrap();
    symlink("deep/er", top.join("to a folder")).unwrap();
    symlink("../big", top.join("deep/up and down")).unwrap();
    symlink("nowhere", top.join("dangling")).unwrap();
    symlink("two\nlines", top.join("to\na newline")).unwrap();
}

/// S0.2, S0.3, B3: whatever a folder holds arrives, with names, modes (but no setuid), times and links. Would fail for a name
/// that is changed on the way or refused, for a mode or time that is not set or set too early (a directory's
/// changes when something is put into it), or for a directory that cannot be written to at its end.
#[test]
fn a_folder_arrives_as_it_is() {
    let (there, here) = (Home::new(), Home::new());
    let top = awkward_folder(there.path());
    let sharer = Sharer::start(&there, &top);
    let got = here.get(&sharer.link());
    got.assert_code(0);
    let done = got.only("done");
    let name = top.file_name().unwrap();
    assert_eq!(done["path"], here.out().join(name).to_str().unwrap());
    assert_eq!(done["size"], sharer.shared["size"]);
    assert_eq!(got.fetched(), number(&done["size"]));
    let expected = arriving(listing(&top));
    assert_same_listing(&expected, &listing(&here.out().join(name)));
    assert_no_diff(&top, &here.out().join(name));
    let beside: Vec<_> = fs::read_dir(here.out()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, [name], "nothing unfinished is left");
    assert_eq!(got.all("chunk").len() as u64, number(&sharer.shared["chunks"]), "each chunk once");

    // B2: what is there and right is not fetched again.
    let again = here.get(&sharer.link());
    again.assert_code(0);
    assert_eq!(again.fetched(), 0);
    assert_eq!(again.only("done")["from"].as_object().unwrap().len(), 0);
    assert_same_listing(&expected, &listing(&here.out().join(name)));
}

/// What `.drizzleignore` names is not shared; hidden files are. Would fail if rules of deeper folders did not
/// count, or counted above them.
#[test]
fn ignored_files_stay_at_home() {
    let (there, here) = (Home::new(), Home::new());
    let top = there.join("project");
    fs::create_dir_all(top.join("src/generated")).unwrap();
    fs::create_dir_all(top.join("target/debug")).unwrap();
    let ignored = ["a.o", "src/b.o", "src/generated/x.rs", "target/debug/binary", "src/only here.tmp"];
    let shared = [".hidden", "keep.o", "only here.tmp", "src/main.rs", "src/generated/README", ".gitignore"];
    ignored.iter().chain(&shared).for_each(|path| fs::write(top.join(path), path).unwrap());
    fs::write(top.join(".drizzleignore"), "*.o\n!keep.o\n/target/\n").unwrap();
    fs::write(top.join("src/.drizzleignore"), "*.tmp\ngenerated/*.rs\n").unwrap();
    // Rules for other programs are none for this one.
    fs::write(top.join(".gitignore"), "src\n").unwrap();
    let sharer = Sharer::start(&there, &top);
    here.get(&sharer.link()).assert_code(0);

    let mut expected = listing(&top);
    let left_out: BTreeSet<PathBuf> = ignored.iter().map(PathBuf::from).collect();
    expected.retain(|path, _| !left_out.contains(path) && !path.starts_with("target"));
    assert_same_listing(&expected, &listing(&here.out().join("project")));
}

/// S0.2, S1.3, S1.4: names instead of links, through a tracker whose invite is in a file. Would fail if a
/// name were not found, or the newest of two were not the one that comes (S2.3).
#[test]
fn a_name_is_enough_where_a_tracker_is_known() {
    let tracker = Tracker::start();
    let (there, elsewhere, here) = (Home::new(), Home::new(), Home::new());
    fs::create_dir(there.join("old")).unwrap();
    fs::create_dir(elsewhere.join("new")).unwrap();
    let (old, new) =
        (there.file("old/it's here", b"older"), elsewhere.file("new/it's here", b"the newer one"));
    set_mtime(&old, 1_000_000_000);
    set_mtime(&new, 2_000_000_000);
    let _old = Sharer::start_at(&tracker, &there, &old);
    let newer = Sharer::start_at(&tracker, &elsewhere, &new);
    let words = words!["get", "it's here", "-o", here.out(), "--tracker", tracker.at_file()];
    let got = here.run(words);
    got.assert_code(0);
    assert_eq!(got.only("done")["from"].as_object().unwrap().keys().collect::<Vec<_>>(), [&newer.peer]);
    assert_no_diff(&new, &here.out().join("it's here"));
}

/// S0.8: several at once, each with its own result; the exit code tells that one of them failed. Would fail
/// if one that nobody has took the others with it.
#[test]
fn several_are_fetched_at_once_and_each_ends_in_its_own_way() {
    let tracker = Tracker::start();
    let (there, here) = (Home::new(), Home::new());
    let sizes = [("a", 3_000_000), ("b", 70_000), ("c", 0)];
    let files: Vec<PathBuf> =
        sizes.iter().map(|(name, size)| there.file(name, &noise::bytes(*size, 4))).collect();
    let at = tracker.at_file();
    let sharing =
        words!["share", &files[0], &files[1], &files[2], "--listen", "127.0.0.1:0", "--tracker", &at];
    let mut sharer = there.start(sharing);
    let links: Vec<String> = sizes.iter().map(|_| text(&sharer.until("shared")["link"])).collect();
    let words = words!["get", &links[0], &links[1], &links[2], "-o", here.out()];
    let got = here.run(words);
    got.assert_code(0);
    assert_eq!(got.all("done").len(), 3);
    files.iter().for_each(|file| assert_same(file, &here.out().join(file.file_name().unwrap())));

    let second = Home::new();
    let words = words!["get", &links[0], "nobody's", &links[1], "-o", second.out(), "--tracker", &at];
    let got = second.run(words);
    got.assert_error(3, "not-found", "nobody's");
    assert_eq!(got.all("done").len(), 2);
    files[..2].iter().for_each(|file| assert_same(file, &second.out().join(file.file_name().unwrap())));
}

/// S0.6, S0.8, S4.3: whoever fetches with `--seed` serves when the first source is gone, and lists as a
/// source. Would fail if what was fetched were not registered, or not served.
#[test]
fn a_seed_serves_what_it_fetched() {
    let tracker = Tracker::start();
    let (there, middle, here) = (Home::new(), Home::new(), Home::new());
    let file = there.file("data", &noise::bytes(2_000_000, 5));
    let sharer = Sharer::start_at(&tracker, &there, &file);
    let link = sharer.link();
    let mut seed = middle.start_get(&link, words!["--seed"]);
    seed.until("done");
    sharer.process.end_by(Signal::TERM).assert_code(0);
    let got = here.get(&link);
    got.assert_code(0);
    assert_same(&file, &here.out().join("data"));
    assert_eq!(got.only("done")["from"].as_object().unwrap().len(), 1, "from the seed alone");
    assert_eq!(tracker.names(), ["data"]);
    seed.end_by(Signal::INT).assert_code(0);
    assert_eq!(tracker.names(), Vec::<String>::new());
}

/// S0.8, B3: one process shares several files and folders, and under another name if one is given.
#[test]
fn another_name_is_what_it_is_fetched_as() {
    let (there, here) = (Home::new(), Home::new());
    let file = there.file("plain", b"named");
    let sharer = Sharer::start_with(&there, &file, words!["--name", "a/new name"]);
    assert_eq!(sharer.shared["name"], "a/new name");
    here.get(&sharer.link()).assert_code(0);
    assert_no_diff(&file, &here.out().join("a/new name"));
}
