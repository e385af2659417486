//! The rules of the board, one by one and against the plainest statement of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use drizzle_model::Time;
use proptest::prelude::*;

use super::view::Shown;
use super::{Board, Known};
use crate::dialect::Dialect;
use crate::limits::{LEASE, PEERS_PER_HOST_MAX};
use crate::message::OwnFile;
use crate::name::Name;
use crate::roster::BoardFull;
use crate::stamp::Stamp;

fn at(seconds: u64) -> Time {
    Time::after_origin(Duration::from_secs(seconds))
}

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn files(of: &[(&str, i64)]) -> Vec<OwnFile> {
    let file = |(name, mtime): &(&str, i64)| OwnFile {
        name: Name::new(name).unwrap(),
        mtime: Stamp::parse(&mtime.to_string()).unwrap(),
    };
    of.iter().map(file).collect()
}

fn shown(board: &Board, now: Time, asker: Dialect) -> Vec<(String, u16, String)> {
    board.check_invariants();
    let of =
        |shown: Shown<'_>| (shown.name.to_string(), shown.holder.port(), shown.mtime.as_str().to_owned());
    board.shown(now, asker).map(of).collect()
}

fn all(board: &Board) -> Vec<(String, u16, String)> {
    shown(board, at(0), Dialect::Lf)
}

fn entry(name: &str, port: u16, mtime: &str) -> (String, u16, String) {
    (name.into(), port, mtime.into())
}

/// S2.3. Would fail if the last one who registers won, or the first.
#[test]
fn the_newest_of_a_name_is_kept() {
    let mut board = Board::new();
    board.register(at(0), peer(1), Dialect::Lf, files(&[("a", 10), ("b", 10)])).unwrap();
    board.register(at(0), peer(2), Dialect::Lf, files(&[("a", 20), ("b", 5)])).unwrap();
    board.register(at(0), peer(3), Dialect::Lf, files(&[("a", 20), ("b", 10)])).unwrap();
    assert_eq!(all(&board), [entry("a", 2, "20"), entry("b", 1, "10")]);
}

/// S2.2: at 180 s exactly, and not a nanosecond earlier.
#[test]
fn a_silent_peer_is_gone_after_180_seconds() {
    let mut board = Board::new();
    board.register(at(0), peer(1), Dialect::Lf, files(&[("a", 1)])).unwrap();
    board.register(at(0), peer(2), Dialect::Lf, files(&[("b", 1)])).unwrap();
    assert_eq!(board.keepalive(at(100), peer(1), Dialect::Lf), Known::Yes);
    let just_before = Time::after_origin(LEASE - Duration::from_nanos(1));
    assert_eq!((board.expire(just_before), board.expire(at(180))), (0, 1));
    assert_eq!(all(&board), [entry("a", 1, "1")]);
    assert_eq!(board.keepalive(at(279), peer(1), Dialect::Lf), Known::Yes);
    assert_eq!(board.keepalive(at(279 + 180), peer(1), Dialect::Lf), Known::No);
    assert_eq!(all(&board), []);
}

/// A clock that stands still or jumps ahead changes nothing but when a lease ends.
#[test]
fn a_jump_of_the_clock_ends_leases_once() {
    let mut board = Board::new();
    board.register(at(5), peer(1), Dialect::Lf, files(&[("a", 1)])).unwrap();
    assert_eq!((board.expire(at(1_000_000)), board.expire(at(5))), (1, 0));
    board.register(at(5), peer(1), Dialect::Lf, files(&[("a", 1)])).unwrap();
    assert_eq!(all(&board), [entry("a", 1, "1")]);
}

