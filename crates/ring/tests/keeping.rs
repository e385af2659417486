//! What a node says of what it keeps: others drop their copies on its word, and wait for it.
//!
//! One node is driven by hand, with the test in the place of everybody else.

#![allow(clippy::unwrap_used)] // A broken scenario is a failed test.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use drizzle_model::{ContentHash, PeerId, Time};
use drizzle_ring::{
    Answer, Ask, CallId, Config, Contact, Content, Input, Key, Lease, Message, Offered, Operation,
    OperationError, Output, Print, Put, Record, RecordId, Ring, Space,
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
}

impl One {
    fn new(replicas: usize) -> Self {
        let mut config = Config::new(contact(100), 1);
        (config.space, config.replicas) = (Space::new(8).unwrap(), replicas);
        let mut ring = Ring::new(Time::ORIGIN, config);
        let others = [120, 140, 160, 200].map(contact).to_vec();
        ring.handle(Time::ORIGIN, Input::Form { others });
        Self { ring, now: Time::ORIGIN, calls: 0 }
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
                Ask::Compare { .. } => Answer::Same,
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
