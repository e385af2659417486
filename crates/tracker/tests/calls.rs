//! Every call of the API, over TLS on loopback, from a client to the directory and back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::net::SocketAddr;
use std::time::Duration;

use drizzle_model::{Bitmap, ChunkRun, ContentHash, ContentKind, FileKey, Mtime, RelPath};
use drizzle_net::Identity;
use drizzle_tracker::{Admission, Claim, ClientError, Have, Manner, Registration, Search};
use world::{Tracker, client_of, key, peer_of, registration};

const MIB: u64 = 1 << 20;

fn runs(runs: &[(u32, u32)]) -> Vec<ChunkRun> {
    runs.iter().map(|&(first, last)| ChunkRun { first, last }).collect()
}

#[tokio::test]
async fn joining_gives_a_ticket_that_holds_and_the_lowest_number() {
    let tracker = Tracker::start(Admission::Invited).await;
    for number in [1, 2] {
        let membership = tracker.client().join().await.unwrap();
        assert_eq!(membership.number, number);
        assert_eq!(membership.lease, Duration::from_secs(180));
        let interval = Duration::from_secs(4)..Duration::from_secs(6);
        assert!(interval.contains(&membership.renew_interval), "{membership:?}");
        let (ticket, network) = (membership.ticket, tracker.server.network().id());
        ticket.verify(1_800_000_000, &network, &ticket.peer()).unwrap();
    }
}

/// S0.2, S0.3, S0.5, S1.3: what one peer registers, another finds: listed, searched, located with exact chunks.
#[tokio::test]
async fn what_one_peer_registers_another_finds() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (seed, leech) = (tracker.client(), tracker.client());
    let half = Claim::Runs(runs(&[(0, 3), (9, 9)]));
    let files = [registration("docs/Größe.txt", 10, Claim::All), registration("model.bin", MIB, half)];
    assert_eq!(seed.register(7441, &files).await.unwrap(), [Ok(()), Ok(())]);

    let listing = leech.files(None, 100).await.unwrap();
    let listed: Vec<(&FileKey, Mtime, u32)> =
        listing.files.iter().map(|file| (&file.key, file.mtime, file.peers)).collect();
    assert_eq!(listed, [(&files[0].key, files[0].mtime, 1), (&files[1].key, files[1].mtime, 1)]);
    assert_eq!(listing.next, None);

    let search =
        |pattern: &str, is_folded| Search { pattern: pattern.into(), manner: Manner::Substring, is_folded };
    for (pattern, is_folded, count) in
        [("größe", true, 1), ("größe", false, 0), ("o", false, 2), ("& ?=%", true, 0)]
    {
        let found = leech.search(&search(pattern, is_folded), None, 100).await.unwrap();
        assert_eq!(found.files.len(), count, "{pattern}");
    }

    let located = leech.locate_name(&files[1].key.name).await.unwrap();
    assert_eq!(leech.locate_hash(&files[1].key.hash).await.unwrap(), located);
    let [file] = &located[..] else { unreachable!("one file of that name: {located:?}") };
    assert_eq!((&file.key, file.registrar, file.is_first_of_name), (&files[1].key, peer_of(&seed), true));
    let mut have = Bitmap::empty(16);
    runs(&[(0, 3), (9, 9)]).into_iter().for_each(|run| have.insert_run(run));
    let [holder] = &file.holders[..] else { unreachable!("one holder: {file:?}") };
    assert_eq!((holder.peer, holder.number, holder.reports), (peer_of(&seed), 1, 0));
    assert_eq!((holder.address, &holder.have), ("127.0.0.1:7441".parse().unwrap(), &Have::Part(have)));
}

