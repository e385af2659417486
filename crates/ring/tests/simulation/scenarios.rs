//! What a user of a small ring sees: joins, refusals, stores, requests, quits. Every host checks its invariants after
//! every event.

use std::time::Duration;

use drizzle_model::{ContentHash, PeerId};
use drizzle_ring::{
    Ask, Config, Contact, Content, Input, JoinError, Key, Lease, Message, Offered, OperationError, Output,
    Position, Record, RecordError, RecordId, Refusal, Space,
};
use drizzle_sim::HostId;

use crate::net::Net;
use crate::peer::host_of;
use crate::seed;
use crate::stand_ins::{blob_record, signed};

const SECOND: Duration = Duration::from_secs(1);

/// Eight bits, two replicas shown of three, and pings each second.
fn small(me: Contact, seed: u64) -> Config {
    let mut config = Config::new(me, seed);
    config.space = Space::new(8).unwrap();
    config.ping = SECOND;
    config.compare = 5 * SECOND;
    config.reunite = 5 * SECOND;
    config
}

fn number(position: Position) -> u8 {
    position.to_bytes()[31]
}

/// A ring of these numbers, which know each other.
fn ring_of(numbers: &[u8]) -> (Net, Vec<HostId>) {
    let mut net = Net::new(seed(), small).calm_and_checked();
    let hosts: Vec<HostId> = numbers.iter().map(|&id| net.add_numbered(id)).collect();
    let all: Vec<Contact> = hosts.iter().map(|&id| net.contact(id)).collect();
    for &id in &hosts {
        net.input(id, Input::Form { others: all.clone() });
    }
    net.run(3 * SECOND);
    (net, hosts)
}

fn neighbours(net: &Net, id: HostId) -> (Vec<u8>, Vec<u8>) {
    let ring = &net.world.host(id).ring;
    let numbers = |list: &[Contact]| list.iter().take(2).map(|one| number(one.position)).collect();
    (numbers(&ring.predecessors()), numbers(ring.successors()))
}

fn store(net: &mut Net, by: HostId, name: u64) -> (Record, Output) {
    let blob = ContentHash::from_bytes([name as u8; 32]);
    net.world.with(by, |peer, _, _| _ = peer.blobs.insert(blob));
    let record = blob_record(Key::from_number(name), net.contact(by).peer, blob, 1000);
    let operation = net.start(by, |operation| Input::Store { operation, record: record.clone() });
    net.run(5 * SECOND);
    (record, net.outcome(by, operation).cloned().unwrap())
}

fn request(net: &mut Net, by: HostId, name: u64) -> Output {
    let key = Key::from_number(name);
    let operation = net.start(by, |operation| Input::Request { operation, key });
    net.run(5 * SECOND);
    net.outcome(by, operation).cloned().unwrap()
}

fn holders(net: &Net, record: &Record) -> Vec<u8> {
    let members = net.members().into_iter();
    let holds = |id: &HostId| net.world.host(*id).ring.records().any(|held| held == record);
    members.filter(|(_, id)| holds(id)).map(|(position, _)| number(position)).collect()
}

/// S3.1 to S3.6 in one ring: it fails if any of join, placing, routing, quitting or repair does.
#[test]
fn the_ring_of_eight_bits() {
    let (mut net, hosts) = ring_of(&[2, 4, 5, 8, 9, 14, 19]);
    assert_eq!(neighbours(&net, hosts[3]), (vec![5, 4], vec![9, 14]));

    let fifteen = net.add_numbered(15);
    net.join(fifteen, hosts[1]);
    net.run(3 * SECOND);
    assert_eq!(neighbours(&net, fifteen), (vec![14, 9], vec![19, 2]));
    assert_eq!(neighbours(&net, hosts[5]).1, vec![15, 19]);

    // The key of 2012 is 220, whose closest successor is 2; the two after it keep copies.
    let (record, stored) = store(&mut net, hosts[4], 2012);
    let Output::Stored { at, .. } = stored else { panic!("{stored:?}") };
    assert_eq!(at.iter().map(|one| number(one.position)).collect::<Vec<_>>(), [2, 4, 5]);
    assert_eq!(holders(&net, &record), [2, 4, 5]);
    for by in [hosts[3], hosts[5], fifteen] {
        let received = request(&mut net, by, 2012);
        let Output::Received { from, records, operation } = received else { panic!("{received:?}") };
        assert_eq!((number(from.position), records.len(), records[0].has_blob), (2, 1, true));
        let hops = &net.world.host(by).hops;
        assert!(
            hops.iter().any(|(of, _, to)| *of == operation && *to == from),
            "the route leads to the owner"
        );
    }

    net.input(hosts[4], Input::Quit);
    net.run(SECOND);
    assert_eq!(neighbours(&net, hosts[3]).1, vec![14, 15], "told, not found out by a missed ping");
    net.world.crash(hosts[2]);
    net.run(10 * SECOND);
    assert_eq!(neighbours(&net, hosts[1]).1, vec![8, 14]);
    assert_eq!(holders(&net, &record), [2, 4, 8], "three copies again");
    assert!(matches!(request(&mut net, hosts[6], 2012), Output::Received { .. }));
}

