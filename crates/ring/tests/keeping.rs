//! What a node says of what it keeps: others drop their copies on its word, and wait for it.
//!
//! One node is driven by hand, with the test in the place of everybody else.

#![allow(clippy::unwrap_used)] // A broken scenario is a failed test.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use drizzle_model::{ContentHash, PeerId, Time};
use drizzle_ring::{
    Answer, Ask, CallId, Config, Contact, Content, Input, Key, Lease, Message, Notice, Offered, Operation,
    OperationError, Output, Print, Put, Record, RecordError, RecordId, Refusal, Ring, Space, Tell,
};

const SECOND: Duration = Duration::from_secs(1);
const BLOB: ContentHash = ContentHash::from_bytes([5; 32]);

fn contact(number: u64) -> Contact {
    let position = Space::FULL.place(&Key::from_number(number));
    let address = SocketAddr::new(Ipv4Addr::new(10, 0, 0, number as u8).into(), 7441);
    Contact { position, peer: PeerId::from_bytes([number as u8; 32]), address }
}

fn record(key: u64, bytes: u64, sign: u8) -> Record {
    let content = Content {
        id: RecordId { key: Key::from_number(key), publisher: PeerId::from_bytes([sign; 32]), subject: BLOB },
        version: 1,
        lease: Lease::Forever,
        rank: 0,
        blob_bytes: Some(bytes),
        withdrawn: false,
        value: Vec::new(),
    };
    Record::checked(content, [sign; 64], |_, _, _| true).unwrap()
}

fn print(record: &Record) -> Print {
    Print(u128::from_le_bytes(record.signature()[..16].try_into().unwrap()))
}

/// A node of eight bits at 100, in a ring of 100, 120, 140, 160 and 200. Its peers agree with whatever it has.
struct One {
    ring: Ring,
    now: Time,
    calls: u64,
    /// Its peers say that they have nothing.
    differs: bool,
}

impl One {
    fn new(replicas: usize) -> Self {
        let mut config = Config::new(contact(100), 1);
        (config.space, config.replicas) = (Space::new(8).unwrap(), replicas);
        let mut ring = Ring::new(Time::ORIGIN, config);
        let others = [120, 140, 160, 200].map(contact).to_vec();
        ring.handle(Time::ORIGIN, Input::Form { others });
        Self::with(ring)
    }

    fn with(ring: Ring) -> Self {
        Self { ring, now: Time::ORIGIN, calls: 0, differs: false }
    }

    /// Takes something in; what comes out that is no message between peers. `put` is what others say to a record.
    fn take(&mut self, input: Input, put: Put) -> Vec<Output> {
        self.ring.handle(self.now, input);
        let mut rest = Vec::new();
        while let Some(output) = self.ring.poll() {
            let Output::Send { to, message: Message::Ask(id, ask) } = output else {
                rest.push(output);
                continue;
            };
            let answer = match ask {
                Ask::Compare { arc, .. } if self.differs => {
                    Answer::Differs { until: arc.until, holdings: Vec::new() }
                }
                Ask::Compare { .. } => Answer::Same,
                Ask::Settled(_) => Answer::Settled(Vec::new()),
                Ask::Put(offers) => Answer::Put(vec![put; offers.len()]),
                Ask::Ping => Answer::Pong,
                Ask::Owner { .. } => Answer::Owner { predecessor: Some(contact(160)) },
                _ => Answer::Busy,
            };
            let message = Message::Answer(id, answer);
            self.ring.handle(self.now, Input::Message { from: to, message });
        }
        rest
    }

    fn ask(&mut self, from: Contact, ask: Ask) -> Answer {
        self.calls += 1;
        let id = CallId(1_000_000 + self.calls);
        let outputs =
            self.take(Input::Message { from, message: Message::Ask(id, ask) }, Put::Kept { whole: true });
        let answer = outputs.into_iter().find_map(|output| match output {
            Output::Send { message: Message::Answer(answered, answer), .. } if answered == id => Some(answer),
            _ => None,
        });
        answer.unwrap()
    }

    /// Lets time go by until everything that is due soon is done; what came out.
    fn wait(&mut self, span: Duration, put: Put) -> Vec<Output> {
        let (end, mut all) = (self.now + span, Vec::new());
        while let Some(at) = self.ring.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            all.extend(self.take(Input::Wake, put));
        }
        self.now = end;
        all
    }
}

/// A peer that held a file until others came before it asks the owner whether it may drop it. Would fail, and lose the file,
/// if the owner said so as soon as it, and all replicas, had only the record.
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

/// Two records may name one blob, and one of them may lie. Would fail if the size were taken from whichever comes first.
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

