//! A tracker that dies, a network that is cut, a peer that is killed: in the middle of a transfer.

use std::thread;
use std::time::{Duration, Instant};

use xtask::lab::Peer;

use crate::ground::{FINISHED_WITHIN, Ground, even, fetched, wait_for_all, wait_for_chunks};

/// How long the network is away.
const CUT: Duration = Duration::from_secs(20);
/// How long after that a download may stand still. TCP doubles its wait each time nothing is answered: after twenty
/// seconds it may look again only after another twenty-five.
const GOES_ON_WITHIN: Duration = Duration::from_secs(40);

/// B4. Would fail if a transfer needed anything of the tracker once the peers know each other.
#[test]
fn a_tracker_that_is_killed_in_the_middle_is_not_missed() {
    let Some(ground) = Ground::new(&even(40, 5)) else { return };
    let (tracker, invite) = ground.seat(0).tracker().unwrap();
    let corpus = ground.file(1, 12);
    let (_seed, shared) = ground.seat(1).share(&corpus.path(), &["--tracker", &invite]).unwrap();
    let mut peers: Vec<Peer> =
        (2..5).map(|host| ground.seat(host).get(&shared.link, &["--seed"]).unwrap()).collect();
    peers.iter_mut().for_each(|peer| wait_for_chunks(peer, shared.chunks / 8));
    tracker.crash();
    let killed = Instant::now();
    let done = wait_for_all(&mut peers, |_, _| {});
    assert!(done.iter().all(|done| done.at > killed), "one had everything before the tracker was killed");
    (2..5).for_each(|host| ground.assert_arrived(host, &corpus));
}

/// The connections break without a word, or not at all. Would fail if the download gave up, hung, or began again.
#[test]
fn a_network_that_is_cut_for_twenty_seconds_only_costs_time() {
    let Some(ground) = Ground::new(&even(20, 3)) else { return };
    let corpus = ground.file(0, 16);
    let (_seed, shared) = ground.seat(0).share(&corpus.path(), &[]).unwrap();
    let mut peer = ground.seat(1).get(&shared.link, &[]).unwrap();
    wait_for_chunks(&mut peer, shared.chunks / 4);
    let host = &ground.lab().hosts()[1];
    host.cut().unwrap();
    thread::sleep(CUT);
    host.mend().unwrap();
    let mended = Instant::now();
    let goes_on =
        |event: &xtask::lab::Event| (event.is("chunk") && event.at > mended).then(|| event.at - mended);
    let still = peer.wait_for("go on", FINISHED_WITHIN, goes_on).unwrap();
    let done = peer.wait_until_done(FINISHED_WITHIN, |_| {}).unwrap();
    println!("went on {still:.2?} after the network was back, done {:.2?} after it", done.at - mended);
    assert!(still < GOES_ON_WITHIN, "it stood still for {still:?} after the network was back");
    assert!(fetched(&done) <= corpus.shape.bytes(), "nothing is fetched twice: {:?}", done["from"]);
    ground.assert_arrived(1, &corpus);
}

/// B2. Would fail if what was on the disk were lost, or fetched again.
#[test]
fn a_peer_that_is_killed_and_started_again_goes_on_from_what_it_has() {
    let Some(ground) = Ground::new(&even(40, 3)) else { return };
    let corpus = ground.file(0, 16);
    let (_seed, shared) = ground.seat(0).share(&corpus.path(), &[]).unwrap();
    let mut other = ground.seat(2).get(&shared.link, &["--seed"]).unwrap();
    let mut killed = ground.seat(1).get(&shared.link, &["--seed"]).unwrap();
    let had = shared.chunks / 2;
    wait_for_chunks(&mut killed, had);
    killed.crash();
    let mut again = ground.seat(1).get(&shared.link, &["--seed"]).unwrap();
    let done = again.wait_until_done(FINISHED_WITHIN, |_| {}).unwrap();
    other.wait_until_done(FINISHED_WITHIN, |_| {}).unwrap();
    let left = corpus.shape.bytes() - corpus.shape.bytes() * had / shared.chunks;
    assert!(
        (1..=left).contains(&fetched(&done)),
        "{} bytes were fetched, {left} were missing",
        fetched(&done)
    );
    [1, 2].into_iter().for_each(|host| ground.assert_arrived(host, &corpus));
}
