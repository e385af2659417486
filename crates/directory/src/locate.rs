//! Who has a content, and exactly which chunks of it (S0.5), the least popular first (S1.7).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::net::SocketAddr;

use drizzle_model::{Bitmap, ContentHash, FileKey, Mtime, PeerId, RelPath, Time};

use crate::directory::Directory;
use crate::files::{File, FileId};
use crate::holdings::Holding;
use crate::past::Origin;
use crate::peers::PeerNumber;
use crate::quota::limits::{LOCATED_CHUNKS_MAX, LOCATED_FILES_MAX, LOCATED_HOLDERS_MAX, LOCATED_SCAN_MAX};
use crate::version::Version;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Every content of that name.
    Name(RelPath),
    /// That content, under whatever names.
    Hash(ContentHash),
}

/// What of a file a peer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Have {
    /// Every chunk.
    All,
    /// These chunks, never all of them.
    Part(Bitmap),
}

/// A peer that holds a file, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its key.
    pub peer: PeerId,
    /// Its number at this time.
    pub number: PeerNumber,
    /// Where it serves, as the directory was told.
    pub address: SocketAddr,
    /// What it has.
    pub have: Have,
    /// How many peers reported that it gave wrong bytes for this file.
    pub reports: usize,
}

/// One file that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Which file.
    pub key: Arc<FileKey>,
    /// The newest modification time that it was registered with.
    pub mtime: Mtime,
    /// Who registered it first.
    pub registrar: PeerId,
    /// Whether it is the first of its name that was registered, of those that are remembered (S4.4). For information: which
    /// content is right, only its hash says.
    pub is_first_of_name: bool,
    /// Its holders, maybe none: those without reports first, then those with something to give, then the least handed out,
    /// then at random.
    pub holders: Vec<Holder>,
    /// How many holders there are in all, when they are more than an answer takes.
    pub holders_total: u32,
}

/// What holders are sorted by.
type Rank = (usize, bool, u32, u64);

struct Candidate<'a> {
    rank: Rank,
    number: PeerNumber,
    holding: &'a Holding,
}

impl Directory {
    /// The files that `target` names, the newest first (S2.3), each with its holders; ties among these are broken by
    /// `seed`, so that askers with different seeds begin with different sources. When nobody holds any of them, those that were
    /// held once are named, without holders.
    pub fn locate(&mut self, now: Time, target: &Target, seed: u64) -> Vec<Located> {
        self.expire(now);
        let mut room = Room { holders: LOCATED_HOLDERS_MAX, chunks: LOCATED_CHUNKS_MAX };
        let files = self.targets(target);
        let mut located: Vec<Located> =
            files.into_iter().filter_map(|file| self.located(now, file, seed, &mut room)).collect();
        if located.iter().any(|file| file.holders_total > 0) {
            located.retain(|file| file.holders_total > 0);
        } else {
            self.add_past(target, &mut located);
        }
        for holder in located.iter().flat_map(|file| &file.holders) {
            if let Some(peer) = self.peers.peer_mut(holder.number) {
                peer.load.hand_out(now);
            }
        }
        located
    }

    fn targets(&self, target: &Target) -> Vec<FileId> {
        let mut files: Vec<(FileId, &File)> = match target {
            Target::Name(name) => self.files.named(name).take(LOCATED_SCAN_MAX).collect(),
            Target::Hash(hash) => self.files.of_hash(*hash).take(LOCATED_SCAN_MAX).collect(),
        };
        files.sort_by_key(|(_, file)| (Reverse(file.mtime), Reverse(file.sources)));
        files.truncate(LOCATED_FILES_MAX);
        files.into_iter().map(|(id, _)| id).collect()
    }