/// What a newer peer replaced stays replaced, though the older one lives on, even when the newer one is gone.
#[test]
fn a_late_keepalive_brings_nothing_back() {
    let mut board = Board::new();
    board.register(at(0), peer(1), Dialect::Lf, files(&[("a", 10)])).unwrap();
    board.register(at(1), peer(2), Dialect::Lf, files(&[("a", 20)])).unwrap();
    board.keepalive(at(100), peer(1), Dialect::Lf);
    assert_eq!(all(&board), [entry("a", 2, "20")]);
    assert_eq!(board.keepalive(at(200), peer(1), Dialect::Lf), Known::Yes);
    assert_eq!(all(&board), []);
    // And one that is gone itself.
    assert_eq!(board.keepalive(at(1000), peer(1), Dialect::Lf), Known::No);
    assert_eq!(board.counts(), (0, 0));
}

/// Whoever has just the same file steps in for the one who is gone.
#[test]
fn another_holder_of_the_same_file_steps_in() {
    let mut board = Board::new();
    board.register(at(0), peer(1), Dialect::Lf, files(&[("a", 10)])).unwrap();
    board.register(at(100), peer(2), Dialect::Lf, files(&[("a", 10)])).unwrap();
    assert_eq!(all(&board), [entry("a", 1, "10")]);
    board.expire(at(180));
    assert_eq!(all(&board), [entry("a", 2, "10")]);
}

/// A peer that registers again has what it says now, even where that is older.
#[test]
fn registering_again_replaces_ones_own() {
    let mut board = Board::new();
    board.register(at(0), peer(1), Dialect::Lf, files(&[("a", 10), ("b", 1)])).unwrap();
    board.register(at(0), peer(1), Dialect::Lf, files(&[("a", 5), ("c", 1), ("c", 3), ("c", 2)])).unwrap();
    assert_eq!(all(&board), [entry("a", 1, "5"), entry("c", 1, "3")]);
}

/// With a peer that speaks both, nobody is sent where it would wait for ever; without one, everything is shown.
#[test]
fn crossed_dialects_wait_for_who_speaks_both() {
    let mut board = Board::new();
    board.register(at(0), peer(1), Dialect::Lf, files(&[("a", 1)])).unwrap();
    assert_eq!(shown(&board, at(0), Dialect::Unframed), [entry("a", 1, "1")]);
    board.register(at(0), peer(2), Dialect::Both, files(&[])).unwrap();
    assert_eq!(shown(&board, at(1), Dialect::Unframed), []);
    assert_eq!(shown(&board, at(1), Dialect::Lf), [entry("a", 1, "1")]);
    assert_eq!(shown(&board, at(60), Dialect::Unframed), [entry("a", 1, "1")], "not for ever");
    assert_eq!((board.shows_more_at(at(1)), board.shows_more_at(at(60))), (Some(at(60)), None));
    board.register(at(2), peer(2), Dialect::Both, files(&[("a", 1)])).unwrap();
    assert_eq!(shown(&board, at(2), Dialect::Unframed), [entry("a", 2, "1")]);
    assert_eq!(shown(&board, at(2), Dialect::Lf), [entry("a", 1, "1")]);
}

/// The native side sees each name once with all who have it, from any place on, and nothing is held back from it.
#[test]
fn the_native_side_sees_all_holders() {
    let mut board = Board::new();
    board.register(at(0), peer(1), Dialect::Lf, files(&[("a", 1), ("b", 2), ("c", 3)])).unwrap();
    board.register(at(0), peer(2), Dialect::Unframed, files(&[("a", 0), ("b", 2)])).unwrap();
    board.register(at(0), peer(3), Dialect::Both, files(&[])).unwrap();
    let held = |after| -> Vec<(String, usize)> {
        board.held_after(after).map(|held| (held.name.to_string(), held.holders)).collect()
    };
    let all = [("a", 1), ("b", 2), ("c", 1)].map(|(name, holders)| (name.to_owned(), holders));
    assert_eq!(held(None), all);
    assert_eq!(
        (held(Some("")), held(Some("aa")), held(Some("c"))),
        (all.to_vec(), all[1..].to_vec(), vec![])
    );
    let (mtime, holders) = board.holders("b").unwrap();
    assert_eq!(mtime.as_str(), "2");
    assert_eq!(holders.collect::<Vec<_>>(), [(peer(1), Dialect::Lf), (peer(2), Dialect::Unframed)]);
    assert!(board.holders("nothing").is_none());
}

