//! A tracker that is started again knows what it acknowledged, and acknowledges nothing that it would not know (B4, S4.4).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::await_holding_lock, reason = "a gate that a thread of the tracker waits at, and no task")]

mod world;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drizzle_model::{ChunkIndex, ChunkRun, RelPath};
use drizzle_net::{Acceptor, Dialer, Identity};
use drizzle_tracker::{
    Admission, Change, Claim, Client, ClientError, DiskStore, Have, Known, MemoryStore, Network, Server,
    Store, StoreError,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use world::plain::ask;
use world::{HandClock, Tracker, client_of, key, peer_of, registration};

fn name(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

/// A tracker that knows what the store holds.
async fn start_on(store: impl Store, network: Network) -> Tracker {
    Tracker::start_on(network, |network, clock| Server::with_store(network, clock, store).unwrap()).await
}

/// A tracker and a peer that has registered something and told of chunks, taken something back, and one that has left.
struct Before {
    seed: Identity,
    gone: Identity,
}

impl Before {
    async fn play(tracker: &Tracker) -> Self {
        let before = Self { seed: Identity::ephemeral().unwrap(), gone: Identity::ephemeral().unwrap() };
        let (seed, gone) =
            (client_of(&before.seed, tracker.invite()), client_of(&before.gone, tracker.invite()));
        gone.register(9, &[registration("first", 1, Claim::All)]).await.unwrap();
        let some = Claim::Runs(vec![ChunkRun { first: 1, last: 1 }]);
        let files = [
            registration("first", 1, Claim::All),
            registration("part", 4 << 16, some),
            registration("withdrawn", 1, Claim::All),
        ];
        seed.register(7441, &files).await.unwrap();
        let more = (key("part", 4 << 16), vec![ChunkRun { first: 3, last: 3 }]);
        seed.add_chunks(&[more]).await.unwrap();
        seed.unregister(&[key("withdrawn", 1)]).await.unwrap();
        gone.leave().await.unwrap();
        before
    }

    /// Everything is as it was acknowledged, without a word from the peers.
    async fn check(&self, tracker: &Tracker) {
        let asker = tracker.client();
        let listed = asker.files(None, 9).await.unwrap().files;
        let names: Vec<_> = listed.iter().map(|file| (file.key.name.as_str(), file.peers)).collect();
        assert_eq!(names, [("first", 1), ("part", 1)]);
        let first = asker.locate_name(&name("first")).await.unwrap();
        assert_eq!(first[0].registrar, self.gone.id(), "who registered it first");
        assert_eq!(first[0].holders[0].peer, self.seed.id());
        assert_eq!(first[0].holders[0].address.port(), 7441);
        let part = asker.locate_name(&name("part")).await.unwrap();
        let Have::Part(have) = &part[0].holders[0].have else { unreachable!("{part:?}") };
        assert_eq!(have.iter().map(ChunkIndex::number).collect::<Vec<_>>(), [1, 3]);
        let withdrawn = asker.locate_name(&name("withdrawn")).await.unwrap();
        assert_eq!((withdrawn[0].registrar, withdrawn[0].holders.len()), (self.seed.id(), 0));
        let never = asker.locate_name(&name("never")).await;
        assert!(matches!(never, Err(ClientError::NotFound)), "{never:?}");
    }
}

/// The same for both stores, so that neither is only a stand-in for the other.
async fn survives<S: Store>(mut open: impl FnMut() -> S) {
    let tracker = start_on(open(), Network::ephemeral(Admission::Invited).unwrap()).await;
    let before = Before::play(&tracker).await;
    let network = tracker.stop().await;

    let tracker = start_on(open(), network).await;
    before.check(&tracker).await;
    // The lease is a fresh one, and who does not come back within it is gone; who does needs to register nothing.
    let seed = client_of(&before.seed, tracker.invite());
    seed.join().await.unwrap();
    tracker.clock.forward(Duration::from_secs(179));
    seed.renew(Some(7441)).await.unwrap();
    before.check(&tracker).await;
    tracker.clock.forward(Duration::from_secs(180));
    assert!(tracker.client().files(None, 9).await.unwrap().files.is_empty());
    let network = tracker.stop().await;

    // That it is gone was written as well.
    let tracker = start_on(open(), network).await;
    assert!(tracker.client().files(None, 9).await.unwrap().files.is_empty());
    let located = tracker.client().locate_hash(&key("first", 1).hash).await.unwrap();
    assert_eq!((located[0].registrar, located[0].holders.len()), (before.gone.id(), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let memory = MemoryStore::default();
    survives(|| memory.clone()).await;
    let dir = tempfile::tempdir().unwrap();
    survives(|| DiskStore::open(dir.path()).unwrap()).await;
}

/// A tracker that is started again within a second, or with a clock that was set back, gives no version a second meaning. Would fail if whoever
/// follows it were told what changed since a version of its first life as if that were one of the second: he would never hear of
/// what changed between them.
#[tokio::test]
async fn no_version_means_two_things_over_a_restart() {
    let memory = MemoryStore::default();
    let mut network = Network::ephemeral(Admission::Open).unwrap();
    let mut greatest = 0;
    // The clock stands at the same second in each life.
    for life in 0..3 {
        let tracker = start_on(memory.clone(), network).await;
        let since = async |version: u64| {
            let head = format!("GET /v1/changes?since={version} HTTP/1.1\r\nhost: localhost\r\n");
            ask(tracker.address, &head).await
        };
        if life > 0 {
            assert_eq!(since(greatest).await.status, 410, "it is of an earlier life");
        }
        let listed = ask(tracker.address, "GET /v1/files HTTP/1.1\r\nhost: localhost\r\n").await;
        let begins = version_of(&listed.body);
        assert!(begins > greatest, "{begins} after {greatest}");
        let peer = tracker.client();
        peer.register(7441, &[registration("same", life + 1, Claim::All)]).await.unwrap();
        greatest = version_of(&since(begins).await.body);
        assert!(greatest > begins);
        network = tracker.stop().await;
    }
}

fn version_of(json: &str) -> u64 {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    json["version"].as_u64().unwrap()
}

/// Who was killed and started again may have something else by now. Would fail if what it had before stayed for as long as it renews
/// its lease, and over restarts of the tracker.
#[tokio::test]
async fn who_starts_again_has_only_what_it_registers_then() {
    let memory = MemoryStore::default();
    let tracker = start_on(memory.clone(), Network::ephemeral(Admission::Open).unwrap()).await;
    let killed = Identity::ephemeral().unwrap();
    client_of(&killed, tracker.invite()).register(1, &[registration("before", 1, Claim::All)]).await.unwrap();

    let tracker = start_on(memory, tracker.stop().await).await;
    let started = client_of(&killed, tracker.invite());
    started.enter().await.unwrap();
    started.register(1, &[registration("now", 1, Claim::All)]).await.unwrap();
    started.renew(Some(1)).await.unwrap();
    let listed = tracker.client().files(None, 9).await.unwrap().files;
    let names: Vec<_> = listed.iter().map(|file| file.key.name.as_str()).collect();
    assert_eq!(names, ["now"]);
}

/// A store that is slow to read.
struct Slow {
    memory: MemoryStore,
    clock: HandClock,
}

impl Store for Slow {
    fn load(&mut self, tell: &mut dyn FnMut(Known)) -> Result<(), StoreError> {
        let loaded = self.memory.load(tell);
        self.clock.forward(Duration::from_secs(200));
        loaded
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.memory.commit(changes)
    }
}

/// Would fail if leases began while the catalogue is read: those of a large one would all have run out before anybody could renew.
#[tokio::test]
async fn leases_begin_when_all_of_the_catalogue_is_read() {
    let memory = MemoryStore::default();
    let tracker = start_on(memory.clone(), Network::ephemeral(Admission::Open).unwrap()).await;
    tracker.client().register(1, &[registration("a", 1, Claim::All)]).await.unwrap();

    let network = tracker.stop().await;
    let serve = |network, clock: HandClock| {
        let store = Slow { memory, clock: clock.clone() };
        Server::with_store(network, clock, store).unwrap()
    };
    let tracker = Tracker::start_on(network, serve).await;
    assert_eq!(tracker.client().files(None, 9).await.unwrap().files.len(), 1);
}

/// A store that can be told to fail, and that counts its transactions.
#[derive(Clone, Default)]
struct Moody {
    memory: MemoryStore,
    is_failing: Arc<AtomicBool>,
    commits: Arc<AtomicUsize>,
    /// Held by the test while transactions are to take long.
    gate: Arc<Mutex<()>>,
}

impl Store for Moody {
    fn load(&mut self, tell: &mut dyn FnMut(Known)) -> Result<(), StoreError> {
        self.memory.load(tell)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        drop(self.gate.lock());
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.is_failing.load(Ordering::SeqCst) {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(StoreError::Io { action: "write", path: "there".into(), source });
        }
        self.memory.commit(changes)
    }
}

/// Nothing is acknowledged that is not written: neither what came as the disk failed nor what comes afterwards; questions and
/// leases go on, and when there is room again so does everything, what was noted included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_acknowledges_nothing_until_it_works_again() {
    let store = Moody::default();
    let tracker = start_on(store.clone(), Network::ephemeral(Admission::Open).unwrap()).await;
    let client = tracker.client();
    client.register(1, &[registration("a", 1, Claim::All)]).await.unwrap();
    store.is_failing.store(true, Ordering::SeqCst);
    for round in 0..3 {
        let refused = client.register(1, &[registration("b", 1, Claim::All)]).await;
        assert!(
            matches!(&refused, Err(ClientError::Busy { reason }) if reason.contains("disk")),
            "{round}: {refused:?}"
        );
    }
    let chunks = [(key("a", 1), vec![])];
    assert!(matches!(client.add_chunks(&chunks).await, Err(ClientError::Busy { .. })));
    assert!(matches!(client.unregister(&[key("a", 1)]).await, Err(ClientError::Busy { .. })));
    assert!(matches!(client.leave().await, Err(ClientError::Busy { .. })));
    client.renew(Some(1)).await.unwrap();
    assert!(!client.files(None, 9).await.unwrap().files.is_empty());
    // Or whoever says it a thousand times a second would fill the memory with what cannot be written.
    client.renew(Some(2)).await.unwrap();
    let located = client.locate_name(&name("a")).await.unwrap();
    assert_eq!(located[0].holders[0].address.port(), 1, "where a peer is counts as a change");

    store.is_failing.store(false, Ordering::SeqCst);
    while let Err(error) = client.register(1, &[registration("c", 1, Claim::All)]).await {
        assert!(matches!(error, ClientError::Busy { .. }), "{error}");
    }
    let tracker = start_on(store, tracker.stop().await).await;
    let names: Vec<String> = tracker
        .client()
        .files(None, 9)
        .await
        .unwrap()
        .files
        .iter()
        .map(|file| file.key.name.to_string())
        .collect();
    assert!(names.contains(&"a".into()) && names.contains(&"c".into()), "{names:?}");
}

/// A renewal writes nothing, and a hundred peers that register while one transaction is on its way share the next one. Would fail if each
/// of them had a transaction, or a disk's patience, of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_share_a_transaction_and_renewals_need_none() {
    const PEERS: usize = 100;
    let store = Moody::default();
    let tracker = start_on(store.clone(), Network::ephemeral(Admission::Open).unwrap()).await;
    let first = tracker.client();
    first.register(1, &[registration("first", 1, Claim::All)]).await.unwrap();
    let clients: Vec<Client> = (0..PEERS).map(|_| tracker.client()).collect();
    for client in &clients {
        client.join().await.unwrap();
    }
    let before = store.commits.load(Ordering::SeqCst);
    for _ in 0..50 {
        first.renew(Some(1)).await.unwrap();
    }
    assert_eq!(store.commits.load(Ordering::SeqCst), before, "renewals were written");

    let gate = store.gate.lock().unwrap();
    let calls: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, client)| {
            let file = registration(&format!("{number}"), 1, Claim::All);
            tokio::spawn(async move { client.register(1, &[file]).await })
        })
        .collect();
    // All are in the directory, and none is acknowledged.
    while tracker.client().files(None, 1000).await.unwrap().files.len() < PEERS + 1 {
        tokio::task::yield_now().await;
    }
    assert!(calls.iter().all(|call| !call.is_finished()));
    drop(gate);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let commits = store.commits.load(Ordering::SeqCst) - before;
    assert!(commits <= 4, "{commits} transactions");
}

