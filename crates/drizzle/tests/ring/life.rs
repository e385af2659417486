//! A small ring lives: it forms, keeps a file, and heals when members leave and die.

use std::time::Duration;

use rustix::process::Signal;

use crate::rings::{
    Member, assert_same, eventually, file, numbered, route, settle, small_ring, start_in_vain,
};
use crate::support::home::Home;
use crate::support::process::{Ended, text};
use crate::support::words;

/// S3.1 to S3.7 in one life, as the requirements tell it. Would fail for a ring that does not close, does not notice its
/// dead, loses a file with the peers that keep it, or lets two peers have one place.
#[test]
fn a_ring_forms_keeps_a_file_and_heals() {
    let mut ring = small_ring();
    let ids = [2, 4, 5, 8, 9, 14, 19];
    settle(&ids.iter().copied().zip(&ring).collect::<Vec<_>>());
    assert!(ring[0].process.until("ping")["id"].is_u64());

    let fifteen = Member::numbered(15, Some(&ring[1]));
    let stored = {
        let path = file(&ring[4].home, "2012", 3_000_000);
        let told = ring[4].ask(words!["store", &path]);
        told.assert_code(0);
        let stored = told.all("stored")[0].clone();
        assert_eq!((stored["key"].as_u64(), stored["id"].as_u64()), (Some(220), Some(2)), "{stored}");
        assert_eq!(stored["at"].as_array().unwrap().len(), 3, "{stored}");
        assert_eq!(stored["peer"], ring[0].peer);
        path
    };
    let asked = ring[6].ask(words!["request", "2012", "-o", ring[6].home.out()]);
    asked.assert_code(0);
    assert_eq!(route(&asked), [19, 2]);
    assert_same(&stored, &ring[6].home.out().join("2012"));

    // Who keeps it itself says so, and gives it all the same.
    let own = ring[0].ask(words!["request", "2012", "-o", ring[0].home.out()]);
    own.assert_code(0);
    assert!(own.all("received")[0]["own"].as_bool().unwrap() && own.stderr.contains("this very node"));
    assert_same(&stored, &ring[0].home.out().join("2012"));

    // What nobody stores is not found.
    ring[3].ask(words!["request", "77"]).assert_code(3);

    // 9 leaves, 5 dies; what 5 kept is kept by three again.
    let nine_home = ring.remove(4);
    let copy = Home::new();
    let original = copy.file("original", &std::fs::read(&stored).unwrap());
    nine_home.quit();
    ring.remove(2).kill();
    let left: Vec<(u8, &Member)> =
        vec![(2, &ring[0]), (4, &ring[1]), (8, &ring[2]), (14, &ring[3]), (15, &fifteen), (19, &ring[4])];
    settle(&left);
    eventually("three peers keep the file again", || {
        left.iter().map(|(_, member)| member.files()).sum::<u64>() == 3
    });
    for (id, member) in &left {
        let asked = member.ask(words!["request", "2012", "-o", member.home.join("again")]);
        asked.assert_code(0);
        assert_same(&original, &member.home.join("again").join("2012"));
        assert!(asked.took < Duration::from_secs(20), "{id}");
    }

    let taken = start_in_vain(numbered(14, Some(&ring[0])));
    taken.assert_code(7);
    assert!(taken.stderr.contains("id 14 is taken"), "{}", taken.stderr);

    // A guest stores and requests through any member.
    let guest = Home::new();
    let path = file(&guest, "333", 200_000);
    guest.run(words!["ring", "store", &path, "--join", &ring[3].address]).assert_code(0);
    let asked = guest.run(words!["ring", "request", "333", "--join", &fifteen.address, "-o", guest.out()]);
    asked.assert_code(0);
    assert_same(&path, &guest.out().join("333"));
}

/// S3.3: a member that is asked to end tells its neighbours, hands on what it keeps, and is gone within two seconds.
#[test]
fn a_signal_lets_a_member_leave_cleanly() {
    let first = Member::numbered(10, None);
    let second = Member::numbered(20, Some(&first));
    settle_two(&first, &second);
    let path = file(&second.home, "15", 100_000);
    let bytes = std::fs::read(&path).unwrap();
    second.ask(words!["store", &path]).assert_code(0);
    let ended = second.process.end_by(Signal::TERM);
    ended.assert_code(0);
    assert!(ended.took < Duration::from_secs(4), "{:?}", ended.took);
    let asked = first.ask(words!["request", "15", "-o", first.home.out()]);
    asked.assert_code(0);
    assert!(std::fs::read(first.home.out().join("15")).unwrap() == bytes);
}

fn settle_two(first: &Member, second: &Member) {
    eventually("two know each other", || {
        first.neighbours().1 == [20] && second.neighbours().1 == [10] && first.neighbours().0 == [20]
    });
}

