//! The frames of a ring: docs/protocol.md is true of them, what is written is read again, what was never written is
//! refused, and no bytes make the reader panic.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod document;

use std::collections::BTreeSet;

use document::{block, blocks};
use drizzle_model::{ChunkRun, ContentHash, ContentKind, FileKey, JoinSecret, Mtime, PeerId, RelPath};
use drizzle_ring::{
    Answer, Arc, Ask, Breadth, CallId, Contact, Content, Key, Lease, Message, Offered, Position, Print, Put,
    Record, RecordId, Refusal, Space, Tell,
};
use drizzle_wire::{
    ByeReason, ByeText, CardKind, List, Reply, RingCard, RingContext, RingFailure, RingFrame, RingHello,
    RingStage, Wish, ring_position,
};
use proptest::prelude::*;

/// A signature that stands for one: it repeats the publisher's key.
fn is_signed(publisher: &PeerId, _: &[u8], signature: &[u8; 64]) -> bool {
    signature[..32] == publisher.as_bytes()[..] && signature[32..] == publisher.as_bytes()[..]
}

fn small() -> Space {
    Space::new(8).unwrap()
}

fn context(space: Space) -> RingContext {
    RingContext { space, is_signed }
}

fn record(value: &[u8], lease: Lease, blob_bytes: Option<u64>) -> Record {
    let publisher = PeerId::from_bytes([0x44; 32]);
    let content = Content {
        id: RecordId {
            key: Key::from_bytes([0x11; 32]),
            publisher,
            subject: ContentHash::from_bytes([0x22; 32]),
        },
        version: 7,
        lease,
        rank: -1,
        blob_bytes,
        withdrawn: false,
        value: value.to_vec(),
    };
    Record::checked(content, [0x44; 64], is_signed).unwrap()
}

fn contact(byte: u8, address: &str) -> Contact {
    let peer = PeerId::from_bytes([byte; 32]);
    Contact { position: ring_position(&peer), peer, address: address.parse().unwrap() }
}

fn place(byte: u8) -> Position {
    Position::from_bytes(&[byte; 32])
}

/// What the page says that its vectors mean.
fn frames() -> Vec<(&'static str, Space, RingFrame)> {
    let full = Space::FULL;
    let (ann, bob) = (contact(0x44, "10.0.0.1:7441"), contact(0x55, "[2001:db8::1]:7441"));
    let numbered = Contact { position: Space::FULL.place(&Key::from_number(220)), ..ann };
    let leased = record(b"card", Lease::Until(1_800_000_000), None);
    let stored = record(b"", Lease::Forever, Some(5));
    let ask = |ask| RingFrame::Message(Message::Ask(CallId(1), ask));
    let answer = |answer| RingFrame::Message(Message::Answer(CallId(1), answer));
    let tell = |tell| RingFrame::Message(Message::Tell(tell));
    let offer = |record: &Record, has_blob| Offered { record: record.clone(), has_blob };
    let hello = RingHello {
        version: 1,
        ticket: List::new(vec![0xaa, 0xbb, 0xcc]).unwrap(),
        listen_port: 7441.try_into().ok(),
        bits: 8,
        id: 220,
    };
    vec![
        ("hello", full, RingFrame::Hello(hello)),
        ("bye", full, RingFrame::Bye { reason: ByeReason::Idle, text: ByeText::clip("") }),
        ("knock", full, RingFrame::Knock),
        ("door-closed", full, RingFrame::Door(None)),
        ("door-open", full, RingFrame::Door(Some(JoinSecret::from_bytes([0xcd; 32])))),
        ("ping", full, ask(Ask::Ping)),
        ("ask-state", full, ask(Ask::State { seen: Some(3) })),
        ("join", full, ask(Ask::Join)),
        ("ask-route", full, ask(Ask::Route { target: place(0x66), breadth: Breadth::All })),
        ("ask-owner", full, ask(Ask::Owner { target: place(0x66) })),
        ("ask-put", full, ask(Ask::Put(vec![offer(&leased, false)]))),
        ("get", full, ask(Ask::Get(Key::from_bytes([0x11; 32])))),
        ("compare", full, ask(Ask::Compare { arc: Arc { after: place(1), until: place(2) }, digest: 5 })),
        ("pull", full, ask(Ask::Pull(vec![Print(1)]))),
        ("ask-settled", full, ask(Ask::Settled(vec![Print(1)]))),
        ("pong", full, answer(Answer::Pong)),
        ("busy", full, answer(Answer::Busy)),
        ("not-member", full, answer(Answer::NotMember)),
        ("state", full, answer(Answer::State { version: 3, predecessor: Some(ann), successors: vec![bob] })),
        ("unchanged", full, answer(Answer::Unchanged)),
        ("route", full, answer(Answer::Route { nearer: vec![ann], owners: vec![] })),
        ("owner", full, answer(Answer::Owner { predecessor: None })),
        (
            "put",
            full,
            answer(Answer::Put(vec![
                Put::Kept { whole: true },
                Put::Refused(Refusal::Stale { whole: true }),
            ])),
        ),
        ("records", full, answer(Answer::Records(vec![offer(&stored, true)]))),
        ("same", full, answer(Answer::Same)),
        ("differs", full, answer(Answer::Differs { until: place(2), holdings: vec![Print(1)] })),
        ("settled", full, answer(Answer::Settled(vec![]))),
        ("notify", small(), tell(Tell::Notify { predecessors: vec![numbered] })),
        ("stabilize", full, tell(Tell::Stabilize)),
        ("quit", full, tell(Tell::Quit)),
        ("merge", full, tell(Tell::Merge(ann))),
        ("wish-members", full, RingFrame::Wish(9, Wish::Members)),
        ("find", full, RingFrame::Wish(9, Wish::Find(Key::from_bytes([0x11; 32])))),
        ("publish", full, RingFrame::Wish(9, Wish::Publish(leased.clone()))),
        ("keep", full, RingFrame::Wish(9, Wish::Keep(stored.clone()))),
        ("list", full, RingFrame::Wish(9, Wish::List { after: Some(leased.id()) })),
        ("hop", full, RingFrame::Reply(9, Reply::Hop { from: ann, to: ann })),
        (
            "members",
            full,
            RingFrame::Reply(9, Reply::Members { me: ann, predecessors: vec![], successors: vec![bob] }),
        ),
        (
            "found",
            full,
            RingFrame::Reply(
                9,
                Reply::Found { by: ann, keepers: vec![], records: vec![offer(&leased, false)] },
            ),
        ),
        ("kept", full, RingFrame::Reply(9, Reply::Kept { by: ann, at: vec![ann] })),
        ("listed", full, RingFrame::Reply(9, Reply::Listed { records: vec![leased], has_more: false })),
        (
            "failed",
            full,
            RingFrame::Reply(9, Reply::Failed { why: RingFailure::NotFound, text: ByeText::clip("nothing") }),
        ),
    ]
}

