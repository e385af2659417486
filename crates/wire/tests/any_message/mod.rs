//! Every message that can be, for property tests.

use std::net::{IpAddr, SocketAddr};

use drizzle_model::{Bitmap, ChunkRun, ContentHash, Metadata, Mtime, PeerId};
use drizzle_wire::{
    ByeReason, Channel, ChannelKind, HashCount, Held, List, Message, PeerAddress, RefuseReason, Runs, Text,
    UnavailableReason,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn channel() -> impl Strategy<Value = Channel> {
    any::<u32>().prop_map(Channel::new)
}

fn list<T: std::fmt::Debug + Clone, const MIN: usize, const MAX: usize>(
    of: impl Strategy<Value = T>,
) -> impl Strategy<Value = List<T, MIN, MAX>> {
    vec(of, MIN..=MAX.min(300)).prop_map(|values| List::new(values).unwrap())
}

fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    "\\PC{0,80}".prop_map(|text| Text::clip(&text))
}

fn held() -> impl Strategy<Value = Held> {
    let bits = vec(any::<bool>(), 0..200).prop_map(|bits| {
        let mut bitmap = Bitmap::empty(bits.len() as u32);
        for (number, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
            bitmap.insert(bitmap.chunk(number as u32).unwrap());
        }
        bitmap
    });
    prop_oneof![bits, (0..200u32).prop_map(Bitmap::full), (0..200u32).prop_map(Bitmap::empty)]
        .prop_map(|bitmap| Held::new(bitmap).unwrap())
}

fn runs() -> impl Strategy<Value = Runs> {
    vec((0..1u32 << 23, 0..1000u32), 1..50).prop_map(|runs| {
        let runs = runs.into_iter().map(|(first, more)| ChunkRun { first, last: first + more });
        Runs::split(runs).next().unwrap()
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    (0..=0o7777u16, any::<i64>(), 0..1_000_000_000u32)
        .prop_map(|(mode, seconds, nanos)| Metadata { mode, mtime: Mtime::new(seconds, nanos).unwrap() })
}

fn peer() -> impl Strategy<Value = PeerAddress> {
    (any::<[u8; 32]>(), any::<IpAddr>(), 1..=u16::MAX)
        .prop_filter_map("an address of no single host", |(peer, ip, port)| {
            PeerAddress::new(PeerId::from_bytes(peer), SocketAddr::new(ip, port))
        })
}

fn bye_reason() -> impl Strategy<Value = ByeReason> {
    use ByeReason::*;
    prop::sample::select(&[Leaving, NotAdmitted, Version, Misbehaving, Idle, Busy][..])
}

fn refuse_reason() -> impl Strategy<Value = RefuseReason> {
    use RefuseReason::*;
    prop::sample::select(&[Missing, Changed, Busy, Unreadable][..])
}

fn unavailable_reason() -> impl Strategy<Value = UnavailableReason> {
    use UnavailableReason::*;
    prop::sample::select(&[NotShared, Changed, Busy][..])
}

/// Any message.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    let hash = any::<[u8; 32]>().prop_map(ContentHash::from_bytes);
    let kind = prop::sample::select(&[ChannelKind::Bytes, ChannelKind::Folder][..]);
    let count = (1..=16_384usize).prop_map(|count| HashCount::new(count).unwrap());
    prop_oneof![
        (any::<u16>(), list(any::<u8>()), any::<u16>(), text()).prop_map(|(version, ticket, port, agent)| {
            Message::Hello { version, ticket, listen_port: port.try_into().ok(), agent }
        }),
        (bye_reason(), text()).prop_map(|(reason, text)| Message::Bye { reason, text }),
        any::<u64>().prop_map(|nonce| Message::Ping { nonce }),
        any::<u64>().prop_map(|nonce| Message::Pong { nonce }),
        (channel(), hash, kind, option::of(held())).prop_map(|(channel, hash, kind, have)| Message::Open {
            channel,
            hash,
            kind,
            have
        }),
        (channel(), any::<u64>(), metadata(), held())
            .prop_map(|(channel, size, metadata, have)| Message::Opened { channel, size, metadata, have }),
        (channel(), unavailable_reason())
            .prop_map(|(channel, reason)| Message::Unavailable { channel, reason }),
        channel().prop_map(|channel| Message::Close { channel }),
        (channel(), any::<u32>(), count).prop_map(|(channel, first, count)| Message::WantHashes {
            channel,
            first,
            count
        }),
        (channel(), any::<u32>(), list(any::<[u8; 32]>()))
            .prop_map(|(channel, first, hashes)| Message::Hashes { channel, first, hashes }),
        (channel(), list(any::<u32>())).prop_map(|(channel, chunks)| Message::Want { channel, chunks }),
        (channel(), any::<u32>(), refuse_reason()).prop_map(|(channel, chunk, reason)| Message::Refuse {
            channel,
            chunk,
            reason
        }),
        (channel(), list(any::<u32>())).prop_map(|(channel, chunks)| Message::Cancel { channel, chunks }),
        (channel(), runs()).prop_map(|(channel, runs)| Message::Have { channel, runs }),
        (channel(), runs()).prop_map(|(channel, runs)| Message::Lost { channel, runs }),
        (channel(), list(peer())).prop_map(|(channel, peers)| Message::Peers { channel, peers }),
    ]
}