/// S0.6: chunks are registered as they come, and with the last one the peer has all.
#[tokio::test]
async fn chunks_are_added_until_the_file_is_whole() {
    let tracker = Tracker::start(Admission::Open).await;
    let leech = tracker.client();
    let name = RelPath::new("a").unwrap();
    leech.register(1, &[registration("a", MIB, Claim::Runs(vec![]))]).await.unwrap();
    assert!(leech.files(None, 9).await.unwrap().files.is_empty(), "nobody has a chunk of it yet");
    assert_eq!(leech.locate_name(&name).await.unwrap()[0].holders.len(), 1, "but others may meet it there");
    for range in [(0, 0), (4, 15)] {
        let verdicts = leech.add_chunks(&[(key("a", MIB), runs(&[range]))]).await.unwrap();
        assert_eq!(verdicts, [Ok(())]);
    }
    assert_eq!(leech.files(None, 9).await.unwrap().files.len(), 1);
    leech.add_chunks(&[(key("a", MIB), runs(&[(1, 3)]))]).await.unwrap();
    assert_eq!(leech.locate_name(&name).await.unwrap()[0].holders[0].have, Have::All);
    let wrong = [(key("a", MIB), runs(&[(16, 16)])), (key("b", 1), vec![])];
    let verdicts = leech.add_chunks(&wrong).await.unwrap();
    assert!(verdicts.iter().all(Result::is_err), "beyond the end, not registered: {verdicts:?}");
}

/// S0.3: yes or no for each file, in the order of the request, and why not.
#[tokio::test]
async fn each_file_of_a_batch_has_its_own_verdict() {
    let tracker = Tracker::start(Admission::Open).await;
    let client = tracker.client();
    let wrong = FileKey { chunks: 3, ..key("wrong", 10) };
    let files = [
        registration("a", 10, Claim::All),
        Registration { key: wrong, mtime: Mtime::default(), claim: Claim::All },
        registration("b", 10, Claim::Runs(runs(&[(1, 0)]))),
        registration("c", 10, Claim::All),
    ];
    let verdicts = client.register(1, &files).await.unwrap();
    let is_ok: Vec<bool> = verdicts.iter().map(Result::is_ok).collect();
    assert_eq!(is_ok, [true, false, false, true]);
    assert!(verdicts[1].as_ref().unwrap_err().reason.contains("expected 1 chunks"), "{verdicts:?}");
    let huge = FileKey { chunks: u32::MAX, kind: ContentKind::Folder, ..key("huge", u64::MAX >> 10) };
    let huge = Registration { key: huge, mtime: Mtime::default(), claim: Claim::All };
    let verdicts = client.register(1, &[huge, registration("d", 10, Claim::All)]).await.unwrap();
    assert!(verdicts[0].as_ref().unwrap_err().reason.contains("at most 16777216"), "{verdicts:?}");
    assert_eq!(verdicts[1], Ok(()));
    client.unregister(&[key("d", 10)]).await.unwrap();
    let verdicts = client.unregister(&[key("a", 10), key("a", 11), key("c", 10)]).await.unwrap();
    let is_ok: Vec<bool> = verdicts.iter().map(Result::is_ok).collect();
    assert_eq!(is_ok, [true, false, true]);
    assert!(client.files(None, 9).await.unwrap().files.is_empty());
}

/// S2.3: the newest file of a name comes first, and nobody gets there by a day that is still to come.
#[tokio::test]
async fn a_name_is_not_taken_over_by_a_file_of_the_future() {
    const NOW_S: i64 = 1_800_000_000;
    let tracker = Tracker::start(Admission::Open).await;
    let (owner, thief) = (tracker.client(), tracker.client());
    let file = |size, mtime_s| Registration {
        key: key("a", size),
        mtime: Mtime::from_seconds(mtime_s),
        claim: Claim::All,
    };
    assert_eq!(owner.register(1, &[file(1, NOW_S)]).await.unwrap(), [Ok(())]);
    let stolen = [file(2, i64::MAX), file(3, NOW_S + 301), file(4, NOW_S - 1)];
    let verdicts = thief.register(1, &stolen).await.unwrap();
    for verdict in &verdicts[..2] {
        assert!(verdict.as_ref().unwrap_err().reason.contains("in the future"), "{verdict:?}");
    }
    assert_eq!(verdicts[2], Ok(()));
    let sizes = async || -> Vec<u64> {
        let located = owner.locate_name(&RelPath::new("a").unwrap()).await.unwrap();
        located.iter().map(|file| file.key.size).collect()
    };
    assert_eq!(sizes().await, [1, 4]);
    // A clock that is five minutes ahead is an honest one.
    assert_eq!(thief.register(1, &[file(5, NOW_S + 300)]).await.unwrap(), [Ok(())]);
    tracker.clock.forward(Duration::from_secs(1));
    assert_eq!(owner.register(1, &[file(6, NOW_S + 301)]).await.unwrap(), [Ok(())]);
    assert_eq!(sizes().await, [6, 5, 1, 4]);
}

