//! The hub's bookkeeping: what it orders its lanes to do when peers say this and that. The lanes only keep their orders.

#![allow(clippy::unwrap_used)] // A test that cannot go on should say where, and stop.

use std::path::PathBuf;
use std::sync::Arc;

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun, Metadata, Mtime, NetworkId, PeerId};
use drizzle_net::{Dialer, Identity, RateLimiter};
use drizzle_store::{MemorySource, SourceError};
use drizzle_swarm::ChunkSizes;
use drizzle_wire::{
    Channel, ChannelKind, Chunks, HashCount, Held, Message, RefuseReason, Runs, Side, UnavailableReason,
};
use tokio::sync::{mpsc, oneshot};

use super::{Hub, HubSettings};
use crate::calling::Caller;
use crate::content_key::{ContentId, ContentKey};
use crate::input::{Command, ContentEvent, NewContent};
use crate::lane::PeerRates;
use crate::lane::{Greeter, Lane, LaneId, Limits, Order, UploadEnd, UploadEnded, UploadId};
use crate::membership::Memberships;

const NETWORK: NetworkId = NetworkId::from_bytes([7; 32]);
const PEER: PeerId = PeerId::from_bytes([9; 32]);
const CHUNKS: u32 = 4;
const SIZE: usize = (CHUNKS as usize) * (64 << 10);

struct World {
    hub: Hub,
    content: ContentId,
    key: ContentKey,
    events: mpsc::UnboundedReceiver<ContentEvent>,
}

impl World {
    /// A hub that serves a content, of which it has these chunks.
    fn new(has: &[u32]) -> Self {
        let identity = Identity::ephemeral().unwrap();
        let greeter = Greeter { memberships: Memberships::default(), listen_port: None };
        let caller = Caller::new(identity.id(), Dialer::new(&identity), greeter);
        let limits = Limits { up: RateLimiter::unlimited(), down: RateLimiter::unlimited() };
        let settings = HubSettings {
            peers_max: 8,
            requests_max: 8,
            lanes_max: 8,
            peer_rates: PeerRates::default(),
            seed: 1,
        };
        let (mut hub, _) = Hub::new(settings, caller, limits);

        let source = MemorySource::new(vec![5; SIZE].into()).unwrap();
        let key = ContentKey { network: NETWORK, hash: source.hash(), kind: ChannelKind::Bytes };
        let mut have = Bitmap::empty(CHUNKS);
        has.iter().for_each(|&number| have.insert_run(ChunkRun { first: number, last: number }));
        let (watcher, events) = mpsc::unbounded_channel();
        let new = NewContent {
            key,
            size: SIZE as u64,
            metadata: Metadata { mode: 0o644, mtime: Mtime::default() },
            sizes: ChunkSizes::of_file(source.geometry()),
            have,
            hashes: Some(Arc::new(source.chunk_hashes().clone())),
            source: Arc::new(source),
            download: None,
            watcher,
            banned: Vec::new(),
        };
        let (reply, mut added) = oneshot::channel();
        hub.obey(Command::Add { content: Box::new(new), reply });
        Self { content: added.try_recv().unwrap(), hub, key, events }
    }

    fn lane(&mut self, number: u64, side: Side) -> mpsc::Receiver<Order> {
        let (lane, orders) = Lane::recorded(PEER, NETWORK, side);
        self.hub.keep_lane(LaneId(number), lane);
        orders
    }

    /// A lane on which the peer, who has nothing, has opened the content.
    fn open_lane(&mut self, number: u64) -> (mpsc::Receiver<Order>, Channel) {
        let mut orders = self.lane(number, Side::Acceptor);
        let channel = Side::Dialer.channels().next().unwrap();
        self.hears(number, self.open(channel));
        assert!(matches!(&said(&mut orders)[..], [Message::Opened { .. }]));
        (orders, channel)
    }

    fn open(&self, channel: Channel) -> Message {
        let have = Held::new(Bitmap::empty(CHUNKS));
        Message::Open { channel, hash: self.key.hash, kind: self.key.kind, have }
    }

    fn hears(&mut self, lane: u64, message: Message) {
        self.hub.hear(LaneId(lane), message);
        self.hub.settle();
    }

    fn wants(&mut self, lane: u64, channel: Channel, chunk: u32) {
        self.hears(lane, Message::Want { channel, chunks: Chunks::new(vec![chunk]).unwrap() });
    }

    fn chunk(&self, number: u32) -> ChunkIndex {
        self.hub.contents[&self.content].chunk(number).unwrap()
    }

