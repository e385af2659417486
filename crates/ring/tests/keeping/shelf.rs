//! Which records a node takes, for how long, and what it costs to count them: nobody fills a shelf alone, or for ever.

use drizzle_model::{ContentHash, Time};
use drizzle_ring::{
    Answer, Ask, Config, Content, Input, Key, Lease, Offered, Put, Record, RecordError, RecordId, Refusal,
    Ring, Space,
};

use crate::one::{One, SECOND, contact, record};

/// A machine sleeps for an hour, and its own clock with it. Would fail if leases that ended meanwhile were kept on.
#[test]
fn leases_end_by_the_wall_clock() {
    let mut one = One::new(1);
    one.ring.set_unix_seconds(one.now, 1_000_000);
    let mut content = record(90, 1, 7).content().clone();
    (content.blob_bytes, content.lease) = (None, Lease::Until(1_000_100));
    let record = Record::checked(content, [7; 64], |_, _, _| true).unwrap();
    one.ask(contact(120), Ask::Put(vec![Offered { record, has_blob: false }]));
    assert_eq!(one.ring.record_count(), 1);
    one.ring.set_unix_seconds(one.now, 1_003_600);
    one.take(Input::Wake, Put::Kept { whole: true });
    assert_eq!(one.ring.record_count(), 0);
}

/// Would fail if taking back a file, for ever, cost nothing and stayed.
#[test]
fn what_is_withdrawn_ends() {
    let content = Content { withdrawn: true, ..record(90, 1, 1).content().clone() };
    assert_eq!(Record::checked(content, [1; 64], |_, _, _| true), Err(RecordError::Lease));
}

/// One small file can be named by any number of records. Would fail if those could take all places from records with
/// leases.
#[test]
fn files_leave_room_for_what_has_a_lease() {
    let mut config = Config::new(contact(100), 1);
    (config.space, config.quotas.records_max, config.quotas.files_max) = (Space::new(8).unwrap(), 8, 4);
    config.quotas.files_per_publisher_max = 3;
    let mut one = One::with(Ring::new(Time::ORIGIN, config));
    one.take(Input::Form { others: Vec::new() }, Put::Kept { whole: true });
    let mut put = |record| one.ask(contact(120), Ask::Put(vec![Offered { record, has_blob: true }]));
    let (full, publisher_full) = (Put::Refused(Refusal::Full), Put::Refused(Refusal::PublisherFull));
    for key in 0..4 {
        let expected = if key < 3 { Put::Kept { whole: false } } else { publisher_full };
        let content = record(key, 1, 1).content().clone();
        let record = Record::checked(content, [key as u8; 64], |_, _, _| true).unwrap();
        assert_eq!(put(record), Answer::Put(vec![expected]), "{key}");
    }
    assert_eq!(put(record(10, 1, 20)), Answer::Put(vec![Put::Kept { whole: false }]));
    assert_eq!(put(record(11, 1, 21)), Answer::Put(vec![full]));
    let leased =
        Content { blob_bytes: None, lease: Lease::Until(100), ..record(12, 1, 22).content().clone() };
    let leased = Record::checked(leased, [22; 64], |_, _, _| true).unwrap();
    assert_eq!(put(leased), Answer::Put(vec![Put::Kept { whole: true }]));
}

/// The newest comes first. Would fail if a time that never comes stood before all others for good.
#[test]
fn nothing_of_the_future_is_kept() {
    let mut one = One::new(1);
    one.ring.set_unix_seconds(one.now, 1_000_000);
    for (rank, expected) in [
        (1_000_300, Put::Kept { whole: true }),
        (1_000_301, Put::Refused(Refusal::Ahead)),
        (i64::MAX, Put::Refused(Refusal::Ahead)),
        (i64::MIN, Put::Kept { whole: true }),
    ] {
        let mut content = record(90, 1, 7).content().clone();
        (content.blob_bytes, content.lease, content.rank) = (None, Lease::Until(1_000_100), rank);
        content.version = if rank < 0 { 3 } else { 2 };
        let record = Record::checked(content, [rank as u8; 64], |_, _, _| true).unwrap();
        let answer = one.ask(contact(120), Ask::Put(vec![Offered { record, has_blob: false }]));
        assert_eq!(answer, Answer::Put(vec![expected]), "{rank}");
    }
}

/// One message tells fewer records than a key may have. Would fail if one publisher could fill that message.
#[test]
fn each_publisher_has_its_say_before_any_has_two() {
    let mut one = One::new(1);
    let mut put = |publisher: u8, subject: u8, rank| {
        let mut content = record(90, 1, publisher).content().clone();
        content.id.subject = ContentHash::from_bytes([subject; 32]);
        (content.blob_bytes, content.lease, content.rank) = (None, Lease::Until(100), rank);
        let record = Record::checked(content, [publisher * 50 + subject; 64], |_, _, _| true).unwrap();
        one.ask(contact(120), Ask::Put(vec![Offered { record, has_blob: false }]));
    };
    (0..40).for_each(|subject| put(1, subject, 100));
    (2..4).for_each(|publisher| put(publisher, 0, -5));
    let Answer::Records(told) = one.ask(contact(120), Ask::Get(Key::from_number(90))) else { unreachable!() };
    let ranks: Vec<i64> = told.iter().map(|offer| offer.record.content().rank).collect();
    assert!(ranks.len() == 32 && ranks.is_sorted_by(|one, next| one >= next), "{ranks:?}");
    assert_eq!(ranks[29..], [100, -5, -5]);
}

/// Changing a shelf and asking about it makes its node count, and that costs time. Would fail if whoever does both
/// without end kept it from all else, or if whoever only asks were turned away.
#[test]
fn counting_for_others_is_bounded() {
    let mut config = Config::new(contact(100), 1);
    config.quotas.records_per_key_max = usize::MAX;
    config.quotas.records_per_publisher_max = usize::MAX;
    config.quotas.records_per_key_and_publisher_max = usize::MAX;
    let mut one = One::with(Ring::new(Time::ORIGIN, config));
    one.take(Input::Form { others: Vec::new() }, Put::Kept { whole: true });
    let leased = |number: u64| {
        let mut signature = [0; 64];
        signature[..8].copy_from_slice(&number.to_le_bytes());
        let mut subject = [0; 32];
        subject[..8].copy_from_slice(&number.to_le_bytes());
        let content = record(number, 1, 1).content().clone();
        let id = RecordId { subject: ContentHash::from_bytes(subject), ..content.id };
        let content = Content { id, blob_bytes: None, lease: Lease::Until(1000), ..content };
        Offered { record: Record::checked(content, signature, |_, _, _| true).unwrap(), has_blob: false }
    };
    for number in 0..4096 {
        one.ask(contact(120), Ask::Put(vec![leased(number)]));
    }
    let arc = drizzle_ring::Arc { after: contact(1).position, until: contact(1).position };
    let change_and_compare = |one: &mut One, number: u64| {
        one.ask(contact(120), Ask::Put(vec![leased(number)]));
        one.ask(contact(120), Ask::Compare { arc, digest: 0 })
    };
    let is_busy = (5000..5400).map(|number| change_and_compare(&mut one, number) == Answer::Busy);
    let busy = is_busy.filter(|is_busy| *is_busy).count();
    assert!((100..200).contains(&busy), "{busy}");
    one.now = one.now + SECOND;
    for _ in 0..1000 {
        assert!(matches!(one.ask(contact(120), Ask::Compare { arc, digest: 0 }), Answer::Differs { .. }));
    }
    one.ring.check_invariants().unwrap();
}