fn encoded(frame: &RingFrame, space: Space) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(space, &mut bytes);
    bytes
}

/// Would fail for a page that tells other bytes than the program writes; the bytes it should tell are printed.
#[test]
fn every_frame_is_as_documented() {
    let named = |name: &str| format!("ring {name}");
    let documented: BTreeSet<String> = blocks()
        .into_iter()
        .filter(|block| block.form == "hex" && block.name.starts_with("ring ") && block.name != "ring card")
        .map(|block| block.name)
        .collect();
    let tested: BTreeSet<String> = frames().iter().map(|(name, ..)| named(name)).collect();
    if documented != tested {
        frames().iter().for_each(|(name, space, frame)| print_block(name, &encoded(frame, *space)));
    }
    assert_eq!(documented, tested);
    for (name, space, frame) in frames() {
        let bytes = encoded(&frame, space);
        if bytes != block("hex", &named(name)).bytes() {
            print_block(name, &bytes);
            panic!("{name} is documented otherwise");
        }
        assert_eq!(RingFrame::decode(&bytes[4..], context(space)), Ok(frame), "{name}");
    }
}

fn print_block(name: &str, bytes: &[u8]) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    println!("```hex ring {name}\n{}  {}", hex(&bytes[..4]), hex(&bytes[4..5]));
    bytes[5..].chunks(48).for_each(|line| println!("{}", hex(line)));
    println!("```\n");
}

/// A reader that takes a second form of a frame would let two programs disagree on what was said.
fn assert_canonical(body: &[u8], space: Space) {
    if let Ok(frame) = RingFrame::decode(body, context(space)) {
        assert_eq!(encoded(&frame, space)[4..], *body, "another form of the same frame: {frame:?}");
    }
}

#[test]
fn frames_cut_or_extended_are_refused() {
    for (name, space, frame) in frames() {
        let body = &encoded(&frame, space)[4..];
        for end in 0..body.len() {
            assert!(RingFrame::decode(&body[..end], context(space)).is_err(), "{name} cut at {end}");
        }
        for extra in [0, 1, 0xff] {
            let longer = [body, &[extra]].concat();
            assert!(RingFrame::decode(&longer, context(space)).is_err(), "{name} extended");
        }
    }
}

