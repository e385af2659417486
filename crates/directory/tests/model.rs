//! The directory against a plain model of it: random peers do random things at random times, and after each of them
//! every answer must be the model's, and every law must hold.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use drizzle_directory::{Change, Claim, Directory, Filter, Have, Registration, Target, Version};
use drizzle_model::{
    Bitmap, ChunkIndex, ChunkRun, ContentHash, ContentKind, FileKey, Mtime, PeerId, RelPath, Time,
};
use proptest::prelude::*;

const PEERS: u8 = 5;
const FILES: u8 = 6;
const CHUNKS: u32 = 70;
/// The newest modification time that is taken here.
const MTIME_MAX: Mtime = Mtime::from_seconds(2_000_000_000);

#[derive(Debug, Clone)]
enum Step {
    Join { has_address: bool },
    Renew { port: Option<u16> },
    Leave,
    Register { file: u8, mtime: i64, have: Vec<u32>, is_bits: bool },
    RegisterAll { file: u8, mtime: i64 },
    Unregister { file: u8 },
    AddChunks { file: u8, have: Vec<u32> },
    Report { file: u8, source: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let file = || 0..FILES;
    let have = || prop_oneof![prop::collection::vec(0..CHUNKS, 0..4), Just((0..CHUNKS).collect())];
    prop_oneof![
        2 => any::<bool>().prop_map(|has_address| Step::Join { has_address }),
        2 => prop::option::of(1u16..3).prop_map(|port| Step::Renew { port }),
        1 => Just(Step::Leave),
        4 => (file(), 0i64..4, have(), any::<bool>())
            .prop_map(|(file, mtime, have, is_bits)| Step::Register { file, mtime, have, is_bits }),
        3 => (file(), 0i64..4).prop_map(|(file, mtime)| Step::RegisterAll { file, mtime }),
        2 => file().prop_map(|file| Step::Unregister { file }),
        4 => (file(), have()).prop_map(|(file, have)| Step::AddChunks { file, have }),
        1 => (file(), 0..PEERS).prop_map(|(file, source)| Step::Report { file, source }),
    ]
}

fn peer(byte: u8) -> PeerId {
    PeerId::from_bytes([byte; 32])
}

fn address(peer: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, peer], port))
}

/// Files 0 and 1 differ in content and have one name; 2 and 3 have one content and two names; 4 is empty.
fn file(number: u8) -> FileKey {
    let (name, hash) = match number {
        0 => ("a", 0),
        1 => ("a", 1),
        2 => ("b", 2),
        3 => ("c/d", 2),
        other => ("e", other),
    };
    let chunks = if number == 4 { 0 } else { CHUNKS };
    FileKey {
        name: RelPath::new(name).unwrap(),
        hash: ContentHash::from_bytes([hash; 32]),
        size: u64::from(chunks) << 16,
        chunks,
        kind: ContentKind::File,
    }
}

fn runs(numbers: &[u32], key: &FileKey) -> Vec<ChunkRun> {
    bitmap(numbers, key).runs().collect()
}

fn bitmap(numbers: &[u32], key: &FileKey) -> Bitmap {
    let mut bitmap = Bitmap::empty(key.chunks);
    numbers.iter().for_each(|&n| bitmap.insert_run(ChunkRun { first: n, last: n }));
    bitmap
}

/// A peer of the model: a set of chunk numbers for each file.
#[derive(Debug, Clone)]
struct Member {
    number: u32,
    deadline: Time,
    address: Option<SocketAddr>,
    files: BTreeMap<u8, BTreeSet<u32>>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    members: BTreeMap<u8, Member>,
    mtimes: BTreeMap<u8, i64>,
    registrars: BTreeMap<u8, u8>,
    /// File, source, reporter.
    reports: BTreeSet<(u8, u8, u8)>,
}

impl Model {
    fn expire(&mut self, now: Time) {
        self.members.retain(|_, member| member.deadline > now);
        self.forget();
    }

    /// Reports of what nobody holds are not known any more. Who registered it first is.
    fn forget(&mut self) {
        let members = &self.members;
        let holds = |source: &u8, file: &u8| members.get(source).is_some_and(|m| m.files.contains_key(file));
        self.reports.retain(|(file, source, _)| holds(source, file));
    }

    fn free_number(&self) -> u32 {
        (1..).find(|number| self.members.values().all(|member| member.number != *number)).unwrap()
    }

    fn register(&mut self, of: u8, file: u8, mtime: i64, have: BTreeSet<u32>) {
        self.members.get_mut(&of).unwrap().files.insert(file, have);
        let newest = self.mtimes.entry(file).or_insert(mtime);
        *newest = mtime.max(*newest);
        self.registrars.entry(file).or_insert(of);
    }

    fn is_held(&self, file: u8) -> bool {
        self.members.values().any(|member| member.files.contains_key(&file))
    }