/// A keeper that says for ever that it is fetching must not hold the job for ever: what others have is stored, and where
/// nobody has it, that is told. Would fail if the job asked on without end.
#[test]
fn a_store_ends_although_a_keeper_never_has_the_blob() {
    for is_here in [true, false] {
        let mut one = One::new(3);
        let (operation, record) = (Operation(1), record(90, 1000, 7));
        let never = Put::Kept { whole: false };
        let mut outputs = one.take(Input::Store { operation, record }, never);
        if is_here {
            outputs.extend(one.take(Input::BlobArrived(BLOB), never));
        }
        outputs.extend(one.wait(600 * SECOND, never));
        let end = outputs
            .into_iter()
            .find(|output| matches!(output, Output::Stored { .. } | Output::Failed { .. }));
        match end.unwrap() {
            Output::Stored { at, .. } => assert!(is_here && at == [contact(100)], "{at:?}"),
            Output::Failed { error, .. } => assert!(!is_here && error == OperationError::NoFile, "{error}"),
            other => unreachable!("{other:?}"),
        }
    }
}

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

fn end_of(outputs: Vec<Output>) -> Output {
    let is_end = |output: &Output| {
        matches!(output, Output::Stored { .. } | Output::Received { .. } | Output::Failed { .. })
    };
    outputs.into_iter().find(is_end).unwrap()
}

/// A member signs a file that it does not have. Would fail, and the shelf be full for good, if its record stayed although
/// nobody ever has the file; or if what is whole, or takes longer to come, went as well.
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

/// Would fail if taking back a file, for ever, cost nothing and stayed.
#[test]
fn what_is_withdrawn_ends() {
    let content = Content { withdrawn: true, ..record(90, 1, 1).content().clone() };
    assert_eq!(Record::checked(content, [1; 64], |_, _, _| true), Err(RecordError::Lease));
}

/// One small file can be named by any number of records. Would fail if those could take all places from records with leases.
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

/// Of what others keep, an older version is dropped when the owner has a newer one with its file, and not before. Would fail
/// if it were offered for ever, or if a peer could make a node drop what is its own to keep.
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

/// An owner whose newer version has lost its file gets it from whoever offers an older one, since both name the same file.
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

/// In the middle of its join a node asks for a moment. Would fail if it said that it is no member, as one that left does,
/// or passed for a neighbour already.
#[test]
fn one_that_joins_is_busy() {
    let mut config = Config::new(contact(100), 1);
    config.space = Space::new(8).unwrap();
    let mut one = One::with(Ring::new(Time::ORIGIN, config));
    let get = || Ask::Get(Key::from_number(90));
    assert_eq!(one.ask(contact(120), get()), Answer::NotMember);
    one.take(Input::Join { through: vec![contact(120)] }, Put::Kept { whole: true });
    assert_eq!(one.ask(contact(120), get()), Answer::Busy);
    assert_eq!(one.ask(contact(120), Ask::Ping), Answer::NotMember);
}

/// Plays the keepers, each busy so many times.
fn busy_for(times: usize, input: Input) -> Output {
    let mut left = times;
    let of_keepers = |_: Contact, ask: &Ask| {
        let is_busy = left > 0;
        left = left.saturating_sub(1);
        let offer = Offered { record: record(130, 1, 3), has_blob: true };
        match ask {
            _ if is_busy => Answer::Busy,
            Ask::Put(_) => Answer::Put(vec![Put::Kept { whole: true }]),
            _ => Answer::Records(vec![offer]),
        }
    };
    played(input, of_keepers).0
}

/// Plays those that an operation meets: what it came to, and how long that took. `of_keepers` answers to Put and Get.
fn played(input: Input, mut of_keepers: impl FnMut(Contact, &Ask) -> Answer) -> (Output, Duration) {
    let mut one = One::new(3);
    let mut ends = Vec::new();
    let mut due = vec![input];
    while ends.is_empty() {
        let input = due.pop().unwrap_or_else(|| {
            one.now = one.ring.next_deadline().map_or(one.now, |at| at.max(one.now));
            Input::Wake
        });
        one.ring.handle(one.now, input);
        while let Some(output) = one.ring.poll() {
            let Output::Send { to, message: Message::Ask(id, ask) } = output else {
                ends.extend(Some(output).filter(|output| {
                    matches!(output, Output::Stored { .. } | Output::Received { .. } | Output::Failed { .. })
                }));
                continue;
            };
            let answer = match ask {
                Ask::Put(_) | Ask::Get(_) => of_keepers(to, &ask),
                Ask::Compare { .. } => Answer::Same,
                Ask::Owner { .. } => Answer::Owner { predecessor: Some(contact(120)) },
                Ask::Route { .. } => {
                    Answer::Route { nearer: Vec::new(), owners: [140, 160, 200].map(contact).to_vec() }
                }
                _ => Answer::Pong,
            };
            due.push(Input::Message { from: to, message: Message::Answer(id, answer) });
        }
    }
    (end_of(ends), one.now.since_origin())
}

