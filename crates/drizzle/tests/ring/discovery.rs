//! A ring in the tracker's place: sharing, fetching, listing, searching and locating, with no tracker anywhere.

use std::fs;

use rustix::process::Signal;

use crate::rings::{Member, assert_same, eventually, file};
use crate::support::folder::assert_same as assert_same_folder;
use crate::support::home::Home;
use crate::support::process::{Running, text};
use crate::support::words;

/// Three members of the ring of hashes, and one who shares a file and a folder through the second.
struct Scene {
    members: Vec<Member>,
    sharer: Home,
    sharing: Running,
    links: Vec<String>,
}

impl Scene {
    fn set() -> Self {
        let mut members = vec![Member::start(words!["--open"])];
        for _ in 0..2 {
            let member = Member::start(words!["--join", &members[0].address]);
            members.push(member);
        }
        eventually("the members know each other", || members.iter().all(|member| knows(member, 2)));
        let sharer = Home::new();
        let film = file(&sharer, "film.bin", 2_000_000);
        let folder = sharer.join("notes");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), b"alpha").unwrap();
        let sharing = words!["share", film, folder, "--listen", "127.0.0.1:0", "--tracker", at(&members[1])];
        let mut sharing = sharer.start(sharing);
        let links = (0..2).map(|_| text(&sharing.until("shared")["link"])).collect();
        Self { members, sharer, sharing, links }
    }
}

/// Whether a member knows so many others.
fn knows(member: &Member, others: usize) -> bool {
    let status = member.ask(words!["status"]);
    status.all("neighbours")[0]["successors"].as_array().unwrap().len() == others
}

/// The ring in the tracker's place, entered through a member.
fn at(member: &Member) -> String {
    format!("ring://{}", member.address)
}

fn names(member: &Member, words: Vec<std::ffi::OsString>) -> Vec<String> {
    let listed = Home::new().run(words.into_iter().chain(words!["--tracker", at(member)]));
    listed.assert_code(0);
    listed.all("file").iter().map(|file| text(&file["name"])).collect()
}

#[test]
fn what_is_shared_is_fetched_by_link_and_by_name_with_no_tracker() {
    let scene = Scene::set();
    let by_link = Home::new();
    by_link.get(&scene.links[0]).assert_code(0);
    assert_same(&scene.sharer.join("film.bin"), &by_link.out().join("film.bin"));
    let by_name = Home::new();
    by_name.start_get("notes", words!["--tracker", at(&scene.members[2])]).end().assert_code(0);
    assert_same_folder(&scene.sharer.join("notes"), &by_name.out().join("notes"));
    // Without its sources the link does not say where to ask: the ring does.
    let (bare, _) = scene.links[0].split_once("&x.pe=").unwrap();
    let by_hash = Home::new();
    by_hash.get(bare).assert_code(0);
    assert_same(&scene.sharer.join("film.bin"), &by_hash.out().join("film.bin"));
    Home::new().start_get("nothing", words!["--tracker", at(&scene.members[0])]).end().assert_code(3);
}

#[test]
fn what_is_shared_is_listed_and_searched_with_no_tracker() {
    let scene = Scene::set();
    for member in &scene.members {
        assert_eq!(names(member, words!["list"]), ["film.bin", "notes"]);
        assert_eq!(names(member, words!["search", "FILM", "-i"]), ["film.bin"]);
        assert_eq!(names(member, words!["search", "FILM"]), [""; 0]);
    }
    // Who leaves takes back what it shared; who dies is forgotten when its lease ends.
    scene.sharing.end_by(Signal::TERM).assert_code(0);
    eventually("nothing is shared any more", || names(&scene.members[0], words!["list"]).is_empty());
}

#[test]
fn who_has_what_is_located_with_no_tracker() {
    let scene = Scene::set();
    for what in ["film.bin", &scene.links[0]] {
        let located = Home::new().run(words!["locate", what, "--tracker", at(&scene.members[0])]);
        located.assert_code(0);
        let locations = located.all("location");
        assert_eq!(locations.len(), 1);
        assert_eq!(locations[0]["chunks"].as_array().unwrap().len(), 1);
    }
    Home::new().run(words!["locate", "nothing", "--tracker", at(&scene.members[0])]).assert_code(3);
}

/// The member through which somebody shares may die: another takes its part.
#[test]
fn the_death_of_a_member_takes_nothing_that_is_shared() {
    let mut scene = Scene::set();
    scene.members.remove(1).kill();
    let first = &scene.members[0];
    eventually("the list is whole", || names(first, words!["list"]) == ["film.bin", "notes"]);
    let getter = Home::new();
    getter.start_get("film.bin", words!["--tracker", at(first)]).end().assert_code(0);
    assert_same(&scene.sharer.join("film.bin"), &getter.out().join("film.bin"));
}

/// How often it is tried to ask before the ring has noticed that a member hangs: on a busy machine it may be the first.
const TRIALS: usize = 5;

/// A member that hangs takes nothing of the list but what only it keeps, and that is told. Would fail if the list ended with it,
/// or passed for whole.
#[test]
fn a_list_goes_round_who_does_not_answer() {
    let scene = Scene::set();
    let (first, third) = (&scene.members[0], &scene.members[2]);
    for trial in 1..=TRIALS {
        eventually("three members keep every name", || {
            let knows_all = scene.members.iter().all(|member| knows(member, 2));
            knows_all && names(first, words!["list"]) == ["film.bin", "notes"]
        });
        third.process.signal(Signal::STOP);
        let listed = Home::new().run(words!["list", "--tracker", at(first)]);
        let is_too_late = !knows(first, 2);
        third.process.signal(Signal::CONT);
        listed.assert_code(0);
        let found: Vec<String> = listed.all("file").iter().map(|file| text(&file["name"])).collect();
        assert_eq!(found, ["film.bin", "notes"]);
        let errors = listed.all("error");
        if errors.is_empty() && is_too_late && trial < TRIALS {
            continue;
        }
        assert_eq!(errors.len(), 1, "{}", listed.stderr);
        assert_eq!(errors[0]["kind"], "incomplete");
        assert!(listed.stderr.contains("warning: 1 member of the ring did not answer"), "{}", listed.stderr);
        return;
    }
}