/// B4: of two trackers of one network, with data of their own, a peer is at the first that answers. When that one dies, the
/// next call goes to the other, where the peer registers as it would at any tracker that does not know it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_tracker_of_an_invite_is_tried_when_one_is_down() {
    let network = Network::ephemeral(Admission::Invited).unwrap();
    let loopback = "127.0.0.1:0".parse().unwrap();
    let first = Tracker::start_with(network.clone(), loopback).await;
    let second = Tracker::start_with(network.clone(), loopback).await;
    let invite = network.invite(vec![first.address.into(), second.address.into()]);
    let peer = client_of(&Identity::ephemeral().unwrap(), invite.clone());
    peer.register(7441, &[registration("a", 1, Claim::All)]).await.unwrap();
    assert_eq!(first.client().files(None, 9).await.unwrap().files.len(), 1);
    assert!(second.client().files(None, 9).await.unwrap().files.is_empty());

    first.stop().await;
    let ticket = peer.membership().unwrap().ticket;
    // The other one does not know it. Were it known by this one file alone, it would never tell of the first.
    peer.register(7441, &[registration("b", 1, Claim::All)]).await.unwrap();
    assert!(matches!(peer.renew(Some(7441)).await, Err(ClientError::Lapsed)));
    peer.register(7441, &[registration("a", 1, Claim::All)]).await.unwrap();
    peer.renew(Some(7441)).await.unwrap();
    assert_eq!(
        peer.membership().unwrap().ticket,
        ticket,
        "the ticket is the network's, whichever tracker gave it"
    );
    let located = client_of(&Identity::ephemeral().unwrap(), invite).locate_name(&name("a")).await.unwrap();
    assert_eq!(located[0].holders[0].peer, peer_of(&peer));
}

