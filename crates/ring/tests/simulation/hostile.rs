//! Peers that send whatever they like: nothing they say makes a node panic, grow without bound, or break a law of its
//! own. Answers are made to the questions that are really open, so that they get past the door.

use std::time::Duration;

use drizzle_model::{ContentHash, PeerId, Time};
use drizzle_ring::{
    Answer, Arc, Ask, Breadth, CallId, Config, Contact, Content, Input, Key, Lease, Message, Offered,
    Operation, Output, Position, Print, Put, RecordId, Refusal, Ring, Space, Tell,
};
use drizzle_sim::{HostId, Random};

use crate::seed;
use crate::stand_ins::{new_contact, signed};

struct Liar {
    random: Random,
    open: Vec<(Contact, CallId)>,
    prints: Vec<Print>,
}

impl Liar {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn position(&mut self) -> Position {
        let number = self.below(300);
        Space::FULL.place(&Key::from_number(number))
    }

    /// One of forty, whose positions change as they please, and of which some are not even in the space.
    fn contact(&mut self) -> Contact {
        let who = self.below(40) as u32;
        let mut contact = new_contact(HostId(who), &mut Random::new(u64::from(who)));
        contact.position = self.position();
        contact
    }

    fn contacts(&mut self) -> Vec<Contact> {
        let count = self.below(90);
        (0..count).map(|_| self.contact()).collect()
    }

    fn offers(&mut self) -> Vec<Offered> {
        let count = self.below(40);
        (0..count).map(|_| self.offer()).collect()
    }

    fn offer(&mut self) -> Offered {
        let publisher = PeerId::from_bytes([self.below(5) as u8; 32]);
        let subject = ContentHash::from_bytes([self.below(30) as u8; 32]);
        let blob_bytes = (self.below(2) == 0).then(|| self.random.bits() >> self.random.below(64));
        let withdrawn = self.below(9) == 0;
        let stays = blob_bytes.is_some() && !withdrawn;
        let lease = if stays { Lease::Forever } else { Lease::Until(self.below(5_000)) };
        let record = signed(Content {
            id: RecordId { key: Key::from_number(self.below(600)), publisher, subject },
            version: self.below(4),
            lease,
            rank: (self.random.bits() >> self.random.below(64)) as i64,
            blob_bytes,
            withdrawn,
            value: vec![7; self.below(1025) as usize],
        });
        let bytes = record.signature()[..16].try_into().unwrap();
        self.prints.push(Print(u128::from_le_bytes(bytes)));
        Offered { record, has_blob: self.below(2) == 0 }
    }

    fn some_prints(&mut self) -> Vec<Print> {
        let count = self.below(50);
        (0..count)
            .filter_map(|_| self.prints.get(self.random.below(self.prints.len() as u64) as usize).copied())
            .collect()
    }

    fn arc(&mut self) -> Arc {
        Arc { after: self.position(), until: self.position() }
    }

    fn ask(&mut self) -> Ask {
        match self.below(10) {
            0 => Ask::Ping,
            1 => Ask::State { seen: Some(self.below(3)) },
            2 => Ask::Join,
            3 => Ask::Route { target: self.position(), breadth: Breadth::All },
            4 => Ask::Owner { target: self.position() },
            5 => Ask::Put(self.offers()),
            6 => Ask::Get(Key::from_number(self.below(600))),
            7 => Ask::Compare { arc: self.arc(), digest: u128::from(self.below(2)) },
            8 => Ask::Pull(self.some_prints()),
            _ => Ask::Settled(self.some_prints()),
        }
    }

    fn answer(&mut self) -> Answer {
        match self.below(13) {
            0 => Answer::Pong,
            1 => Answer::Busy,
            2 => Answer::NotMember,
            3 | 4 => Answer::State {
                version: self.below(3),
                predecessor: (self.below(3) > 0).then(|| self.contact()),
                successors: self.contacts(),
            },
            5 => Answer::Unchanged,
            6 => Answer::Route { nearer: self.contacts(), owners: self.contacts() },
            7 => Answer::Owner { predecessor: Some(self.contact()) },
            8 => Answer::Put(vec![
                Put::Refused(Refusal::Stale { whole: self.below(2) == 0 }),
                Put::Kept { whole: self.below(2) == 0 },
            ]),
            9 => Answer::Records(self.offers()),
            10 => Answer::Same,
            11 => Answer::Differs { until: self.position(), holdings: self.some_prints() },
            _ => Answer::Settled(self.some_prints()),
        }
    }