    fn ends(&mut self, lane: u64, (channel, id): (Channel, UploadId), chunk: u32, end: UploadEnd) {
        let ended = UploadEnded { id, channel, chunk: self.chunk(chunk), end };
        self.hub.upload_ended(LaneId(lane), ended);
        self.hub.settle();
    }

    fn under_way(&self) -> (usize, usize) {
        let content = &self.hub.contents[&self.content];
        (content.wanted.len(), content.sending.len())
    }
}

fn taken(orders: &mut mpsc::Receiver<Order>) -> Vec<Order> {
    std::iter::from_fn(|| orders.try_recv().ok()).collect()
}

fn said(orders: &mut mpsc::Receiver<Order>) -> Vec<Message> {
    let message = |order| match order {
        Order::Say(message) => Some(message),
        _ => None,
    };
    taken(orders).into_iter().filter_map(message).collect()
}

/// The one upload that was ordered.
fn upload(orders: &mut mpsc::Receiver<Order>) -> UploadId {
    match &taken(orders)[..] {
        [Order::Upload(upload)] => upload.id,
        others => panic!("expected one upload, found {} orders", others.len()),
    }
}

fn runs(first: u32, last: u32) -> Runs {
    Runs::split([ChunkRun { first, last }]).next().unwrap()
}

/// Fails when the machine is not told that an upload ended with its channel: it would wait for its end for ever.
#[test]
fn what_one_channel_was_sending_can_be_sent_on_another() {
    let mut world = World::new(&[0, 1, 2, 3]);
    let (mut first, on_first) = world.open_lane(1);
    let (mut second, on_second) = world.open_lane(2);
    world.wants(2, on_second, 0);
    upload(&mut second);
    world.hears(2, Message::Close { channel: on_second });
    assert!(matches!(taken(&mut second)[..], [Order::Forget { .. }]));
    assert_eq!(world.under_way(), (0, 0));
    world.wants(1, on_first, 0);
    upload(&mut first);
    assert_eq!(world.under_way(), (0, 1));
}

/// Fails when the end of an upload that was stopped is taken for the end of the next one of the same chunk.
#[test]
fn a_stopped_upload_and_the_next_are_two() {
    let mut world = World::new(&[0, 1, 2, 3]);
    let (mut orders, channel) = world.open_lane(1);
    world.wants(1, channel, 0);
    let stopped = upload(&mut orders);
    world.hears(1, Message::Have { channel, runs: runs(0, 0) });
    assert!(matches!(taken(&mut orders)[..], [Order::Stop(id)] if id == stopped));
    world.wants(1, channel, 0);
    let next = upload(&mut orders);
    world.ends(1, (channel, stopped), 0, UploadEnd::Sent);
    assert_eq!(world.under_way(), (0, 1));
    world.ends(1, (channel, next), 0, UploadEnd::Sent);
    assert_eq!(world.under_way(), (0, 0));
}

/// Fails when a wish that is fulfilled or taken back leaves a trace.
#[test]
fn a_wish_taken_back_while_it_is_fulfilled_ends_with_the_upload() {
    let mut world = World::new(&[0, 1, 2, 3]);
    let (mut orders, channel) = world.open_lane(1);
    world.wants(1, channel, 0);
    let id = upload(&mut orders);
    world.hears(1, Message::Cancel { channel, chunks: Chunks::new(vec![0]).unwrap() });
    world.wants(1, channel, 0);
    assert_eq!(world.under_way(), (0, 1));
    world.ends(1, (channel, id), 0, UploadEnd::Sent);
    assert_eq!(world.under_way(), (0, 0));
}

/// Fails when chunks that come between `Open` and `Opened` are never told; and when one that came on a lane that is gone by
/// then is not told to the owner.
#[test]
fn what_came_while_a_channel_was_opening_is_told() {
    let mut world = World::new(&[0]);
    let mut orders = world.lane(1, Side::Dialer);
    world.hub.open_channel(LaneId(1), world.content);
    let Some(Message::Open { channel, have: Some(told), .. }) = said(&mut orders).pop() else {
        panic!("expected an open")
    };
    assert_eq!(told.bitmap().count(), 1);
    let chunk = world.chunk(2);
    world.hub.verified((LaneId(77), PEER), world.content, chunk, 64 << 10);
    assert!(matches!(world.events.try_recv(), Ok(ContentEvent::Verified { peer: PEER, .. })));
    let have = Held::new(Bitmap::empty(CHUNKS)).unwrap();
    let metadata = Metadata { mode: 0o644, mtime: Mtime::default() };
    world.hears(1, Message::Opened { channel, size: SIZE as u64, metadata, have });
    assert_eq!(said(&mut orders), [Message::Have { channel, runs: runs(2, 2) }]);
}

