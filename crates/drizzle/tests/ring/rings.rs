//! Rings to test with: members that are processes, each with a home of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::home::Home;
use crate::support::noise;
use crate::support::process::{Ended, Running, text};
use crate::support::words;

/// Longer than a ring takes to heal, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A member.
pub(crate) struct Member {
    pub(crate) home: Home,
    pub(crate) process: Running,
    /// Where it listens.
    pub(crate) address: String,
    pub(crate) invite: String,
    pub(crate) peer: String,
}

impl Member {
    /// Starts one and waits until it is in the ring.
    pub(crate) fn start(more: Vec<OsString>) -> Self {
        Self::start_in(Home::new(), more)
    }

    /// Kills it, and starts it anew on the same state.
    pub(crate) fn restart(self, more: Vec<OsString>) -> Self {
        self.process.end_by(Signal::KILL);
        Self::start_in(self.home, more)
    }

    fn start_in(home: Home, more: Vec<OsString>) -> Self {
        let mut process = home.start(command(more));
        let ready = process.until("ready");
        let (address, invite, peer) = (text(&ready["listen"]), text(&ready["invite"]), text(&ready["peer"]));
        Self { home, process, address, invite, peer }
    }

    /// One of a small open ring of 8 bits.
    pub(crate) fn numbered(id: u8, through: Option<&Self>) -> Self {
        Self::start(numbered(id, through))
    }

    /// Speaks to the member through its state directory.
    pub(crate) fn ask(&self, words: Vec<OsString>) -> Ended {
        self.home.run(words!["ring"].into_iter().chain(words))
    }

    /// Who is near it: predecessors and successors.
    pub(crate) fn neighbours(&self) -> (Vec<u64>, Vec<u64>) {
        let status = self.ask(words!["status"]);
        status.assert_code(0);
        let told = status.all("neighbours");
        let ids = |list: &Value| list.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
        (ids(&told[0]["predecessors"]), ids(&told[0]["successors"]))
    }

    /// How many files it keeps for the ring.
    pub(crate) fn files(&self) -> u64 {
        let status = self.ask(words!["status"]);
        status.all("neighbours")[0]["keeps"]["files"].as_u64().unwrap()
    }

    /// Whether all of a file lies in what it keeps for the ring. It comes there whole.
    pub(crate) fn has_whole(&self, hash: &str) -> bool {
        let rings = fs::read_dir(self.home.join("state").join("ring")).unwrap();
        rings.into_iter().any(|ring| ring.unwrap().path().join("files").join(hash).exists())
    }

    /// Whether it has written down what it keeps, for some ring.
    pub(crate) fn has_records(&self) -> bool {
        let rings = fs::read_dir(self.home.join("state").join("ring")).unwrap();
        let mut records = rings.map(|ring| ring.unwrap().path().join("records"));
        records.any(|records| records.metadata().is_ok_and(|file| file.len() > 0))
    }

    /// Ends it without a word.
    pub(crate) fn kill(self) {
        self.process.end_by(Signal::KILL);
    }

    /// Lets it leave, and waits until it has.
    pub(crate) fn quit(self) {
        self.ask(words!["quit"]).assert_code(0);
        self.process.end().assert_code(0);
    }
}

/// The words that start a member.
fn command(more: Vec<OsString>) -> Vec<OsString> {
    let mut all = words!["-v", "ring", "start", "--listen", "127.0.0.1:0", "--ping", "0.5"];
    all.extend(more);
    all
}

/// The words of a member of a small open ring.
pub(crate) fn numbered(id: u8, through: Option<&Member>) -> Vec<OsString> {
    let mut more = words!["--open", "--bits", "8", "--id", id.to_string()];
    if let Some(member) = through {
        more.extend(words!["--join", &member.address]);
    }
    more
}

/// Starts a member that is not to come in.
pub(crate) fn start_in_vain(more: Vec<OsString>) -> Ended {
    Home::new().run(command(more))
}

/// The ring of the requirements.
pub(crate) fn small_ring() -> Vec<Member> {
    let mut ring = vec![Member::numbered(2, None)];
    for id in [4, 5, 8, 9, 14, 19] {
        let member = Member::numbered(id, Some(&ring[0]));
        ring.push(member);
    }
    ring
}

/// Waits until each member knows all others, in the order of the circle, both ways.
pub(crate) fn settle(ring: &[(u8, &Member)]) {
    let count = ring.len();
    for (at, (id, member)) in ring.iter().enumerate() {
        let others = |step: usize| -> Vec<u64> {
            (1..count).map(|n| u64::from(ring[(at + n * step) % count].0)).collect()
        };
        let (after, before) = (others(1), others(count - 1));
        eventually(&format!("peer {id} knows its neighbours"), || {
            let (predecessors, successors) = member.neighbours();
            successors == after && before.starts_with(&predecessors) && predecessors.len() >= 2
        });
    }
}

/// Asks until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        sleep(LOOK_AGAIN);
    }
}

/// A file of that many bytes that are different everywhere.
pub(crate) fn file(home: &Home, name: &str, bytes: usize) -> std::path::PathBuf {
    home.file(name, &noise::bytes(bytes, name.len() as u64))
}

pub(crate) fn assert_same(left: &Path, right: &Path) {
    assert!(fs::read(left).unwrap() == fs::read(right).unwrap(), "{left:?} and {right:?} differ");
}

/// The way that a question took: from the first to the last peer.
pub(crate) fn route(ended: &Ended) -> Vec<u64> {
    let hops = ended.all("hop");
    let Some(first) = hops.first() else { return Vec::new() };
    let steps = hops.iter().map(|hop| hop["to"].as_u64().unwrap());
    std::iter::once(first["from"].as_u64().unwrap()).chain(steps).collect()
}