/// S3.1: would fail if two could stand at one place, or if the refused one waited for ever.
#[test]
fn a_join_with_an_id_already_taken_is_refused() {
    let (mut net, hosts) = ring_of(&[2, 4, 5, 8, 9, 14, 19]);
    let twin = net.add_numbered(14);
    net.join(twin, hosts[0]);
    net.run(5 * SECOND);
    let events = &net.world.host(twin).events;
    let [Output::JoinFailed(JoinError::Taken(holder))] = events[..] else { panic!("{events:?}") };
    assert_eq!(host_of(holder), hosts[5]);
    assert_eq!(neighbours(&net, hosts[4]).1, vec![14, 19]);
}

/// Two come to one place at once: the ring keeps one of them.
#[test]
fn of_two_joining_at_one_place_one_stays() {
    let (mut net, hosts) = ring_of(&[2, 60, 120, 180]);
    let twins = [net.add_numbered(77), net.add_numbered(77)];
    twins.iter().for_each(|&twin| net.join(twin, hosts[0]));
    net.run(20 * SECOND);
    let staying = twins.iter().filter(|&&twin| net.world.host(twin).ring.is_member()).count();
    assert_eq!(staying, 1);
    assert_eq!(net.wrong(), (0, 0, 0));
}

/// S3.7: each of these must be an answer, not a wait.
#[test]
fn what_nobody_has_and_what_the_asker_has() {
    let (mut net, hosts) = ring_of(&[10, 100, 200, 250]);
    let nobody = request(&mut net, hosts[0], 42);
    assert!(matches!(nobody, Output::Failed { error: OperationError::NotFound, .. }), "{nobody:?}");
    store(&mut net, hosts[0], 42);
    let own = request(&mut net, hosts[1], 42);
    assert!(matches!(own, Output::Received { from, .. } if host_of(from) == hosts[1]), "{own:?}");
    let outsider = net.add_numbered(77);
    let early = request(&mut net, outsider, 42);
    assert!(matches!(early, Output::Failed { error: OperationError::NotMember, .. }), "{early:?}");
}

/// Nobody there, or one that is in no ring itself: the one who joins hears so.
#[test]
fn a_join_through_nobody_ends() {
    let (mut net, hosts) = ring_of(&[1]);
    let outsiders = [net.add_numbered(7), net.add_numbered(9)];
    net.world.crash(hosts[0]);
    net.join(outsiders[0], hosts[0]);
    net.join(outsiders[1], outsiders[0]);
    net.run(40 * SECOND);
    for outsider in outsiders {
        let events = &net.world.host(outsider).events;
        assert!(matches!(events[..], [Output::JoinFailed(JoinError::NoAnswer(_))]), "{events:?}");
    }
}

/// A ring begins with one. Would fail if the rules only worked from r+1 members on.
#[test]
fn a_ring_grows_from_one_node_by_joins_at_the_same_time() {
    let (mut net, hosts) = ring_of(&[128]);
    let joiners: Vec<HostId> = (0..24).map(|i| net.add_numbered(i * 10)).collect();
    joiners.iter().for_each(|&joiner| net.join(joiner, hosts[0]));
    // A list of sixteen learns of one more node in each period; some periods go by busy.
    net.run(10 * SECOND);
    assert_eq!(net.run_until_right(90 * SECOND), (0, 0, 0));
    assert_eq!(net.members().len(), 25);
}