/// Fails when another size is taken, or taken for a breach of the protocol.
#[test]
fn a_content_of_another_size_is_closed_without_blame() {
    let mut world = World::new(&[0]);
    let mut orders = world.lane(1, Side::Dialer);
    world.hub.open_channel(LaneId(1), world.content);
    let Some(Message::Open { channel, .. }) = said(&mut orders).pop() else { panic!("expected an open") };
    let metadata = Metadata { mode: 0o644, mtime: Mtime::default() };
    let have = Held::new(Bitmap::full(CHUNKS)).unwrap();
    world.hears(1, Message::Opened { channel, size: 1, metadata, have });
    assert_eq!(said(&mut orders), [Message::Close { channel }]);
    assert!(world.hub.lanes.contains_key(&LaneId(1)));
}

/// Fails when two that open a content to each other at once end with two channels, with none, or as enemies.
#[test]
fn of_two_crossing_channels_that_of_the_caller_is_kept() {
    for (side, is_kept) in [(Side::Dialer, true), (Side::Acceptor, false)] {
        let mut world = World::new(&[0, 1, 2, 3]);
        let mut orders = world.lane(1, side);
        world.hub.open_channel(LaneId(1), world.content);
        assert!(matches!(said(&mut orders)[..], [Message::Open { .. }]));
        let channel = side.other().channels().next().unwrap();
        world.hears(1, world.open(channel));
        match &said(&mut orders)[..] {
            [Message::Unavailable { reason: UnavailableReason::Busy, .. }] => assert!(is_kept),
            [Message::Opened { .. }] => assert!(!is_kept),
            others => panic!("{others:?}"),
        }
    }
}

/// Fails when a peer can hold many channels for one content on one lane.
#[test]
fn a_second_channel_for_the_same_content_is_a_breach() {
    let mut world = World::new(&[0, 1, 2, 3]);
    let (mut orders, _) = world.open_lane(1);
    let second = Side::Dialer.channels().nth(1).unwrap();
    world.hears(1, world.open(second));
    assert!(matches!(taken(&mut orders)[..], [Order::HangUp(_)]));
    assert!(world.hub.lanes.is_empty());
}

/// Fails when a disk that failed for a moment takes a chunk away for good, or when a file that changed takes nothing away.
#[test]
fn only_a_change_withdraws_chunks() {
    let mut world = World::new(&[0, 1, 2, 3]);
    let (mut orders, channel) = world.open_lane(1);
    let chunk = world.chunk(1);
    let unreadable = SourceError::Offset { chunk, bytes: 0, offset: 0 };
    let changed = SourceError::Changed { path: PathBuf::new(), lost: vec![ChunkRun { first: 1, last: 2 }] };
    for (error, reason, left) in
        [(unreadable, RefuseReason::Unreadable, 4), (changed, RefuseReason::Changed, 2)]
    {
        world.wants(1, channel, 1);
        let id = upload(&mut orders);
        world.ends(1, (channel, id), 1, UploadEnd::Failed(error));
        assert_eq!(said(&mut orders)[0], Message::Refuse { channel, chunk: 1, reason });
        assert_eq!(world.hub.contents[&world.content].have.count(), left);
        assert_eq!(world.under_way(), (0, 0));
    }
}

/// Fails when answers of half a mebibyte each can be made to pile up by small questions.
#[test]
fn questions_for_hashes_are_counted_until_they_are_answered() {
    let mut world = World::new(&[0, 1, 2, 3]);
    let (mut orders, channel) = world.open_lane(1);
    let count = HashCount::new(CHUNKS as usize).unwrap();
    let ask = Message::WantHashes { channel, first: 0, count };
    for _ in 0..3 {
        (0..16).for_each(|_| world.hears(1, ask.clone()));
        assert_eq!(taken(&mut orders).len(), 16, "answered, and dropped with that");
    }
    (0..17).for_each(|_| world.hears(1, ask.clone()));
    assert!(matches!(taken(&mut orders).last(), Some(Order::HangUp(_))));
}

/// Fails when the hub ends before its lanes have said goodbye, or counts them for ever.
#[test]
fn a_lane_that_is_left_is_known_until_it_has_ended() {
    let mut world = World::new(&[0, 1, 2, 3]);
    let (mut orders, _) = world.open_lane(1);
    world.hub.obey(Command::ShutDown);
    assert!(matches!(taken(&mut orders)[..], [Order::HangUp(Message::Bye { .. })]));
    assert!(world.hub.lanes.is_empty() && world.hub.leaving.contains(&LaneId(1)));
    world.hub.lane_ended(LaneId(1), None, crate::lane::Fault::None);
    assert!(world.hub.leaving.is_empty());
}