/// Would fail if a store or a request came to nothing because somebody was joining at that moment, or asked without end.
#[test]
fn the_busy_are_asked_again_and_not_for_ever() {
    let operation = Operation(1);
    let store = || Input::Store { operation, record: record(130, 1, 3) };
    let request = || Input::Request { operation, key: Key::from_number(130) };
    let stored = busy_for(9, store());
    assert!(matches!(&stored, Output::Stored { at, .. } if at.len() == 3), "{stored:?}");
    let received = busy_for(12, request());
    assert!(matches!(received, Output::Received { .. }), "{received:?}");
    for input in [store(), request()] {
        let failed = busy_for(usize::MAX, input);
        let is_told = matches!(failed, Output::Failed { error: OperationError::NoAnswer, .. });
        assert!(is_told, "{failed:?}");
    }
}

/// A disk that takes no more is said to be so, and the others keep the file. Would fail if a store waited for that disk, or if nobody
/// could tell whose it is.
#[test]
fn a_full_disk_is_told_at_once_and_others_keep_the_file() {
    let store = || Input::Store { operation: Operation(1), record: record(130, 1, 3) };
    let keepers_but = |full: &'static [u64]| {
        move |to: Contact, _: &Ask| {
            let is_full = full.iter().any(|&number| to == contact(number));
            let put = if is_full { Put::Refused(Refusal::Unwritable) } else { Put::Kept { whole: true } };
            Answer::Put(vec![put])
        }
    };
    let (stored, _) = played(store(), keepers_but(&[140]));
    assert!(matches!(&stored, Output::Stored { at, .. } if *at == [160, 200].map(contact)), "{stored:?}");
    let (failed, took) = played(store(), keepers_but(&[140, 160, 200]));
    let is_told = matches!(&failed, Output::Failed { error: OperationError::Unwritable(whose), .. }
        if *whose == contact(140));
    assert!(is_told && took < SECOND, "{failed:?} after {took:?}");
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

/// Changing a shelf and asking about it makes its node count, and that costs time. Would fail if whoever does both without end kept it
/// from all else, or if whoever only asks were turned away.
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

/// Would fail if a neighbour that has not heard a goodbye yet made this node ask after one that has left, and take it for dead; or if one
/// that has come back were not believed.
#[test]
fn who_has_left_is_not_asked_after_on_the_word_of_others() {
    let mut one = One::new(3);
    let names_120 = |one: &mut One| {
        let mut asked = Vec::new();
        for _ in 0..20 {
            one.now = one.now.max(one.ring.next_deadline().unwrap().min(one.now + SECOND / 20));
            one.ring.handle(one.now, Input::Wake);
            while let Some(output) = one.ring.poll() {
                let Output::Send { to, message: Message::Ask(id, ask) } = output else { continue };
                let answer = match ask {
                    Ask::State { .. } => {
                        asked.push(to);
                        let (predecessor, successors) =
                            (Some(contact(120)), [160, 200].map(contact).to_vec());
                        Answer::State { version: 1, predecessor, successors }
                    }
                    _ => continue,
                };
                one.ring.handle(one.now, Input::Message { from: to, message: Message::Answer(id, answer) });
            }
        }
        asked.contains(&contact(120))
    };
    let quit = Input::Message { from: contact(120), message: Message::Tell(Tell::Quit) };
    let is_told = |output: &Output| matches!(output, Output::Noticed(Notice::Quit(_)));
    let told = one.take(quit.clone(), Put::Kept { whole: true });
    assert_eq!(told.iter().filter(|output| is_told(output)).count(), 1);
    assert!(!one.take(quit, Put::Kept { whole: true }).iter().any(is_told), "it is told once");
    assert!(!names_120(&mut one), "it has left");
    one.ask(contact(120), Ask::Join);
    let again = Input::Message { from: contact(120), message: Message::Tell(Tell::Quit) };
    assert!(
        !one.take(again, Put::Kept { whole: true }).iter().any(is_told),
        "whoever comes and goes fills no log"
    );
    one.now = one.now + 3 * SECOND;
    one.ask(contact(120), Ask::Join);
    one.ring.handle(one.now, Input::Message { from: contact(140), message: Message::Tell(Tell::Stabilize) });
    assert!(names_120(&mut one), "it has come back");
}
