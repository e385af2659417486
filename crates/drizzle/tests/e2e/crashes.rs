//! A tracker that is killed while peers register, again and again, and never forgets what it has acknowledged.
//!
//! Few rounds run always; more by
//!
//! ```text
//! DRIZZLE_E2E_KILLS=200 cargo test --release -p drizzle --test e2e -- --nocapture acknowledged
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use drizzle_model::{ChunkRun, ContentHash, ContentKind, FileKey, Invite, Mtime, PeerId, RelPath};
use drizzle_net::{Dialer, Identity};
use drizzle_tracker::{Claim, Client, ClientError, Have, Registration};
use rustix::process::Signal;
use tokio::runtime::Runtime;

use crate::disks::{SmallDisk, fill, is_root};
use crate::support::home::Home;
use crate::support::port::Port;
use crate::support::swarm::Tracker;
use crate::support::words;

const ROUNDS: usize = 4;
const PEERS: usize = 4;
const PAGE: usize = 1000;

/// What a peer knows of one of its files at the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The tracker was killed before it answered: it may be one or the other.
    Open,
    /// Acknowledged, with so many chunks.
    Held(u32),
    /// Acknowledged to be taken back.
    Withdrawn,
}

/// A peer that registers file after file; of every four, one is told more of, and one is taken back.
struct Peer {
    id: PeerId,
    client: Client,
    files: Mutex<BTreeMap<RelPath, State>>,
    next: AtomicUsize,
}

impl Peer {
    fn new(invite: Invite) -> Self {
        let identity = Identity::ephemeral().unwrap();
        let client = Client::new(invite, identity.id(), Dialer::new(&identity));
        Self { id: identity.id(), client, files: Mutex::default(), next: AtomicUsize::new(0) }
    }

    fn set(&self, key: &FileKey, state: State) {
        self.files.lock().unwrap().insert(key.name.clone(), state);
    }

