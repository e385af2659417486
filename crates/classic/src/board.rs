//! The tracker's side: which peer has the newest of each name. Pure; time comes in.
//!
//! Laws, which [`Board::check_invariants`] recounts: of one name there is one time, the newest that was registered by a peer that is
//! there (S2.3); whoever has exactly that is a holder, and the first of them is named. A peer is gone 180 s after its last word
//! (S2.2). What was replaced, or is gone, comes back only when its peer registers it anew: a keepalive registers
//! nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use drizzle_model::Time;

use crate::dialect::Dialect;
use crate::limits::{BRIDGE_PATIENCE, FILES_MAX, FILES_PER_HOST_MAX, LEASE, PEERS_MAX, PEERS_PER_HOST_MAX};
use crate::message::OwnFile;
use crate::name::Name;
use crate::stamp::Stamp;

/// There is no room for a peer, or for its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the board is full")]
pub struct BoardFull;

/// Whether a peer is on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is, for another 180 s.
    Yes,
    /// It never registered, or it is gone.
    No,
}

/// What is shown of a name.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The name.
    pub name: &'a Name,
    /// Who has it.
    pub holder: SocketAddr,
    /// How that peer speaks.
    pub dialect: Dialect,
    /// When it was modified last.
    pub mtime: &'a Stamp,
}

/// Who has the newest of each name.
#[derive(Debug, Default)]
pub struct Board {
    peers: HashMap<SocketAddr, Peer>,
    files: BTreeMap<Name, File>,
    deadlines: BTreeSet<(Time, SocketAddr)>,
    hosts: HashMap<IpAddr, Usage>,
    version: u64,
}

#[derive(Debug)]
struct Peer {
    deadline: Time,
    dialect: Dialect,
    /// What it is a holder of.
    names: BTreeSet<Name>,
}

#[derive(Debug)]
struct File {
    mtime: Stamp,
    /// When it became this file.
    since: Time,
    /// In the order in which they came; never none.
    holders: Vec<SocketAddr>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Usage {
    peers: usize,
    files: usize,
}

impl Board {
    /// A board with nothing on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the peer in, or renews it, with these files and no others. Nothing changes when there is no room.
    pub fn register(
        &mut self,
        now: Time,
        peer: SocketAddr,
        dialect: Dialect,
        files: Vec<OwnFile>,
    ) -> Result<(), BoardFull> {
        self.expire(now);
        self.check_room(peer, files.len())?;
        let newest = newest_of_each(files);
        self.take_in(now, peer, dialect);
        self.release(peer, |name, mtime| newest.get(name) != Some(mtime));
        for (name, mtime) in newest {
            self.add(now, peer, name, mtime);
        }
        Ok(())
    }

    /// Renews the peer, if it is there.
    pub fn keepalive(&mut self, now: Time, peer: SocketAddr, dialect: Dialect) -> Known {
        self.expire(now);
        if !self.peers.contains_key(&peer) {
            return Known::No;
        }
        self.take_in(now, peer, dialect);
        Known::Yes
    }

    /// Lets every peer go that was silent for 180 s; says how many. Any other call does so as well.
    pub fn expire(&mut self, now: Time) -> usize {
        let mut gone = 0;
        while let Some(&(deadline, peer)) = self.deadlines.first()
            && deadline <= now
        {
            self.release(peer, |_, _| true);
            self.deadlines.pop_first();
            self.peers.remove(&peer);
            self.count(peer, |usage| usage.peers -= 1);
            gone += 1;
        }
        gone
    }

    /// What an asker of that dialect sees, in the order of names.
    ///
    /// Of several holders it sees one that it can fetch from. Where there is none it sees the first all the same: what to do with
    /// it is its own affair. But while a peer is there that speaks both dialects, and will have the file in a moment, the file is
    /// held back for a while: a caller that asks in the wrong dialect waits for ever.
    pub fn shown(&self, now: Time, asker: Dialect) -> impl Iterator<Item = Shown<'_>> {
        let has_bridge = self.peers.values().any(|peer| peer.dialect == Dialect::Both);
        self.files.iter().filter_map(move |(name, file)| {
            let holders =
                || file.holders.iter().filter_map(|holder| Some((*holder, self.peers.get(holder)?.dialect)));
            let fitting = holders().find(|(_, dialect)| asker.can_fetch_from(*dialect));
            let waits = has_bridge && now.since(file.since) < BRIDGE_PATIENCE;
            let (holder, dialect) = fitting.or_else(|| holders().next().filter(|_| !waits))?;
            Some(Shown { name, holder, dialect, mtime: &file.mtime })
        })
    }

    /// When [`Board::shown`] may show something else, although nothing was registered and nobody is gone.
    pub fn shows_more_at(&self, now: Time) -> Option<Time> {
        let waiting = self.files.values().map(|file| file.since + BRIDGE_PATIENCE);
        waiting.filter(|end| *end > now).min()
    }

    /// Grows with every change of what is shown.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many peers are there, and how many names.
    pub fn counts(&self) -> (usize, usize) {
        (self.peers.len(), self.files.len())
    }