/// The same when the first tracker does not say goodbye but falls silent, with its connection open. Time is made to pass while its answer is
/// waited for, and only then: what comes over a socket takes its own time.
#[tokio::test]
async fn a_tracker_that_falls_silent_is_left_for_the_next() {
    let network = Network::ephemeral(Admission::Open).unwrap();
    let second = Tracker::start_with(network.clone(), "127.0.0.1:0".parse().unwrap()).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at_silent = silent.local_addr().unwrap();
    let acceptor = Acceptor::new(&Identity::ephemeral().unwrap(), Some(network.key())).unwrap();
    let (accept, accepted) = oneshot::channel();
    // It completes the handshake, and then never answers; whoever calls again is not even accepted.
    let held = tokio::spawn(async move {
        let (tcp, _) = silent.accept().await.unwrap();
        let held = acceptor.accept(tcp).await;
        accept.send(()).unwrap();
        std::future::pending::<()>().await;
        drop((held, silent));
    });
    let identity = Identity::ephemeral().unwrap();
    let invite = network.invite(vec![at_silent.into(), second.address.into()]);
    let client = Client::new(invite, identity.id(), Dialer::new(&identity));
    let joining = tokio::spawn({
        let client = client.clone();
        async move { client.join().await }
    });
    accepted.await.unwrap();
    tokio::time::pause();
    let first_try = joining.await.unwrap();
    tokio::time::resume();
    assert!(matches!(first_try, Err(ClientError::Lost { .. })), "{first_try:?}");
    client.join().await.unwrap();
    held.abort();
}
