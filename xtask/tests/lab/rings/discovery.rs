//! A ring in the tracker's place, over hosts: sharing, fetching, listing, searching and locating, and no tracker anywhere.

use xtask::lab::{Link, Peer, Seat, Shared, Told};
use xtask::stage::Corpus;

use super::circle::{HEALS_WITHIN, Member, end_all, ended_with, eventually, only};
use crate::ground::{FINISHED_WITHIN, Ground};

const MEMBERS: usize = 3;
const SHARER: usize = MEMBERS;
const ASKER: usize = MEMBERS + 1;
const NOT_FOUND: i32 = 3;

/// Three members, somebody on a fourth host who shares through the second, and a fifth host that knows nothing.
struct Scene<'a> {
    ring: Vec<Member<'a>>,
    corpus: Corpus,
    sharer: Peer,
    shared: Shared,
    asker: Seat<'a>,
}

impl<'a> Scene<'a> {
    fn set(ground: &'a Ground) -> Self {
        let mut ring = vec![Member::start(ground, 0, &["--open"])];
        for host in 1..MEMBERS {
            let through = ring[0].address();
            ring.push(Member::start(ground, host, &["--open", "--join", &through]));
        }
        let corpus = ground.named_file(SHARER, "film.bin", 3_000_000);
        let (sharer, shared) =
            ground.seat(SHARER).share(&corpus.path(), &["--tracker", &at(&ring[1])]).unwrap();
        assert!(!shared.link.contains("tracker://"), "{}", shared.link);
        Self { ring, corpus, sharer, shared, asker: ground.seat(ASKER) }
    }

    /// Asks something from the fifth host, through a member.
    fn ask(&self, through: usize, words: &[&str]) -> Told {
        let through = at(&self.ring[through]);
        let words = [words, &["--tracker", &through]].concat();
        self.asker.run(&words, HEALS_WITHIN).unwrap()
    }

    fn end(self) {
        self.sharer.crash();
        end_all(self.ring);
    }
}

fn at(member: &Member) -> String {
    format!("ring://{}", member.address())
}

fn names(told: &Told) -> Vec<String> {
    told.all("file").map(|file| file.text("name")).collect()
}

fn links() -> [Link; ASKER + 1] {
    [Link::FREE; ASKER + 1]
}

/// `get` by name, by a link that names no source, and after the member has died through which it was shared. Would fail if the ring told
/// addresses that only the host itself can reach, or if what is shared hung on one member.
#[test]
fn what_is_shared_on_one_host_is_fetched_on_another() {
    let Some(ground) = Ground::new(&links()) else { return };
    let mut scene = Scene::set(&ground);
    let fetch = |scene: &Scene, what: &str, more: &[&str]| {
        let _ = std::fs::remove_dir_all(scene.asker.output());
        let mut getting = scene.asker.get(what, more).unwrap();
        let done = getting.wait_until_done(FINISHED_WITHIN, |_| {}).unwrap();
        let from = done["from"].as_object().unwrap();
        assert_eq!(from.keys().collect::<Vec<_>>(), [&scene.shared.peer]);
        ground.assert_arrived(ASKER, &scene.corpus);
    };
    fetch(&scene, "film.bin", &["--tracker", &at(&scene.ring[2])]);
    let (bare, _) = scene.shared.link.split_once("&x.pe=").unwrap();
    fetch(&scene, bare, &[]);
    ended_with(NOT_FOUND, scene.ask(0, &["get", "nothing"]));

    scene.ring.remove(1).peer.crash();
    eventually("it is listed all the same", || names(&scene.ask(0, &["list"])) == ["film.bin"]);
    fetch(&scene, "film.bin", &["--tracker", &at(&scene.ring[1])]);
    scene.end();
}

/// `list`, `search` and `locate`. Would fail if a record were found through some members only, or if who has something were said to be
/// where nobody else can reach it.
#[test]
fn what_is_shared_on_one_host_is_listed_and_located_on_another() {
    let Some(ground) = Ground::new(&links()) else { return };
    let scene = Scene::set(&ground);
    for through in 0..MEMBERS {
        assert_eq!(names(&ended_with(0, scene.ask(through, &["list"]))), ["film.bin"]);
        assert_eq!(names(&ended_with(0, scene.ask(through, &["search", "film"]))), ["film.bin"]);
        assert!(names(&ended_with(0, scene.ask(through, &["search", "song"]))).is_empty());
        for what in ["film.bin", &scene.shared.link] {
            let told = ended_with(0, scene.ask(through, &["locate", what]));
            let location = only(&told, "location");
            assert_eq!(location.text("peer"), scene.shared.peer);
            let host = ground.lab().hosts()[SHARER].address().to_string();
            assert!(location.text("address").starts_with(&host), "{location:?}");
        }
        ended_with(NOT_FOUND, scene.ask(through, &["locate", "nothing"]));
    }
    scene.end();
}