#[test]
fn one_host_cannot_fill_the_board() {
    let mut board = Board::new();
    for port in 1..=PEERS_PER_HOST_MAX as u16 {
        board.register(at(0), peer(port), Dialect::Lf, Vec::new()).unwrap();
    }
    let more = peer(PEERS_PER_HOST_MAX as u16 + 1);
    assert_eq!(board.register(at(0), more, Dialect::Lf, Vec::new()), Err(BoardFull));
    let elsewhere = "10.0.0.1:1".parse().unwrap();
    assert_eq!(board.register(at(0), elsewhere, Dialect::Lf, files(&[("a", 1)])), Ok(()));
    let many = |from: usize| (from..from + 16_384).map(|n| (n.to_string(), 1));
    let own = |from| {
        let names: Vec<(String, i64)> = many(from).collect();
        files(&names.iter().map(|(name, mtime)| (name.as_str(), *mtime)).collect::<Vec<_>>())
    };
    assert_eq!(board.register(at(0), peer(1), Dialect::Lf, own(0)), Ok(()));
    assert_eq!(board.register(at(0), peer(2), Dialect::Lf, own(20_000)), Ok(()));
    assert_eq!(board.register(at(0), peer(3), Dialect::Lf, own(40_000)), Err(BoardFull));
    assert_eq!(board.register(at(0), peer(2), Dialect::Lf, own(40_000)), Ok(()), "in place of its own");
    board.check_invariants();
}

/// The rules once more, as plainly as they can be said.
#[derive(Debug, Default)]
struct Model {
    peers: BTreeMap<u16, (u64, BTreeMap<String, i64>)>,
}

impl Model {
    fn expire(&mut self, now: u64) {
        self.peers.retain(|_, (last, _)| now < *last + 180);
    }

    fn register(&mut self, now: u64, port: u16, files: &[(&str, i64)]) {
        self.expire(now);
        self.peers.insert(port, (now, BTreeMap::new()));
        for (name, mtime) in files {
            let newest = self.peers.values().filter_map(|(_, files)| files.get(*name)).max().copied();
            if newest > Some(*mtime) {
                continue;
            }
            if newest != Some(*mtime) {
                for (_, files) in self.peers.values_mut() {
                    files.remove(*name);
                }
            }
            self.peers.get_mut(&port).unwrap().1.insert((*name).into(), *mtime);
        }
    }

    fn newest(&self) -> BTreeMap<String, i64> {
        self.peers.values().flat_map(|(_, files)| files.clone()).collect()
    }
}

proptest! {
    /// Random peers that register, live on and fall silent, against the plain rules.
    #[test]
    fn the_board_does_what_the_plain_rules_say(steps in prop::collection::vec((0u64..100, 1u16..5, 0u8..3, prop::collection::btree_map("[ab]", 0i64..4, 0..3)), 0..40)) {
        let (mut board, mut model, mut now) = (Board::new(), Model::default(), 0);
        for (wait, port, what, of) in steps {
            now += wait;
            let own: Vec<(&str, i64)> = of.iter().map(|(name, mtime)| (name.as_str(), *mtime)).collect();
            model.expire(now);
            if what > 0 {
                let known = board.keepalive(at(now), peer(port), Dialect::Lf) == Known::Yes;
                prop_assert_eq!(known, model.peers.contains_key(&port));
                if let Some((last, _)) = model.peers.get_mut(&port) {
                    *last = now;
                }
            } else {
                board.register(at(now), peer(port), Dialect::Lf, files(&own)).unwrap();
                model.register(now, port, &own);
            }
            let shown = all(&board).into_iter().map(|(name, _, mtime)| (name, mtime.parse().unwrap()));
            prop_assert_eq!(shown.collect::<BTreeMap<String, i64>>(), model.newest());
        }
    }
}