/// A peer that comes back under its own id before it was missed gets its place again.
#[test]
fn a_node_restarts_at_its_place() {
    let (mut net, hosts) = ring_of(&[10, 60, 110, 160, 210]);
    let contact = net.contact(hosts[2]);
    net.world.crash(hosts[2]);
    net.restart_as(hosts[2], contact);
    net.join(hosts[2], hosts[0]);
    net.run(5 * SECOND);
    assert_eq!(net.members().len(), 5);
    assert_eq!(net.wrong(), (0, 0, 0));
}

/// One whose disk is the only place of what it keeps hands it over before it goes.
#[test]
fn a_quit_loses_nothing_even_without_replicas() {
    fn single(me: Contact, seed: u64) -> Config {
        let mut config = small(me, seed);
        config.replicas = 1;
        config
    }
    let (mut net, _) = ring_of(&[]);
    net.settings = single;
    let hosts: Vec<HostId> = [50, 100, 150].map(|id| net.add_numbered(id)).to_vec();
    let all: Vec<Contact> = hosts.iter().map(|&id| net.contact(id)).collect();
    hosts.iter().for_each(|&id| net.input(id, Input::Form { others: all.clone() }));
    net.run(3 * SECOND);
    let (record, _) = store(&mut net, hosts[0], 70);
    assert_eq!(holders(&net, &record), [100]);
    net.input(hosts[1], Input::Quit);
    net.run(5 * SECOND);
    assert!(matches!(net.world.host(hosts[1]).events.last(), Some(Output::Left)));
    let received = request(&mut net, hosts[0], 70);
    assert!(matches!(&received, Output::Received { records, .. } if records[0].has_blob), "{received:?}");
}

fn provider(publisher: u8, version: u64, until: u64) -> Content {
    Content {
        id: RecordId {
            key: Key::from_number(7),
            publisher: PeerId::from_bytes([publisher; 32]),
            subject: ContentHash::from_bytes([0; 32]),
        },
        version,
        lease: Lease::Until(until),
        rank: i64::from(publisher),
        blob_bytes: None,
        withdrawn: false,
        value: vec![publisher],
    }
}

/// Publishes, and says whether it was refused, and why.
fn publish(net: &mut Net, by: HostId, content: Content) -> Option<Refusal> {
    let record = signed(content);
    let operation = net.start(by, |operation| Input::Store { operation, record });
    net.run(3 * SECOND);
    match net.outcome(by, operation).unwrap() {
        Output::Stored { .. } => None,
        Output::Failed { error: OperationError::Refused(refusal), .. } => Some(*refusal),
        other => panic!("{other:?}"),
    }
}

/// Many publishers under one key, newer over older, until their leases end.
#[test]
fn provider_records_have_versions_ranks_and_leases() {
    let (mut net, hosts) = ring_of(&[10, 60, 110, 160, 210]);
    for publisher in 1..=5 {
        assert_eq!(publish(&mut net, hosts[1], provider(publisher, 2, 100)), None);
    }
    assert_eq!(publish(&mut net, hosts[1], provider(3, 1, 100)), Some(Refusal::Stale { whole: true }));
    assert_eq!(publish(&mut net, hosts[1], provider(6, 1, 1)), Some(Refusal::Ended));
    assert_eq!(publish(&mut net, hosts[1], provider(6, 1, 1 << 30)), Some(Refusal::LongLease));
    assert_eq!(publish(&mut net, hosts[1], Content { withdrawn: true, ..provider(4, 3, 100) }), None);
    let found = request(&mut net, hosts[4], 7);
    let Output::Received { records, .. } = found else { panic!("{found:?}") };
    let publishers: Vec<u8> = records.iter().map(|offer| offer.record.content().value[0]).collect();
    assert_eq!(publishers, [5, 3, 2, 1], "the greatest rank first, and without the one that was withdrawn");
    net.run(100 * SECOND);
    let gone = request(&mut net, hosts[4], 7);
    assert!(matches!(gone, Output::Failed { error: OperationError::NotFound, .. }), "{gone:?}");
    assert!(hosts.iter().all(|&id| net.world.host(id).ring.record_count() == 0));
}

