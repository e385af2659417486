//! When a file counts as kept: what is not here, does not come, or cannot be written is no copy.

use drizzle_ring::{Answer, Ask, CallId, Content, Input, Message, Offered, Output, Put, Record, Refusal};

use crate::one::{BLOB, One, SECOND, contact, print, record};

/// A peer that held a file until others came before it asks the owner whether it may drop it. Would fail, and lose the
/// file, if the owner said so as soon as it, and all replicas, had only the record.
#[test]
fn nothing_is_kept_well_whose_blob_is_not_here() {
    for replicas in [1, 3] {
        let (mut one, holder, record) = (One::new(replicas), contact(120), record(90, 1000, 7));
        let settled = Ask::Settled(vec![print(&record)]);
        let offer = Offered { record, has_blob: true };
        assert_eq!(one.ask(holder, Ask::Put(vec![offer])), Answer::Put(vec![Put::Kept { whole: false }]));
        one.wait(2 * SECOND, Put::Kept { whole: true });
        assert_eq!(one.ask(holder, settled.clone()), Answer::Settled(vec![]), "{replicas} replicas");
        one.take(Input::BlobArrived(BLOB), Put::Kept { whole: true });
        one.ask(holder, Ask::Put(vec![Offered { record: self::record(91, 1, 8), has_blob: true }]));
        one.wait(2 * SECOND, Put::Kept { whole: true });
        assert_ne!(one.ask(holder, settled), Answer::Settled(vec![]), "{replicas} replicas");
    }
}

/// Two records may name one blob, and one of them may lie. Would fail if the size were taken from whichever comes
/// first.
#[test]
fn a_blob_is_fetched_with_the_size_that_its_source_said() {
    let mut one = One::new(1);
    let fetched = |outputs: Vec<Output>| {
        outputs.into_iter().find_map(|output| match output {
            Output::FetchBlob { bytes, from, .. } => Some((bytes, from)),
            _ => None,
        })
    };
    let put = |id, record, has_blob| Message::Ask(CallId(id), Ask::Put(vec![Offered { record, has_blob }]));
    let (liar, honest) = (contact(120), contact(140));
    let whole = Put::Kept { whole: true };
    let told = Input::Message { from: liar, message: put(1, record(80, 9, 1), true) };
    assert_eq!(fetched(one.take(told, whole)), Some((9, liar)));
    let told = Input::Message { from: honest, message: put(2, record(90, 1000, 2), true) };
    assert_eq!(fetched(one.take(told, whole)), None);
    let missed = Input::BlobNotGiven { blob: BLOB, from: liar.peer };
    assert_eq!(fetched(one.take(missed, whole)), Some((1000, honest)));
}

/// A member signs a file that it does not have. Would fail, and the shelf be full for good, if its record stayed
/// although nobody ever has the file; or if what is whole, or takes longer to come, went as well.
#[test]
fn a_file_that_never_comes_takes_room_for_an_hour() {
    let (mut one, stranger, kept) = (One::new(1), contact(120), Put::Kept { whole: true });
    let minutes = |count: u32| 60 * SECOND * count;
    one.ask(stranger, Ask::Put(vec![Offered { record: record(90, 1 << 33, 1), has_blob: false }]));
    one.wait(minutes(59), kept);
    assert_eq!(one.ring.record_count(), 1);
    one.wait(minutes(2), kept);
    assert_eq!(one.ring.record_count(), 0);

    one.ask(stranger, Ask::Put(vec![Offered { record: record(90, 1 << 33, 1), has_blob: true }]));
    one.wait(minutes(10 * 60), kept);
    assert_eq!(one.ring.record_count(), 1, "it is being fetched");
    one.take(Input::BlobArrived(BLOB), kept);
    one.wait(minutes(25 * 60), kept);
    assert_eq!(one.ring.record_count(), 1, "it is here");
    one.take(Input::BlobLost(BLOB), kept);
    one.wait(minutes(62), kept);
    assert_eq!(one.ring.record_count(), 1, "the disk that lost it may come back");
}

/// Of what others keep, an older version is dropped when the owner has a newer one with its file, and not before. Would
/// fail if it were offered for ever, or if a peer could make a node drop what is its own to keep.
#[test]
fn a_stale_leftover_goes_when_the_newer_one_is_whole() {
    for (key, whole, left) in [(130, true, 0), (130, false, 1), (90, true, 1)] {
        let mut one = One::new(if key == 90 { 2 } else { 1 });
        one.differs = true;
        one.ask(contact(200), Ask::Put(vec![Offered { record: record(key, 9, 3), has_blob: true }]));
        one.take(Input::BlobArrived(BLOB), Put::Kept { whole: true });
        one.wait(20 * SECOND, Put::Refused(Refusal::Stale { whole }));
        assert_eq!(one.ring.record_count(), left, "key {key}, whole {whole}");
    }
}

/// An owner whose newer version has lost its file gets it from whoever offers an older one, since both name the same
/// file.
#[test]
fn whoever_has_an_older_version_can_give_the_file() {
    let (mut one, kept) = (One::new(1), Put::Kept { whole: true });
    let newer = Content { version: 2, ..record(90, 9, 3).content().clone() };
    let newer = Record::checked(newer, [4; 64], |_, _, _| true).unwrap();
    one.ask(contact(120), Ask::Put(vec![Offered { record: newer, has_blob: false }]));
    let message =
        Message::Ask(CallId(7), Ask::Put(vec![Offered { record: record(90, 9, 3), has_blob: true }]));
    let outputs = one.take(Input::Message { from: contact(140), message }, kept);
    let stale = Answer::Put(vec![Put::Refused(Refusal::Stale { whole: false })]);
    let answered = |output: &Output| matches!(output, Output::Send { message: Message::Answer(_, answer), .. } if *answer == stale);
    assert!(outputs.iter().any(answered), "{outputs:?}");
    let fetch = Output::FetchBlob { blob: BLOB, bytes: 9, from: contact(140) };
    assert!(outputs.contains(&fetch), "{outputs:?}");
}

/// Would fail if a node whose disk takes no more fetched the file again each time it is asked, or never again.
#[test]
fn what_the_disk_does_not_take_rests_and_is_tried_again() {
    let mut one = One::new(2);
    let put = |one: &mut One| {
        let offer = Offered { record: record(90, 1, 1), has_blob: true };
        one.calls += 1;
        let ask = Message::Ask(CallId(one.calls), Ask::Put(vec![offer]));
        let outputs =
            one.take(Input::Message { from: contact(200), message: ask }, Put::Kept { whole: true });
        let fetches = outputs.iter().filter(|output| matches!(output, Output::FetchBlob { .. })).count();
        let answer = outputs.into_iter().find_map(|output| match output {
            Output::Send { message: Message::Answer(_, Answer::Put(puts)), .. } => Some(puts[0]),
            _ => None,
        });
        (answer.unwrap(), fetches)
    };
    assert_eq!(put(&mut one), (Put::Kept { whole: false }, 1));
    one.take(Input::BlobUnwritable(BLOB), Put::Kept { whole: true });
    assert_eq!(put(&mut one), (Put::Refused(Refusal::Unwritable), 0));
    one.now = one.now + 15 * SECOND;
    assert_eq!(put(&mut one), (Put::Kept { whole: false }, 1));
    one.take(Input::BlobArrived(BLOB), Put::Kept { whole: true });
    assert_eq!(put(&mut one), (Put::Kept { whole: true }, 0));
    one.ring.check_invariants().unwrap();
}
