//! Rings of members that each have a host of their own, and what they tell of themselves.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::lab::{Event, Peer, Seat, Told};

use crate::ground::Ground;

/// Longer than a ring takes to heal, or a command to end, on a busy machine too.
pub(crate) const HEALS_WITHIN: Duration = Duration::from_secs(180);
/// Between two looks at what has no event.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Where every member listens; each has an address of its own.
const PORT: u16 = 7441;
/// A short interval, so that what is to be seen after some pings is seen soon.
const PING_S: &str = "0.5";

/// A member on a host.
pub(crate) struct Member<'a> {
    pub(crate) host: usize,
    pub(crate) seat: Seat<'a>,
    pub(crate) peer: Peer,
    /// Its key.
    pub(crate) key: String,
    /// What lets others in.
    pub(crate) invite: String,
    near: Option<Near>,
}

/// Who is near a member, by their numbers; the closest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Near {
    pub(crate) predecessors: Vec<u64>,
    pub(crate) successors: Vec<u64>,
}

impl<'a> Member<'a> {
    /// Starts one, and waits until it is in.
    pub(crate) fn start(ground: &'a Ground, host: usize, more: &[&str]) -> Self {
        let seat = ground.seat(host);
        let words = [&["--ping", PING_S][..], more].concat();
        let (peer, ready) = seat.ring(&words).unwrap();
        let (key, invite) = (ready.text("peer"), ready.text("invite"));
        Self { host, seat, peer, key, invite, near: None }
    }

    /// One of a small ring of 8 bits.
    pub(crate) fn numbered(ground: &'a Ground, host: usize, id: u64, more: &[&str]) -> Self {
        let id = id.to_string();
        Self::start(ground, host, &[&["--bits", "8", "--id", &id][..], more].concat())
    }

    /// Where others reach it.
    pub(crate) fn address(&self) -> String {
        format!("{}:{PORT}", self.seat.host.address())
    }

    /// Speaks to it through its state directory.
    pub(crate) fn ask(&self, words: &[&str]) -> Told {
        self.seat.run(&[&["ring"][..], words].concat(), HEALS_WITHIN).unwrap()
    }

    /// Asks for a file; what was told, which is with the file in the folder for what this host fetches.
    pub(crate) fn request(&self, name: &str) -> Told {
        let out = self.seat.output();
        // Each time from nothing: a file that is there already would prove nothing.
        let _ = fs::remove_dir_all(&out);
        self.ask(&["request", name, "--output", out.to_str().unwrap()])
    }

    /// The next event that is meant.
    pub(crate) fn wait<T>(&mut self, expected: &str, mut read: impl FnMut(&Event) -> Option<T>) -> T {
        let near = &mut self.near;
        let noted = |event: &Event| {
            if event.is("neighbours") {
                *near = Some(Near::of(event));
            }
            read(event)
        };
        let waited = self.peer.wait_for(expected, HEALS_WITHIN, noted);
        let near = &self.near;
        waited.unwrap_or_else(|error| panic!("{error}; last it had near {near:?}"))
    }

    /// Waits until it has told that those are near it: all successors in that order, and two predecessors or more.
    pub(crate) fn wait_for_near(&mut self, expected: &Near) {
        let is_right = |near: &Near| {
            near.successors == expected.successors
                && expected.predecessors.starts_with(&near.predecessors)
                && near.predecessors.len() >= expected.predecessors.len().min(2)
        };
        if self.near.as_ref().is_some_and(is_right) {
            return;
        }
        self.wait(&format!("have near it {expected:?}"), |event| {
            (event.is("neighbours") && is_right(&Near::of(event))).then_some(())
        });
    }

    /// Waits until it has written that for a person.
    #[track_caller]
    pub(crate) fn wait_until_said(&self, text: &str) {
        let end = Instant::now() + HEALS_WITHIN;
        while !self.peer.said().contains(text) {
            assert!(Instant::now() < end, "it did not say '{text}', it said {}", self.peer.said());
            sleep(LOOK_AGAIN);
        }
    }

    /// Whether all of a file lies in what it keeps for the ring. It comes there whole.
    pub(crate) fn has_whole(&self, hash: &str) -> bool {
        let rings = fs::read_dir(self.seat.home.join("state").join("ring")).into_iter().flatten().flatten();
        rings.into_iter().any(|ring| ring.path().join("files").join(hash).exists())
    }
}

impl Near {
    fn of(event: &Event) -> Self {
        let ids = |list: &Value| list.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        Self { predecessors: ids(&event["predecessors"]), successors: ids(&event["successors"]) }
    }
}

/// Waits until each member, given by its number in the order of the circle, has told that all others are near it.
pub(crate) fn settle(ring: &mut [(u64, &mut Member)]) {
    let ids: Vec<u64> = ring.iter().map(|(id, _)| *id).collect();
    let count = ids.len();
    for (at, (_, member)) in ring.iter_mut().enumerate() {
        let others = |step: usize| (1..count).map(|n| ids[(at + n * step) % count]).collect();
        member.wait_for_near(&Near { successors: others(1), predecessors: others(count - 1) });
    }
}

/// Looks until it is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + HEALS_WITHIN;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        sleep(LOOK_AGAIN);
    }
}

/// Fails unless a process ended with that code; what it told.
#[track_caller]
pub(crate) fn ended_with(code: i32, told: Told) -> Told {
    assert_eq!(told.code, Some(code), "{:?} {}", told.events, told.said);
    told
}

/// Fails unless a request was answered with the very bytes that were stored.
#[track_caller]
pub(crate) fn assert_given(member: &Member, told: Told, stored: &Path) -> Told {
    let told = ended_with(0, told);
    let name = stored.file_name().unwrap_or(OsStr::new(""));
    xtask::stage::same(stored, &member.seat.output().join(name)).unwrap();
    told
}

/// The way that a question took: from the first to the last peer.
pub(crate) fn route(told: &Told) -> Vec<u64> {
    let mut hops = told.all("hop").peekable();
    let first = hops.peek().and_then(|hop| hop["from"].as_u64());
    first.into_iter().chain(hops.filter_map(|hop| hop["to"].as_u64())).collect()
}

/// The only event of a kind.
#[track_caller]
pub(crate) fn only<'t>(told: &'t Told, kind: &str) -> &'t Event {
    let mut all = told.all(kind);
    let first = all.next().unwrap_or_else(|| panic!("no {kind}: {:?} {}", told.events, told.said));
    assert!(all.next().is_none(), "more than one {kind}: {:?}", told.events);
    first
}

/// Ends all of them at once. One by one they would hand over to each other what they keep.
pub(crate) fn end_all<'a>(ring: impl IntoIterator<Item = Member<'a>>) {
    ring.into_iter().for_each(|member| member.peer.crash());
}