/// A member that was killed comes back with what it kept, even when it is all that is left of the ring. Would fail for a node
/// that takes what an earlier process kept for leftovers.
#[test]
fn what_was_kept_outlives_the_whole_ring() {
    let only = Member::numbered(30, None);
    let path = file(&only.home, "25", 300_000);
    only.ask(words!["store", &path]).assert_code(0);
    eventually("what is kept is written down", || only.has_records());
    // Killed before it can have stored anything anew, it still knows.
    let again = only.restart(numbered(30, None)).restart(numbered(30, None));
    let out = again.home.out();
    eventually("the file is back", || again.ask(words!["request", "25", "-o", &out]).code == Some(0));
    assert_same(&path, &out.join("25"));
}

/// Would fail if what a closed ring keeps were served in another ring on the same state, or lost by it.
#[test]
fn what_one_ring_keeps_is_not_in_another_on_the_same_state() {
    let place = || words!["--bits", "8", "--id", "30"];
    let closed = Member::start(place());
    let path = file(&closed.home, "25", 300_000);
    closed.ask(words!["store", &path]).assert_code(0);
    eventually("what is kept is written down", || closed.has_records());
    let invite = closed.invite.clone();
    let open = closed.restart(numbered(30, None));
    assert!(open.invite != invite, "an open ring has a secret of its own");
    assert_eq!(open.files(), 0);
    let out = open.home.out();
    open.ask(words!["request", "25", "-o", &out]).assert_code(3);
    let closed = open.restart(place());
    let secret = |invite: &str| invite.rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(secret(&closed.invite), secret(&invite));
    eventually("the file is back", || closed.ask(words!["request", "25", "-o", &out]).code == Some(0));
    assert_same(&path, &out.join("25"));
}

/// Would fail if a ring went on counting on a copy that its keeper's disk has lost, or that is damaged.
#[test]
fn a_copy_that_a_disk_lost_is_made_again() {
    let ring = [Member::start(words!["--bits", "8", "--id", "10", "--open"])];
    let [first] = &ring;
    let others = [20, 30].map(|id| Member::numbered(id, Some(first)));
    let members = [first, &others[0], &others[1]];
    settle(&[(10, members[0]), (20, members[1]), (30, members[2])]);
    let path = file(&first.home, "15", 400_000);
    let told = first.ask(words!["store", &path]);
    told.assert_code(0);
    let hash = text(&told.all("stored")[0]["hash"]);
    let kept = members.map(|member| {
        let rings = std::fs::read_dir(member.home.join("state").join("ring")).unwrap();
        let files = rings.map(|ring| ring.unwrap().path().join("files"));
        files.into_iter().find(|files| files.is_dir()).unwrap().join(&hash)
    });
    let copies = || kept.each_ref().map(|path| std::fs::read(path).unwrap_or_default());
    let original = std::fs::read(&path).unwrap();
    let is_whole = || copies().iter().all(|copy| *copy == original);
    eventually("three keep it", is_whole);
    std::fs::remove_file(&kept[1]).unwrap();
    eventually("the copy that is gone is made again", is_whole);
    std::fs::write(&kept[2], b"rubbish").unwrap();
    eventually("the copy that is damaged is made again", is_whole);
}

/// S3: what a peer keeps for others has a bound that it sets, and shows. Would fail if a stranger could fill its disk.
#[test]
fn a_quota_bounds_what_is_kept() {
    let only = Member::start(words!["--bits", "8", "--id", "10", "--quota", "1MB"]);
    let (small, large) = (file(&only.home, "15", 200_000), file(&only.home, "16", 300_000));
    only.ask(words!["store", &small]).assert_code(0);
    let refused = only.ask(words!["store", &large]);
    refused.assert_code(7);
    assert!(refused.stderr.contains("as much as a peer keeps for one publisher"), "{}", refused.stderr);
    let status = only.ask(words!["status"]);
    let keeps = &status.all("neighbours")[0]["keeps"];
    assert_eq!((keeps["bytes"].as_u64(), keeps["quota"].as_u64()), (Some(200_000), Some(1_000_000)));
    start_in_vain(words!["--quota", "much"]).assert_code(2);
}