    fn holders(&self, of: u8) -> BTreeMap<PeerId, (SocketAddr, BTreeSet<u32>, usize)> {
        let holding = self.members.iter().filter_map(|(id, member)| {
            let have = member.files.get(&of)?.clone();
            let reports =
                self.reports.iter().filter(|(file, source, _)| (*file, *source) == (of, *id)).count();
            Some((peer(*id), (member.address.unwrap(), have, reports)))
        });
        holding.collect()
    }

    fn sources(&self, of: u8) -> usize {
        let is_empty = file(of).chunks == 0;
        self.holders(of).values().filter(|(_, have, _)| is_empty || !have.is_empty()).count()
    }
}

/// All that can be asked: listings with their counts, and for each hash and name who has what.
type Answers = (Vec<(FileKey, Mtime, usize)>, Vec<BTreeMap<FileKey, Answer>>);
type Answer = (Mtime, PeerId, BTreeMap<PeerId, (SocketAddr, BTreeSet<u32>, usize)>);

fn expected(model: &Model) -> Answers {
    let mut listed: Vec<_> = (0..FILES)
        .filter(|&id| model.sources(id) > 0)
        .map(|id| (file(id), Mtime::new(model.mtimes[&id], 0).unwrap(), model.sources(id)))
        .collect();
    listed.sort();
    let locate = |matches: &dyn Fn(&FileKey) -> bool| {
        let all: Vec<u8> =
            (0..FILES).filter(|&id| model.mtimes.contains_key(&id) && matches(&file(id))).collect();
        let is_any_held = all.iter().any(|&id| model.is_held(id));
        all.into_iter()
            .filter(|&id| model.is_held(id) == is_any_held)
            .map(|id| {
                let mtime = Mtime::new(model.mtimes[&id], 0).unwrap();
                (file(id), (mtime, peer(model.registrars[&id]), model.holders(id)))
            })
            .collect()
    };
    let by_name = (0..FILES).map(|id| locate(&|key| key.name == file(id).name));
    let by_hash = (0..FILES).map(|id| locate(&|key| key.hash == file(id).hash));
    (listed, by_name.chain(by_hash).collect())
}