    fn check_room(&self, peer: SocketAddr, files: usize) -> Result<(), BoardFull> {
        let of_host = self.hosts.get(&peer.ip()).copied().unwrap_or_default();
        let before = self.peers.get(&peer);
        let new_peers = usize::from(before.is_none());
        let freed = before.map_or(0, |peer| peer.names.len());
        let all: usize = self.hosts.values().map(|usage| usage.files).sum();
        let fits = self.peers.len() + new_peers <= PEERS_MAX
            && of_host.peers + new_peers <= PEERS_PER_HOST_MAX
            && of_host.files + files - freed.min(of_host.files) <= FILES_PER_HOST_MAX
            && all + files - freed.min(all) <= FILES_MAX;
        fits.then_some(()).ok_or(BoardFull)
    }

    fn take_in(&mut self, now: Time, address: SocketAddr, dialect: Dialect) {
        let deadline = now + LEASE;
        match self.peers.get_mut(&address) {
            Some(peer) => {
                self.deadlines.remove(&(peer.deadline, address));
                peer.deadline = deadline;
                if peer.dialect != dialect {
                    peer.dialect = dialect;
                    self.version += 1;
                }
            }
            None => {
                self.peers.insert(address, Peer { deadline, dialect, names: BTreeSet::new() });
                self.count(address, |usage| usage.peers += 1);
                self.version += 1;
            }
        }
        self.deadlines.insert((deadline, address));
    }

    fn add(&mut self, now: Time, address: SocketAddr, name: Name, mtime: Stamp) {
        let entry = self.files.get(&name).map(|file| file.mtime.cmp(&mtime));
        match entry {
            Some(std::cmp::Ordering::Greater) => return,
            Some(std::cmp::Ordering::Equal) => {}
            Some(std::cmp::Ordering::Less) | None => {
                self.forget(&name);
                self.files.insert(name.clone(), File { mtime, since: now, holders: Vec::new() });
            }
        }
        let (Some(file), Some(peer)) = (self.files.get_mut(&name), self.peers.get_mut(&address)) else {
            return;
        };
        if peer.names.insert(name) {
            file.holders.push(address);
            self.count(address, |usage| usage.files += 1);
            self.version += 1;
        }
    }

    /// Takes the name from all who hold it.
    fn forget(&mut self, name: &Name) {
        let Some(file) = self.files.remove(name) else { return };
        for holder in file.holders {
            if let Some(peer) = self.peers.get_mut(&holder) {
                peer.names.remove(name);
            }
            self.count(holder, |usage| usage.files -= 1);
        }
        self.version += 1;
    }

    /// Takes from the peer what `is_meant`.
    fn release(&mut self, address: SocketAddr, is_meant: impl Fn(&Name, &Stamp) -> bool) {
        let Some(peer) = self.peers.get_mut(&address) else { return };
        let files = &mut self.files;
        let mut released = 0;
        peer.names.retain(|name| {
            let Some(file) = files.get_mut(name).filter(|file| is_meant(name, &file.mtime)) else {
                return true;
            };
            file.holders.retain(|holder| *holder != address);
            if file.holders.is_empty() {
                files.remove(name);
            }
            released += 1;
            false
        });
        self.count(address, |usage| usage.files -= released);
        self.version += u64::from(released > 0);
    }

    fn count(&mut self, address: SocketAddr, change: impl FnOnce(&mut Usage)) {
        let usage = self.hosts.entry(address.ip()).or_default();
        change(usage);
        if *usage == Usage::default() {
            self.hosts.remove(&address.ip());
        }
    }

    /// Recounts everything.
    ///
    /// # Panics
    /// When a law does not hold.
    pub fn check_invariants(&self) {
        let mut hosts: HashMap<IpAddr, Usage> = HashMap::new();
        for (address, peer) in &self.peers {
            let usage = hosts.entry(address.ip()).or_default();
            usage.peers += 1;
            usage.files += peer.names.len();
            assert!(self.deadlines.contains(&(peer.deadline, *address)), "the deadline of {address}");
            for name in &peer.names {
                assert!(self.files[name].holders.contains(address), "{address} holds {name:?}");
            }
        }
        assert_eq!(hosts, self.hosts, "what each host uses");
        assert_eq!(self.deadlines.len(), self.peers.len(), "one deadline for each peer");
        for (name, file) in &self.files {
            assert!(!file.holders.is_empty(), "{name:?} has a holder");
            assert!(
                file.holders.iter().all(|holder| self.peers[holder].names.contains(name)),
                "holders of {name:?}"
            );
        }
    }
}

fn newest_of_each(files: Vec<OwnFile>) -> BTreeMap<Name, Stamp> {
    let mut newest: BTreeMap<Name, Stamp> = BTreeMap::new();
    for OwnFile { name, mtime } in files {
        let known = newest.get(&name);
        if known.is_none_or(|known| mtime.is_newer_than(known)) {
            newest.insert(name, mtime);
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

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
        board
            .register(at(0), peer(1), Dialect::Lf, files(&[("a", 5), ("c", 1), ("c", 3), ("c", 2)]))
            .unwrap();
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
}