    /// Goes on until the tracker does not answer any more.
    async fn run(&self, acknowledged: &AtomicUsize) {
        while self.step().await.is_some() {
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// One file; none when it was not acknowledged to its end.
    async fn step(&self) -> Option<()> {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let key = FileKey {
            name: RelPath::new(&format!("{:?}/{number}", self.id)).unwrap(),
            hash: ContentHash::from_bytes([7; 32]),
            size: 4 << 16,
            chunks: 4,
            kind: ContentKind::File,
        };
        let run = |number| vec![ChunkRun { first: number, last: number }];
        let claim = Claim::Runs(run(0));
        self.set(&key, State::Open);
        let file = Registration { key: key.clone(), mtime: Mtime::default(), claim };
        self.client.register(1, &[file]).await.ok()?[0].as_ref().unwrap();
        self.set(&key, State::Held(1));
        if number % 4 == 1 {
            self.set(&key, State::Open);
            self.client.add_chunks(&[(key.clone(), run(2))]).await.ok()?[0].as_ref().unwrap();
            self.set(&key, State::Held(2));
        } else if number % 4 == 2 {
            self.set(&key, State::Open);
            self.client.unregister(std::slice::from_ref(&key)).await.ok()?[0].as_ref().unwrap();
            self.set(&key, State::Withdrawn);
        }
        Some(())
    }

    /// Whether the tracker knows all of it as it was acknowledged.
    async fn check(&self, asker: &Client) {
        let files = self.files.lock().unwrap().clone();
        let mut after = None;
        let mut listed = Vec::new();
        loop {
            let page = asker.files(after.as_ref(), PAGE).await.unwrap();
            listed.extend(page.files.into_iter().map(|file| file.key.name));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for (name, state) in &files {
            let is_listed = listed.binary_search(name).is_ok();
            match state {
                State::Open => {}
                State::Held(_) => assert!(is_listed, "{name} was acknowledged and is gone"),
                State::Withdrawn => assert!(!is_listed, "{name} was taken back and is there"),
            }
        }
        // The newest in detail: those are the ones that a crash could hit.
        for (name, state) in files.iter().rev().filter(|(_, state)| **state != State::Open).take(20) {
            let located = asker.locate_name(name).await.unwrap();
            assert_eq!(located[0].registrar, self.id);
            let chunks = located[0].holders.first().map(|holder| match &holder.have {
                Have::All => 4,
                Have::Part(chunks) => chunks.count(),
            });
            let expected = if let State::Held(chunks) = state { Some(*chunks) } else { None };
            assert_eq!(chunks, expected, "{name}");
        }
    }
}

/// A number below `below` that is another one each time.
fn random(below: u64) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(()) % below
}

/// B4: kill -9 at random moments while four peers register, tell of chunks and take back. Would fail if anything was acknowledged
/// before it was on the disk, or if the database could not be opened after that.
#[test]
fn what_was_acknowledged_survives_every_kill() {
    let rounds = std::env::var("DRIZZLE_E2E_KILLS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let mut tracker = Tracker::start();
    let peers: Arc<Vec<Peer>> = Arc::new((0..PEERS).map(|_| Peer::new(tracker.invite())).collect());
    let mut all = 0;
    for round in 0..rounds {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let running: Vec<_> = (0..PEERS)
            .map(|number| {
                let (peers, acknowledged) = (Arc::clone(&peers), Arc::clone(&acknowledged));
                runtime.spawn(async move { peers[number].run(&acknowledged).await })
            })
            .collect();
        // A number of acknowledgements is the event to wait for; where within the next one the kill hits is up to chance.
        let enough = random(150) as usize;
        let is_over = || running.iter().all(tokio::task::JoinHandle::is_finished);
        while acknowledged.load(Ordering::SeqCst) < enough && !is_over() {
            std::thread::yield_now();
        }
        for _ in 0..random(1 << 20) {
            std::hint::spin_loop();
        }
        tracker.process.signal(Signal::KILL);
        let Tracker { home, port, process, .. } = tracker;
        drop(process);
        runtime.block_on(async {
            for peer in running {
                peer.await.unwrap();
            }
        });
        all += acknowledged.load(Ordering::SeqCst);
        tracker = Tracker::start_at(home, port, words![]);
        let asker = Peer::new(tracker.invite());
        runtime.block_on(async {
            for peer in peers.iter() {
                peer.check(&asker.client).await;
                // Nobody has to register again.
                peer.client.renew(Some(1)).await.unwrap();
            }
            asker.client.leave().await.unwrap();
        });
        if rounds > ROUNDS {
            eprintln!("round {round}: {all} files acknowledged so far, none lost");
        }
    }
}

/// B4: a disk that becomes full under a tracker. Peers are told that it is the tracker's disk, and nothing is acknowledged; with room
/// again all goes on, and what was acknowledged before and after survives a kill. On a disk without room no tracker starts.
#[test]
fn a_tracker_whose_disk_is_full_acknowledges_nothing() {
    if !is_root("mount a small disk") {
        return;
    }
    let home = Home::new();
    let Some(disk) = SmallDisk::mount(home.join("data"), "8m") else { return };
    let runtime = Runtime::new().unwrap();
    let tracker = Tracker::start_at(home, Port::hold(), words![]);
    let (filler, peer) = (tracker.home.join("data/filler"), Peer::new(tracker.invite()));
    let step = || runtime.block_on(peer.step());
    (0..10).for_each(|_| step().unwrap());
    fill(&filler);
    while step().is_some() {}
    let lost = runtime.block_on(peer.client.register(1, &[])).unwrap_err();
    assert!(matches!(&lost, ClientError::Busy { reason } if reason.contains("disk")), "{lost}");
    std::fs::remove_file(&filler).unwrap();
    while step().is_none() {}

    let Tracker { home, port, process, .. } = tracker;
    process.end_by(Signal::KILL);
    let tracker = Tracker::start_at(home, port, words![]);
    runtime.block_on(peer.check(&Peer::new(tracker.invite()).client));
    tracker.process.end_by(Signal::TERM).assert_code(0);
    std::fs::remove_file(tracker.home.join("data/catalogue.redb")).unwrap();
    fill(&filler);
    let full = tracker.home.run(words!["tracker", "127.0.0.1", "0", "--data", tracker.home.join("data")]);
    full.assert_error(6, "disk", "catalogue.redb");
    drop(disk);
}

/// A catalogue that is damaged, and one that another tracker has open, are told with what to do (exit 6).
#[test]
fn a_catalogue_that_cannot_be_used_is_told() {
    let Tracker { home, process, .. } = Tracker::start();
    let again = words!["tracker", "127.0.0.1", "0", "--data", home.join("data")];
    let other = Home::new();
    other.run(again.clone()).assert_error(6, "disk", "in use");
    process.end_by(Signal::TERM).assert_code(0);
    let path = home.join("data/catalogue.redb");
    std::fs::write(&path, [0x5a; 8192]).unwrap();
    other.run(again).assert_error(6, "disk", "catalogue.redb");
}