/// Thousands of files go in many requests, come back in many pages, and none is lost or told twice.
#[tokio::test]
async fn many_files_go_there_in_batches_and_come_back_in_pages() {
    let tracker = Tracker::start(Admission::Open).await;
    let client = tracker.client();
    let files: Vec<_> = (0..3000).map(|n| registration(&format!("{n:05}"), 10, Claim::All)).collect();
    let verdicts = client.register(1, &files).await.unwrap();
    assert!(verdicts.len() == 3000 && verdicts.iter().all(Result::is_ok));
    let (mut names, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let listing = client.files(after.as_ref(), 700).await.unwrap();
        names.extend(listing.files.into_iter().map(|file| file.key.name));
        pages += 1;
        after = listing.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 5);
    assert!(names.iter().eq(files.iter().map(|file| &file.key.name)));
}

/// S0.7: after leaving nothing is left of what the peer held, at once; and what nobody ever registered is "not found", not an
/// empty answer. Who registered a content first is still known (S4.4).
#[tokio::test]
async fn leaving_takes_everything_away_at_once() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (seed, other) = (tracker.client(), tracker.client());
    seed.register(1, &[registration("a", 1, Claim::All)]).await.unwrap();
    assert_eq!(other.files(None, 9).await.unwrap().files.len(), 1);
    seed.leave().await.unwrap();
    assert!(other.files(None, 9).await.unwrap().files.is_empty());
    let located = other.locate_hash(&key("a", 1).hash).await.unwrap();
    assert_eq!((located[0].registrar, &located[0].holders[..]), (peer_of(&seed), &[][..]));
    let nobody = other.locate_hash(&key("b", 1).hash).await;
    assert!(matches!(nobody, Err(ClientError::NotFound)), "{nobody:?}");
    assert!(matches!(seed.renew(Some(1)).await, Err(ClientError::Lapsed)));
    seed.leave().await.unwrap();
}

/// S2.2 over the wire, in moved time: the lease ends at 180 s, and registering is what brings the peer back.
#[tokio::test]
async fn a_lease_that_is_not_renewed_ends() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (peer, asker) = (tracker.client(), tracker.client());
    peer.register(1, &[registration("a", 1, Claim::All)]).await.unwrap();
    for _ in 0..3 {
        tracker.clock.forward(Duration::from_secs(179));
        peer.renew(Some(1)).await.unwrap();
    }
    tracker.clock.forward(Duration::from_secs(179));
    assert_eq!(asker.files(None, 9).await.unwrap().files.len(), 1);
    tracker.clock.forward(Duration::from_secs(1));
    assert!(asker.files(None, 9).await.unwrap().files.is_empty());
    assert!(matches!(peer.renew(Some(1)).await, Err(ClientError::Lapsed)));
    assert!(matches!(peer.add_chunks(&[(key("a", 1), vec![])]).await, Err(ClientError::Lapsed)));
    peer.register(1, &[]).await.unwrap();
    peer.renew(Some(1)).await.unwrap();
}

#[tokio::test]
async fn the_version_tells_whether_anything_changed() {
    let tracker = Tracker::start(Admission::Open).await;
    let client = tracker.client();
    client.register(1, &[registration("a", 1, Claim::All)]).await.unwrap();
    let version = client.renew(Some(1)).await.unwrap().version;
    assert_eq!(client.renew(Some(1)).await.unwrap().version, version);
    assert_eq!(client.files(None, 1).await.unwrap().version, version);
    client.register(1, &[registration("b", 1, Claim::All)]).await.unwrap();
    assert!(client.renew(Some(1)).await.unwrap().version > version);
}