/// Would fail if a guest could store nothing through a member that keeps nothing for others, though the ring has room.
#[test]
fn a_guest_goes_on_to_a_member_with_room() {
    let none = Member::start(words!["--bits", "8", "--id", "10", "--open", "--quota", "0"]);
    let others = [20, 30].map(|id| Member::numbered(id, Some(&none)));
    settle(&[(10, &none), (20, &others[0]), (30, &others[1])]);
    let guest = Home::new();
    let path = file(&guest, "15", 200_000);
    let stored = guest.run(words!["ring", "store", &path, "--join", &none.address]);
    stored.assert_code(0);
    let at: Vec<u64> = stored.all("stored")[0]["at"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(serde_json::Value::as_u64)
        .collect();
    assert_eq!(at, [20, 30]);
}

/// Makes a member unable to write what it is to keep, as a full disk would, for root too.
fn break_disk(member: &Member) {
    let rings = std::fs::read_dir(member.home.join("state").join("ring")).unwrap();
    let partial =
        rings.map(|entry| entry.unwrap().path().join("partial")).find(|path| path.is_dir()).unwrap();
    std::fs::remove_dir(&partial).unwrap();
    std::fs::write(partial, b"in the way").unwrap();
}

fn kept_at(stored: &Ended) -> Vec<u64> {
    let at = stored.only("stored")["at"].as_array().unwrap();
    at.iter().filter_map(serde_json::Value::as_u64).collect()
}

/// Would fail if a store waited for a disk that takes no more, if a guest were told that it is itself to blame, if nobody could tell
/// whose disk it is, if what is said were said twice, or if a node counted what has not come.
#[test]
fn a_disk_that_takes_no_more_is_told_and_gone_round() {
    let broken = Member::numbered(20, None);
    break_disk(&broken);
    let guest = Home::new();
    let path = file(&guest, "15", 200_000);
    let by_guest = guest.run(words!["ring", "store", &path, "--join", &broken.address]);
    by_guest.assert_error(7, "refused", &format!("{} says: its disk is full", broken.address));
    let message = text(&by_guest.only("error")["message"]);
    assert_eq!(message.matches("does not take it").count(), 1, "{message}");
    let by_member = broken.ask(words!["store", &path]);
    by_member.assert_error(7, "refused", "the disk of peer 20 is full");

    let others = [10, 30].map(|id| Member::numbered(id, Some(&broken)));
    settle(&[(10, &others[0]), (20, &broken), (30, &others[1])]);
    let stored = others[0].ask(words!["store", &path]);
    stored.assert_code(0);
    assert_eq!(kept_at(&stored), [30, 10]);
    let path = file(&guest, "16", 210_000);
    let another = guest.run(words!["ring", "store", &path, "--join", &broken.address]);
    another.assert_code(0);
    assert_eq!(kept_at(&another), [30, 10]);
    assert_eq!((broken.files(), others[0].files()), (0, 2));
    // To wait for one disk takes a minute.
    let took: Duration = [by_guest, by_member, stored, another].iter().map(|ended| ended.took).sum();
    assert!(took < Duration::from_secs(40), "{took:?}");
}

/// Would fail if a neighbour that the one who leaves has never spoken to did not hear it, or if anybody took that one for dead.
#[test]
fn all_neighbours_hear_a_goodbye() {
    let mut others = vec![Member::numbered(10, None)];
    let leaving = Member::numbered(80, Some(&others[0]));
    for id in [20, 30, 40, 50, 60, 70] {
        others.push(Member::numbered(id, Some(&others[0])));
    }
    let mut all: Vec<(u8, &Member)> = (1..).map(|number| number * 10).zip(&others).collect();
    all.push((80, &leaving));
    settle(&all);
    leaving.quit();
    // Those before it, as far as it knows them, and the two behind it.
    for at in [3, 4, 5, 6, 0, 1] {
        others[at].process.until_said("peer 80 left");
    }
    for member in others {
        let ended = member.process.end_by(Signal::TERM);
        // On a busy machine it may have been late with an answer while it was there.
        let afterwards = ended.stderr.rsplit_once("peer 80 left").map_or(&*ended.stderr, |(_, after)| after);
        for wrong in ["peer 80 missed", "peer 80 is gone"] {
            assert!(!afterwards.contains(wrong), "{}", ended.stderr);
        }
    }
}

/// Would fail if the node went on when its owner gave up, or if nobody said what becomes of what was placed.
#[test]
fn a_store_ends_when_its_owner_gives_up() {
    let slow = Member::start(numbered(10, None).into_iter().chain(words!["--limit-up", "20kB"]).collect());
    let other = Member::numbered(20, Some(&slow));
    settle_two(&slow, &other);
    let path = file(&slow.home, "15", 4_000_000);
    let mut storing = slow.home.start(words!["ring", "store", &path]);
    storing.until("hop");
    let ended = storing.end_by(Signal::INT);
    ended.assert_code(130);
    assert!(ended.stderr.contains("that have the file already keep it"), "{}", ended.stderr);
}

/// What is kept is written down again when the disk did not take it. Would fail if a node that was killed later took for leftovers what
/// came while its disk was full.
#[test]
fn what_could_not_be_written_down_is_written_later() {
    let mut member = Member::start(words!["--open"]);
    let mut rings = std::fs::read_dir(member.home.join("state").join("ring")).unwrap();
    let ring = rings.find_map(|entry| Some(entry.unwrap().path()).filter(|path| path.is_dir())).unwrap();
    let in_the_way = ring.join("records.new");
    std::fs::create_dir(&in_the_way).unwrap();
    let path = file(&member.home, "notes", 70_000);
    member.ask(words!["store", &path]).assert_code(0);
    member.process.until_said("cannot write down what is kept");
    assert!(!member.has_records());
    std::fs::remove_dir(&in_the_way).unwrap();
    eventually("it is written down", || member.has_records());
}