    fn tell(&mut self) -> Tell {
        match self.below(4) {
            0 => Tell::Notify { predecessors: self.contacts() },
            1 => Tell::Stabilize,
            2 => Tell::Quit,
            _ => Tell::Merge(self.contact()),
        }
    }

    /// What comes next: mostly messages, sometimes what the driver or the user does.
    fn input(&mut self) -> Input {
        let from = self.contact();
        match self.below(20) {
            0..5 => Input::Message { from, message: Message::Ask(CallId(1), self.ask()) },
            5..12 if !self.open.is_empty() => {
                let (from, id) = self.open.swap_remove(self.random.below(self.open.len() as u64) as usize);
                Input::Message { from, message: Message::Answer(id, self.answer()) }
            }
            5..12 => Input::Wake,
            12..15 => Input::Message { from, message: Message::Tell(self.tell()) },
            15 => Input::Unreachable(from.peer),
            16 => Input::LookUp { operation: Operation(self.below(20)), target: self.position() },
            17 => Input::Store { operation: Operation(self.below(20)), record: self.offer().record },
            18 => Input::Request {
                operation: Operation(self.below(20)),
                key: Key::from_number(self.below(600)),
            },
            _ => {
                let blob = ContentHash::from_bytes([self.below(30) as u8; 32]);
                match self.below(4) {
                    0 => Input::BlobLost(blob),
                    1 => Input::BlobNotGiven { blob, from: from.peer },
                    _ => Input::BlobArrived(blob),
                }
            }
        }
    }
}

fn ring_among_liars(seed: u64, joins: bool) -> Ring {
    let mut random = Random::new(seed);
    let mut me = new_contact(HostId(99), &mut random);
    me.position = Space::FULL.place(&Key::from_number(100));
    let mut config = Config::new(me, seed);
    config.space = Space::new(8).unwrap();
    config.quotas.records_max = 50;
    let mut ring = Ring::new(Time::ORIGIN, config);
    let others =
        vec![new_contact(HostId(1), &mut Random::new(1)), new_contact(HostId(2), &mut Random::new(2))];
    let others: Vec<Contact> = others
        .into_iter()
        .zip([50, 150])
        .map(|(one, at)| Contact { position: Space::FULL.place(&Key::from_number(at)), ..one })
        .collect();
    ring.handle(Time::ORIGIN, if joins { Input::Join { through: others } } else { Input::Form { others } });
    ring
}

/// Thousands of steps for each seed; the laws are recounted after every one.
#[test]
fn lies_break_no_law() {
    let mut members = 0;
    for turn in 0..60 {
        let seed = seed() + turn;
        let mut ring = ring_among_liars(seed, turn % 2 == 0);
        let mut liar = Liar { random: Random::new(seed), open: Vec::new(), prints: Vec::new() };
        let mut now = Time::ORIGIN;
        for step in 0..1_500 {
            now = now + Duration::from_millis(liar.below(40));
            let input = liar.input();
            let told = format!("{input:?}");
            ring.handle(now, input);
            let mut outputs = 0;
            while let Some(output) = ring.poll() {
                outputs += 1;
                if let Output::Send { to, message: Message::Ask(id, _) } = output {
                    liar.open.push((to, id));
                }
            }
            assert_eq!(ring.check_invariants(), Ok(()), "seed {seed}, step {step}: {told:.300}");
            assert!(outputs < 400, "seed {seed}, step {step}: {outputs} outputs for {told:.300}");
            assert!(ring.record_count() <= 50);
            assert!(ring.next_deadline().is_none_or(|at| at >= now), "seed {seed}, step {step}: would spin");
        }
        members += usize::from(ring.is_member());
    }
    assert!(members > 0, "at least one stayed in the ring, so the inner rules were reached");
}