fn answers(directory: &mut Directory, now: Time) -> Answers {
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = directory.list(now, &Filter::all(), after.as_deref(), 2);
        listed.extend(page.files.iter().map(|file| ((*file.key).clone(), file.mtime, file.peers as usize)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let targets = (0..FILES).map(|id| Target::Name(file(id).name));
    let targets: Vec<_> = targets.chain((0..FILES).map(|id| Target::Hash(file(id).hash))).collect();
    let located = targets.iter().map(|target| locate(directory, now, target)).collect();
    (listed, located)
}

fn locate(directory: &mut Directory, now: Time, target: &Target) -> BTreeMap<FileKey, Answer> {
    let located = directory.locate(now, target, 7);
    assert!(located.is_sorted_by(|one, next| one.mtime >= next.mtime), "the newest comes first");
    let answer = |located: drizzle_directory::Located| {
        assert_eq!(located.holders.len(), located.holders_total as usize);
        let holders = located.holders.into_iter().map(|holder| {
            let have = match holder.have {
                Have::All => (0..located.key.chunks).collect(),
                Have::Part(bitmap) => bitmap.iter().map(ChunkIndex::number).collect(),
            };
            (holder.peer, (holder.address, have, holder.reports))
        });
        ((*located.key).clone(), (located.mtime, located.registrar, holders.collect()))
    };
    located.into_iter().map(answer).collect()
}

fn apply(directory: &mut Directory, model: &mut Model, now: Time, who: u8, step: Step) {
    model.expire(now);
    let known = model.members.contains_key(&who);
    let serving = model.members.get(&who).is_some_and(|member| member.address.is_some());
    match step {
        Step::Join { has_address } => {
            let at = has_address.then(|| address(who, 1));
            let number = directory.join(now, peer(who), at).unwrap().number();
            let free = model.free_number();
            let new = Member { number: free, deadline: now, address: None, files: BTreeMap::new() };
            let member = model.members.entry(who).or_insert(new);
            member.address = at.or(member.address);
            member.deadline = now + Directory::LEASE;
            assert_eq!(number, member.number, "the lowest free number, or the one it has");
        }
        Step::Renew { port } => {
            let at = port.map(|port| address(who, port));
            assert_eq!(directory.renew(now, &peer(who), at).is_ok(), known);
            if let Some(member) = model.members.get_mut(&who) {
                member.address = at.or(member.address);
                member.deadline = now + Directory::LEASE;
            }
        }
        Step::Leave => {
            assert_eq!(directory.leave(now, &peer(who)).is_ok(), known);
            model.members.remove(&who);
        }
        Step::Register { file: id, mtime, have, is_bits } => {
            let key = file(id);
            let have: Vec<u32> = have.into_iter().filter(|&n| n < key.chunks).collect();
            let claim =
                if is_bits { Claim::Bits(bitmap(&have, &key)) } else { Claim::Runs(runs(&have, &key)) };
            let registration = Registration { key, mtime: Mtime::new(mtime, 0).unwrap(), claim };
            let verdicts = directory.register(now, &peer(who), [registration], MTIME_MAX);
            assert_eq!(verdicts.is_ok_and(|verdicts| verdicts == [Ok(())]), serving);
            if serving {
                model.register(who, id, mtime, have.into_iter().collect());
            }
        }
        Step::RegisterAll { file: id, mtime } => {
            let mtime_of = Mtime::new(mtime, 0).unwrap();
            let registration = Registration { key: file(id), mtime: mtime_of, claim: Claim::All };
            assert_eq!(directory.register(now, &peer(who), [registration], MTIME_MAX).is_ok(), serving);
            if serving {
                model.register(who, id, mtime, (0..file(id).chunks).collect());
            }
        }
        Step::Unregister { file: id } => {
            let verdicts = directory.unregister(now, &peer(who), [&file(id)]);
            assert_eq!(verdicts.is_ok(), known);
            let was_there =
                model.members.get_mut(&who).is_some_and(|member| member.files.remove(&id).is_some());
            assert_eq!(verdicts.is_ok_and(|verdicts| verdicts[0].is_ok()), was_there);
        }
        Step::AddChunks { file: id, have } => {
            let key = file(id);
            let have: Vec<u32> = have.into_iter().filter(|&n| n < key.chunks).collect();
            let verdict = directory.add_chunks(now, &peer(who), &key, &runs(&have, &key));
            assert_eq!(verdict.is_ok(), known);
            let of_file = model.members.get_mut(&who).and_then(|member| member.files.get_mut(&id));
            assert_eq!(verdict.is_ok_and(|verdict| verdict.is_ok()), of_file.is_some());
            if let Some(of_file) = of_file {
                of_file.extend(have);
            }
        }
        Step::Report { file: id, source } => {
            let is_held = model.members.get(&source).is_some_and(|member| member.files.contains_key(&id));
            let verdict = directory.report(now, &peer(who), &file(id), &peer(source));
            assert_eq!(verdict.is_ok(), known && is_held);
            if verdict.is_ok() {
                model.reports.insert((id, source, who));
            }
        }
    }
    model.forget();
}

/// Somebody's copy of the listing, which is kept by changes alone.
#[derive(Default)]
struct Copy {
    version: Version,
    files: BTreeMap<FileKey, (Mtime, usize)>,
    peers: BTreeSet<PeerId>,
}

impl Copy {
    /// Takes over what changed, two changes at a time.
    fn follow(&mut self, directory: &mut Directory, now: Time) {
        loop {
            let changes = directory.changes(now, self.version, 2).unwrap();
            assert!(changes.changes.iter().all(|recorded| recorded.version > self.version));
            changes.changes.into_iter().for_each(|recorded| self.take(recorded.change));
            self.version = changes.version;
            if changes.is_all {
                assert_eq!(self.version, directory.version());
                return;
            }
        }
    }

    fn take(&mut self, change: Change) {
        let was_right = match change {
            Change::Added(file) => {
                self.files.insert((*file.key).clone(), (file.mtime, file.peers as usize)).is_none()
            }
            Change::Changed(file) => {
                self.files.insert((*file.key).clone(), (file.mtime, file.peers as usize)).is_some()
            }
            Change::Removed(key) => self.files.remove(&key).is_some(),
            Change::Came { peer, .. } => self.peers.insert(peer),
            Change::Went { peer, .. } => self.peers.remove(&peer),
        };
        assert!(was_right, "what is added was not there, and what changes or is removed was");
    }

    fn listing(&self) -> Vec<(FileKey, Mtime, usize)> {
        self.files.iter().map(|(key, &(mtime, peers))| (key.clone(), mtime, peers)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn answers_are_those_of_the_plain_model(
        steps in prop::collection::vec((0u64..70, 0..PEERS, step()), 1..80)
    ) {
        let (mut directory, mut model) = (Directory::new(), Model::default());
        let mut now = Time::ORIGIN;
        let mut seen: BTreeMap<Version, Answers> = BTreeMap::new();
        let mut copy = Copy::default();
        for (wait_s, who, step) in steps {
            now = now + Duration::from_secs(wait_s);
            apply(&mut directory, &mut model, now, who, step);
            directory.check_invariants();
            let answers = answers(&mut directory, now);
            prop_assert_eq!(&answers, &expected(&model));
            let before = seen.entry(directory.version()).or_insert_with(|| answers.clone());
            prop_assert_eq!(before, &answers, "one version, two answers");
            prop_assert_eq!(directory.stats().peers, model.members.len());
            copy.follow(&mut directory, now);
            let serving: BTreeSet<PeerId> =
                model.members.iter().filter(|(_, m)| m.address.is_some()).map(|(&id, _)| peer(id)).collect();
            prop_assert_eq!(&copy.peers, &serving, "peers that came and went");
            prop_assert_eq!(&copy.listing(), &answers.0, "a listing that follows the changes");
            let next = model.members.values().map(|member| member.deadline).min();
            prop_assert_eq!(directory.next_deadline(), next);
        }
        directory.expire(now + Directory::LEASE);
        prop_assert_eq!(directory.stats(), drizzle_directory::Stats { peers: 0, files: 0, holdings: 0 });
        directory.check_invariants();
    }
}
