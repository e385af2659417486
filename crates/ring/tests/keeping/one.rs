//! The node that is driven by hand, and what it is told: contacts, records, and what its peers say.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use drizzle_model::{ContentHash, PeerId, Time};
use drizzle_ring::{
    Answer, Ask, CallId, Config, Contact, Content, Input, Key, Lease, Message, Output, Print, Put, Record,
    RecordId, Ring, Space,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const BLOB: ContentHash = ContentHash::from_bytes([5; 32]);

pub(crate) fn contact(number: u64) -> Contact {
    let position = Space::FULL.place(&Key::from_number(number));
    let address = SocketAddr::new(Ipv4Addr::new(10, 0, 0, number as u8).into(), 7441);
    Contact { position, peer: PeerId::from_bytes([number as u8; 32]), address }
}

pub(crate) fn record(key: u64, bytes: u64, sign: u8) -> Record {
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

pub(crate) fn print(record: &Record) -> Print {
    Print(u128::from_le_bytes(record.signature()[..16].try_into().unwrap()))
}

/// A node of eight bits at 100, in a ring of 100, 120, 140, 160 and 200. Its peers agree with whatever it has.
pub(crate) struct One {
    pub(crate) ring: Ring,
    pub(crate) now: Time,
    pub(crate) calls: u64,
    /// Its peers say that they have nothing.
    pub(crate) differs: bool,
}

impl One {
    pub(crate) fn new(replicas: usize) -> Self {
        let mut config = Config::new(contact(100), 1);
        (config.space, config.replicas) = (Space::new(8).unwrap(), replicas);
        let mut ring = Ring::new(Time::ORIGIN, config);
        let others = [120, 140, 160, 200].map(contact).to_vec();
        ring.handle(Time::ORIGIN, Input::Form { others });
        Self::with(ring)
    }

    pub(crate) fn with(ring: Ring) -> Self {
        Self { ring, now: Time::ORIGIN, calls: 0, differs: false }
    }

    /// Takes something in; what comes out that is no message between peers. `put` is what others say to a record.
    pub(crate) fn take(&mut self, input: Input, put: Put) -> Vec<Output> {
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

    pub(crate) fn ask(&mut self, from: Contact, ask: Ask) -> Answer {
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
    pub(crate) fn wait(&mut self, span: Duration, put: Put) -> Vec<Output> {
        let (end, mut all) = (self.now + span, Vec::new());
        while let Some(at) = self.ring.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            all.extend(self.take(Input::Wake, put));
        }
        self.now = end;
        all
    }
}