/// S4.4: a report is heard, counted once for each peer, and shown to those who ask.
#[tokio::test]
async fn a_bad_source_is_reported() {
    let tracker = Tracker::start(Admission::Open).await;
    let (bad, good, victim) = (tracker.client(), tracker.client(), tracker.client());
    for client in [&bad, &good] {
        client.register(1, &[registration("a", 1, Claim::All)]).await.unwrap();
    }
    for _ in 0..2 {
        victim.report(&key("a", 1), &peer_of(&bad), "chunk 0 has another hash").await.unwrap();
    }
    let holders = &victim.locate_name(&key("a", 1).name).await.unwrap()[0].holders;
    let seen: Vec<_> = holders.iter().map(|holder| (holder.peer, holder.reports)).collect();
    assert_eq!(seen, [(peer_of(&good), 0), (peer_of(&bad), 1)]);
    let unknown = victim.report(&key("b", 1), &peer_of(&bad), "").await;
    assert!(matches!(unknown, Err(ClientError::NotFound)), "{unknown:?}");
}

/// A peer that moves is found at its new port with the next renewal.
#[tokio::test]
async fn a_renewal_says_where_the_peer_is() {
    let tracker = Tracker::start(Admission::Open).await;
    let client = tracker.client();
    client.register(1, &[registration("a", 1, Claim::All)]).await.unwrap();
    client.renew(Some(2)).await.unwrap();
    let located = client.locate_name(&key("a", 1).name).await.unwrap();
    assert_eq!(located[0].holders[0].address, SocketAddr::from(([127, 0, 0, 1], 2)));
}

/// The peer in the tracker's own process registers without a socket and is found where the tracker is.
#[tokio::test]
async fn the_trackers_own_peer_is_found_at_the_trackers_host() {
    let tracker = Tracker::start(Admission::Invited).await;
    let own = Identity::ephemeral().unwrap();
    let local = tracker.server.local_client(own.id());
    local.register(7441, &[registration("a", 1, Claim::All)]).await.unwrap();
    local.renew(Some(7441)).await.unwrap();
    let located = tracker.client().locate_hash(&key("a", 1).hash).await.unwrap();
    let holder = &located[0].holders[0];
    assert_eq!((holder.peer, holder.address), (own.id(), "127.0.0.1:7441".parse().unwrap()));
    assert_eq!(local.locate_hash(&key("a", 1).hash).await.unwrap()[0].holders[0].address, holder.address);
}

/// Half of a ticket's time is left when the next one comes, so a peer that renews always has one that holds.
#[tokio::test]
async fn tickets_are_renewed_in_time() {
    let tracker = Tracker::start(Admission::Invited).await;
    let client = client_of(&Identity::ephemeral().unwrap(), tracker.invite());
    client.register(1, &[]).await.unwrap();
    let first = client.membership().unwrap().ticket;
    client.renew(Some(1)).await.unwrap();
    assert_eq!(client.membership().unwrap().ticket, first);
    for _ in 0..12 * 60 / 2 {
        tracker.clock.forward(Duration::from_secs(121));
        client.renew(Some(1)).await.unwrap();
    }
    let second = client.membership().unwrap().ticket;
    assert!(second.expires_unix_s() > first.expires_unix_s());
}

#[tokio::test]
async fn names_that_are_hard_to_write_in_a_url_are_located() {
    let tracker = Tracker::start(Admission::Open).await;
    let client = tracker.client();
    for name in ["a b&c=d?e#f%20+g", "…/名前", "\u{1}\n\"\\", &"/ü".repeat(1000)[1..]] {
        client.register(1, &[registration(name, 1, Claim::All)]).await.unwrap();
        let located = client.locate_name(&RelPath::new(name).unwrap()).await.unwrap();
        assert_eq!(located[0].key.name.as_str(), name);
    }
    let nothing = client.locate_hash(&ContentHash::from_bytes([0; 32])).await;
    assert!(matches!(nothing, Err(ClientError::NotFound)));
}

/// Peers that renew in step would all come at one moment for ever, for example after a tracker was away.
#[tokio::test]
async fn peers_renew_at_times_of_their_own() {
    let tracker = Tracker::start(Admission::Open).await;
    let client = tracker.client();
    client.register(1, &[]).await.unwrap();
    let mut intervals = std::collections::BTreeSet::new();
    for _ in 0..30 {
        let interval = client.renew(Some(1)).await.unwrap().renew_interval;
        assert!((Duration::from_secs(4)..Duration::from_secs(6)).contains(&interval), "{interval:?}");
        intervals.insert(interval);
    }
    assert!(intervals.len() > 10, "{intervals:?}");
}