/// A record cannot be made with another's name on it, nor with a value that fills the peers that keep it.
#[test]
fn what_is_forged_or_too_large_is_no_record() {
    let refuse = |_: &PeerId, _: &[u8], _: &[u8; 64]| false;
    assert_eq!(Record::checked(provider(1, 1, 9), [0; 64], refuse), Err(RecordError::Forged));
    let accept = |_: &PeerId, _: &[u8], _: &[u8; 64]| true;
    let large = Content { value: vec![0; 1025], ..provider(1, 1, 9) };
    assert_eq!(Record::checked(large, [0; 64], accept), Err(RecordError::Value { received: 1025 }));
    let endless = Content { lease: Lease::Forever, ..provider(1, 1, 9) };
    assert_eq!(Record::checked(endless, [0; 64], accept), Err(RecordError::Lease));
}

/// A stranger that sends all it can must not fill a peer: per key, per publisher and in all.
#[test]
fn quotas_hold_against_a_flood() {
    fn tight(me: Contact, seed: u64) -> Config {
        let mut config = small(me, seed);
        config.quotas.records_per_key_max = 8;
        config.quotas.records_per_publisher_max = 5;
        config.quotas.blob_bytes_per_publisher_max = 10_000;
        config
    }
    let (mut net, _) = ring_of(&[]);
    net.settings = tight;
    let hosts = [net.add_numbered(1), net.add_numbered(9)];
    net.input(hosts[0], Input::Form { others: vec![] });
    let stranger = net.contact(hosts[1]);
    for turn in 0..200u64 {
        let mut content = provider(turn as u8 % 7, 1, 100);
        content.id.key = Key::from_number(turn % 3);
        content.id.subject = ContentHash::from_bytes([turn as u8; 32]);
        content.blob_bytes = (turn % 2 == 0).then_some(4_000);
        let offers = vec![Offered { record: signed(content), has_blob: false }];
        let message = Message::Ask(drizzle_ring::CallId(turn), Ask::Put(offers));
        net.input(hosts[0], Input::Message { from: stranger, message });
    }
    let count = net.world.host(hosts[0]).ring.record_count();
    assert!(count > 8 && count <= 24, "{count}");
    assert_eq!(net.world.host(hosts[0]).ring.check_invariants(), Ok(()));
}

/// Would fail if one publisher could take all the places under a key, so that nobody else is found there.
#[test]
fn no_publisher_fills_a_key_alone() {
    fn tight(me: Contact, seed: u64) -> Config {
        let mut config = small(me, seed);
        config.quotas.records_per_key_max = 8;
        config.quotas.records_per_key_and_publisher_max = 3;
        config
    }
    let (mut net, _) = ring_of(&[]);
    net.settings = tight;
    let host = net.add_numbered(1);
    net.input(host, Input::Form { others: vec![] });
    let mut content = provider(1, 1, 100);
    for subject in 0..10 {
        content.id.subject = ContentHash::from_bytes([subject; 32]);
        assert_eq!(publish(&mut net, host, content.clone()).is_some(), subject >= 3, "{subject}");
    }
    content.id.subject = ContentHash::from_bytes([0; 32]);
    content.version = 2;
    assert_eq!(publish(&mut net, host, content), None, "a newer version takes the place of the older");
    assert_eq!(publish(&mut net, host, provider(2, 1, 100)), None, "there is room for others");
}

/// The disk of a keeper loses a file. Would fail if the ring went on believing that there are three copies.
#[test]
fn a_lost_copy_is_made_again() {
    let (mut net, hosts) = ring_of(&[10, 60, 110, 160, 210]);
    let (record, _) = store(&mut net, hosts[0], 100);
    let blob = record.id().subject;
    for at in [2, 3] {
        net.world.with(hosts[at], |peer, now, actions| {
            assert!(peer.blobs.remove(&blob));
            peer.take(now, Input::BlobLost(blob), actions);
        });
        // Sooner than the others compare.
        net.run(2 * SECOND);
        let copies = hosts[1..].iter().filter(|&&id| net.world.host(id).blobs.contains(&blob)).count();
        assert_eq!((copies, holders(&net, &record)), (3, vec![110, 160, 210]), "lost at {at}");
    }
}