/// The law on which the machine relies: no record without its publisher's signature, no position that is not the peer's.
#[test]
fn forged_records_and_places_that_the_ring_does_not_have_are_refused() {
    let forged = |_: &PeerId, _: &[u8], _: &[u8; 64]| false;
    for (name, space, frame) in frames() {
        let has_record = matches!(name, "ask-put" | "records" | "publish" | "keep" | "found" | "listed");
        let read = RingFrame::decode(&encoded(&frame, space)[4..], RingContext { space, is_signed: forged });
        assert_eq!(read.is_err(), has_record, "{name}");
    }
    let (_, space, notify) = frames().into_iter().find(|(name, ..)| *name == "notify").unwrap();
    let mut bytes = encoded(&notify, space);
    // The number 220 becomes 476, which eight bits do not hold.
    let at = bytes.len() - 7;
    bytes[at] = 1;
    assert!(RingFrame::decode(&bytes[4..], context(space)).is_err());
}

#[test]
fn strangers_are_read_only_a_little() {
    assert!(RingFrame::body_len(512u32.to_le_bytes(), RingStage::Greeting).is_ok());
    for (len, stage) in [(0, RingStage::Admitted), (513, RingStage::Greeting), (65_537, RingStage::Admitted)]
    {
        assert!(RingFrame::body_len(u32::to_le_bytes(len), stage).is_err(), "{len}");
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused_or_canonical(
        tag in 0..=90u8, bytes in prop::collection::vec(any::<u8>(), 0..300), is_small in any::<bool>()
    ) {
        let space = if is_small { small() } else { Space::FULL };
        assert_canonical(&[&[tag][..], &bytes].concat(), space);
    }

    #[test]
    fn one_flipped_bit_is_refused_or_another_frame(at in any::<prop::sample::Index>(), which in any::<prop::sample::Index>(), bit in 0..8u32) {
        let frames = frames();
        let (_, space, frame) = which.get(&frames);
        let mut body = encoded(frame, *space)[4..].to_vec();
        let at = at.index(body.len());
        body[at] ^= 1u8 << bit;
        assert_canonical(&body, *space);
    }
}

/// Would fail if a refusal were heard as another one, or ended the line.
#[test]
fn every_result_goes_there_and_back() {
    let refusals = [
        Refusal::Stale { whole: true },
        Refusal::Stale { whole: false },
        Refusal::Ended,
        Refusal::Ahead,
        Refusal::LongLease,
        Refusal::NotMine,
        Refusal::KeyFull,
        Refusal::PublisherFull,
        Refusal::Full,
        Refusal::Unwritable,
    ];
    let kept = [true, false].map(|whole| Put::Kept { whole });
    let all: Vec<Put> = refusals.into_iter().map(Put::Refused).chain(kept).collect();
    let frame = RingFrame::Message(Message::Answer(CallId(1), Answer::Put(all)));
    let mut bytes = Vec::new();
    frame.encode(Space::FULL, &mut bytes);
    assert_eq!(RingFrame::decode(&bytes[RingFrame::HEAD_LEN..], context(Space::FULL)).unwrap(), frame);
}

/// Every tag at every length, filled with bytes that are counts, flags and limits.
#[test]
fn no_tag_at_any_length_makes_the_reader_panic() {
    let fills: [fn(usize) -> u8; 6] =
        [|_| 0, |_| 1, |_| 0xff, |at| at as u8, |at| (at % 2) as u8, |at| u8::from(at.is_multiple_of(4))];
    for tag in (0..=90).chain([u8::MAX]) {
        for len in 0..400usize {
            for fill in fills {
                let body: Vec<u8> = [tag].into_iter().chain((0..len).map(fill)).collect();
                assert_canonical(&body, Space::FULL);
                assert_canonical(&body, small());
            }
        }
    }
}

#[test]
fn the_card_is_as_documented() {
    let publisher = PeerId::from_bytes([0x44; 32]);
    let card = RingCard {
        kind: CardKind::Provider,
        key: FileKey {
            name: RelPath::new("a/b").unwrap(),
            hash: ContentHash::from_bytes([0x11; 32]),
            size: 150_000,
            chunks: 3,
            kind: ContentKind::File,
        },
        mtime: Mtime::new(1_800_000_000, 5).unwrap(),
        addresses: vec!["10.0.0.1:7441".parse().unwrap()],
        have: vec![ChunkRun { first: 0, last: 1 }],
    };
    let bytes = block("hex", "ring card").bytes();
    assert_eq!(card.encode(publisher).unwrap(), bytes);
    assert_eq!(RingCard::decode(&bytes, publisher), Ok(card));
}