    fn located(&self, now: Time, id: FileId, seed: u64, room: &mut Room) -> Option<Located> {
        let file = self.files.file(id)?;
        // None when all who held it are gone, and the file is about to belong to the past.
        let candidates: Vec<Candidate<'_>> = self.candidates(now, id, seed).collect();
        let holders_total = candidates.len() as u32;
        let candidates = choose(candidates, room.holders);
        let holders: Vec<Holder> = candidates
            .iter()
            .map_while(|candidate| room.take(candidate.holding).then(|| self.holder(candidate)))
            .flatten()
            .collect();
        Some(Located {
            key: Arc::clone(&file.key),
            mtime: file.mtime,
            registrar: file.registrar,
            is_first_of_name: self.first_of_name(&file.key.name) == Some(file.registered),
            holders,
            holders_total,
        })
    }

    /// Adds the files of the past that `target` names.
    fn add_past(&self, target: &Target, located: &mut Vec<Located>) {
        let old = |(key, origin): (&Arc<FileKey>, &Origin)| Located {
            key: Arc::clone(key),
            mtime: origin.mtime,
            registrar: origin.registrar,
            is_first_of_name: self.first_of_name(&key.name) == Some(origin.registered),
            holders: Vec::new(),
            holders_total: 0,
        };
        let room = LOCATED_FILES_MAX.saturating_sub(located.len());
        match target {
            Target::Name(name) => located.extend(self.past.named(name).map(old).take(room)),
            Target::Hash(hash) => located.extend(self.past.of_hash(*hash).map(old).take(room)),
        }
        located.sort_by_key(|file| Reverse(file.mtime));
    }

    /// When the first file of that name was registered, whether or not somebody holds it.
    fn first_of_name(&self, name: &RelPath) -> Option<Version> {
        let held = self.files.named(name).take(LOCATED_SCAN_MAX).map(|(_, file)| file.registered);
        let past = self.past.named(name).take(LOCATED_SCAN_MAX).map(|(_, origin)| origin.registered);
        held.chain(past).min()
    }

    fn candidates(&self, now: Time, file: FileId, seed: u64) -> impl Iterator<Item = Candidate<'_>> {
        self.holdings.of_file(file).filter_map(move |(number, holding)| {
            let load = self.peers.peer(number)?.load.level(now);
            let reports = self.suspicions.count(file, number);
            let rank = (reports, !holding.is_source(), load, mix(seed ^ u64::from(number.number())));
            Some(Candidate { rank, number, holding })
        })
    }

    fn holder(&self, candidate: &Candidate<'_>) -> Option<Holder> {
        let peer = self.peers.peer(candidate.number)?;
        let have = match candidate.holding {
            Holding::All => Have::All,
            Holding::Part(bitmap) => Have::Part(Bitmap::clone(bitmap)),
        };
        let reports = candidate.rank.0;
        Some(Holder { peer: peer.id, number: candidate.number, address: peer.address?, have, reports })
    }
}

/// What still fits into one answer.
struct Room {
    holders: usize,
    chunks: u64,
}

impl Room {
    fn take(&mut self, holding: &Holding) -> bool {
        let fits = self.holders > 0 && self.chunks >= holding.partial_chunks();
        if fits {
            self.holders -= 1;
            self.chunks -= holding.partial_chunks();
        }
        fits
    }
}

/// The best candidates, in order. When there are too many, holders of the whole keep half of the places: among
/// thousands of beginners the few that have the last chunks are the busiest, and must not be the ones left out.
fn choose(mut candidates: Vec<Candidate<'_>>, max: usize) -> Vec<Candidate<'_>> {
    candidates.sort_unstable_by_key(|candidate| candidate.rank);
    if candidates.len() > max {
        let (mut whole, mut parts): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|candidate| *candidate.holding == Holding::All);
        whole.truncate(max - parts.len().min(max / 2));
        parts.truncate(max - whole.len());
        whole.append(&mut parts);
        whole.sort_unstable_by_key(|candidate| candidate.rank);
        candidates = whole;
    }
    candidates
}

/// A permutation of 64-bit numbers without a visible pattern (splitmix64, Steele, Lea, Flood 2014).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
