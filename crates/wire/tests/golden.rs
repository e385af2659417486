//! docs/protocol.md is true: every vector in it is what the code writes, and reads as what the page says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod document;

use std::collections::BTreeSet;

use document::{block, blocks};
use drizzle_model::{
    Bitmap, ChunkHasher, ChunkHashes, ChunkRun, ContentHash, Entry, EntryKind, Geometry, Invite, Layout,
    Link, Manifest, Metadata, Mtime, PeerId, RelPath, SymlinkTarget,
};
use drizzle_wire::{
    ByeReason, Channel, ChannelKind, DataHeader, FrameHead, HashCount, Held, List, Message, PeerAddress,
    RefuseReason, Runs, Tag, Text, UnavailableReason, decode_manifest, encode_manifest,
};

const HASH: ContentHash = ContentHash::from_bytes([0x11; 32]);
const DATA: u8 = 12;
const CHANNEL: Channel = Channel::new(2);

fn held(len: u32, chunks: &[u32]) -> Held {
    let mut bitmap = Bitmap::empty(len);
    chunks.iter().for_each(|&number| assert!(bitmap.insert(bitmap.chunk(number).unwrap())));
    Held::new(bitmap).unwrap()
}

fn runs(runs: &[(u32, u32)]) -> Runs {
    Runs::split(runs.iter().map(|&(first, last)| ChunkRun { first, last })).next().unwrap()
}

fn metadata(mode: u16, seconds: i64, nanoseconds: u32) -> Metadata {
    Metadata { mode, mtime: Mtime::new(seconds, nanoseconds).unwrap() }
}

fn peer(byte: u8, address: &str) -> PeerAddress {
    PeerAddress::new(PeerId::from_bytes([byte; 32]), address.parse().unwrap()).unwrap()
}

/// What the page says that its message vectors mean.
fn messages() -> Vec<(&'static str, Message)> {
    let channel = CHANNEL;
    let chunks = |chunks: &[u32]| List::new(chunks.to_vec()).unwrap();
    let nonce = 0x0102_0304_0506_0708;
    vec![
        (
            "hello",
            Message::Hello {
                version: 1,
                ticket: List::new(vec![0xaa, 0xbb, 0xcc]).unwrap(),
                listen_port: 7441.try_into().ok(),
                agent: Text::new("drizzle/0.1.0").unwrap(),
            },
        ),
        (
            "bye",
            Message::Bye { reason: ByeReason::NotAdmitted, text: Text::new("ticket has expired").unwrap() },
        ),
        ("ping", Message::Ping { nonce }),
        ("pong", Message::Pong { nonce }),
        ("open-nothing-known", Message::Open { channel, hash: HASH, kind: ChannelKind::Bytes, have: None }),
        (
            "open-with-bits",
            Message::Open {
                channel: Channel::new(3),
                hash: HASH,
                kind: ChannelKind::Folder,
                have: Some(held(10, &[0, 2, 9])),
            },
        ),
        (
            "opened-all",
            Message::Opened {
                channel,
                size: 150_000,
                metadata: metadata(0o644, 1_800_000_000, 123_456_789),
                have: held(3, &[0, 1, 2]),
            },
        ),
        (
            "opened-none",
            Message::Opened { channel, size: 150_000, metadata: metadata(0o6755, -1, 0), have: held(3, &[]) },
        ),
        ("unavailable", Message::Unavailable { channel, reason: UnavailableReason::NotShared }),
        ("close", Message::Close { channel }),
        ("want-hashes", Message::WantHashes { channel, first: 1024, count: HashCount::new(2).unwrap() }),
        (
            "hashes",
            Message::Hashes {
                channel,
                first: 1024,
                hashes: List::new(vec![[0x22; 32], [0x33; 32]]).unwrap(),
            },
        ),
        ("want", Message::Want { channel, chunks: chunks(&[1, 0]) }),
        ("refuse", Message::Refuse { channel, chunk: 1, reason: RefuseReason::Changed }),
        ("cancel", Message::Cancel { channel, chunks: chunks(&[1]) }),
        ("have", Message::Have { channel, runs: runs(&[(0, 0), (2, 9)]) }),
        ("lost", Message::Lost { channel, runs: runs(&[(2, 9)]) }),
        (
            "peers",
            Message::Peers {
                channel,
                peers: List::new(vec![peer(0x44, "10.0.0.1:7441"), peer(0x55, "[2001:db8::1]:7441")])
                    .unwrap(),
            },
        ),
    ]
}

#[test]
fn every_message_is_as_documented() {
    for (name, message) in messages() {
        let documented = block("hex", &format!("message {name}")).bytes();
        let mut encoded = Vec::new();
        message.encode(&mut encoded);
        assert_eq!(encoded, documented, "{name}");

        let (head, fields) = documented.split_first_chunk().unwrap();
        let FrameHead::Message(head) = FrameHead::decode(head).unwrap() else { panic!("{name}") };
        assert_eq!(head.fields_len(), fields.len(), "{name}");
        assert_eq!(head.decode(fields), Ok(message), "{name}");
    }
}

#[test]
fn every_documented_message_is_tested_and_every_message_documented() {
    let tested: BTreeSet<_> = messages().iter().map(|(name, _)| format!("message {name}")).collect();
    let documented: BTreeSet<_> = blocks()
        .into_iter()
        .filter(|block| block.form == "hex" && block.name.starts_with("message "))
        .map(|block| block.name)
        .collect();
    assert_eq!(tested, documented);
    let tags: BTreeSet<_> = messages().iter().map(|(_, message)| message.tag().byte()).collect();
    assert_eq!(tags, Tag::ALL.iter().map(|tag| tag.byte()).collect());
}

#[test]
fn golden_messages_cut_or_extended_are_refused() {
    for (name, _) in messages() {
        let bytes = block("hex", &format!("message {name}")).bytes();
        for end in 4..bytes.len() {
            assert!(Message::decode(&bytes[4..end]).is_err(), "{name} cut at {end}");
        }
        for extra in [0, 1, 0xff] {
            assert!(Message::decode(&[&bytes[4..], &[extra]].concat()).is_err(), "{name} extended");
        }
    }
}

#[test]
fn the_header_of_data_is_as_documented() {
    let documented = block("hex", "data piece").bytes();
    let (head, fields) = documented.split_first_chunk().unwrap();
    let FrameHead::Data(head) = FrameHead::decode(head).unwrap() else { panic!("no data") };
    let header = head.decode(fields.try_into().unwrap()).unwrap();
    // A chunk of 262,148 bytes is sent in two pieces, of which this is the second.
    let mut pieces = DataHeader::pieces(CHANNEL, 1, 262_148).unwrap();
    let second = [pieces.next_of(u32::MAX), pieces.next_of(u32::MAX)][1].unwrap();
    assert_eq!((header, header.payload_len()), (second, 4));
    assert_eq!(&header.encode()[..], documented);
}

#[test]
fn the_lengths_of_frames_are_as_documented() {
    let mut documented = BTreeSet::new();
    for line in block("lengths", "").lines {
        let [tag, _, least, most] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let tag: u8 = tag.parse().unwrap();
        let (least, most): (u32, u32) = (least.parse().unwrap(), most.parse().unwrap());
        let is_taken = |body_len: u32| {
            let [a, b, c, d] = body_len.to_le_bytes();
            FrameHead::decode(&[a, b, c, d, tag]).is_ok()
        };
        assert!(is_taken(least) && is_taken(most), "{line}");
        assert!(!is_taken(least - 1) && !is_taken(most + 1), "{line}");
        documented.insert(tag);
    }
    let known: BTreeSet<u8> =
        (0..=u8::MAX).filter(|&tag| DATA == tag || Tag::ALL.iter().any(|of| of.byte() == tag)).collect();
    assert_eq!(documented, known);
}

#[test]
fn the_geometry_is_as_documented() {
    let block = block("geometry", "");
    assert!(!block.lines.is_empty());
    for line in block.lines {
        let numbers: Vec<u64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let geometry = Geometry::for_size(numbers[0]).unwrap();
        assert_eq!([geometry.chunk_size(), geometry.chunk_count().into()], numbers[1..], "{line}");
    }
}

/// The file that the page proves: 150,000 bytes, the one at i being i mod 251.
fn pattern() -> (Geometry, Vec<[u8; 32]>) {
    let bytes: Vec<u8> = (0..150_000u32).map(|at| (at % 251) as u8).collect();
    let geometry = Geometry::for_size(bytes.len() as u64).unwrap();
    let hash = |chunk| {
        let range = geometry.range(chunk);
        let mut hasher = ChunkHasher::new(geometry, chunk);
        hasher.update(&bytes[range.start as usize..range.end as usize]);
        hasher.finish()
    };
    (geometry, geometry.chunks().map(hash).collect())
}

fn content_hash(name: &str) -> ContentHash {
    ContentHash::from_bytes(block("hex", &format!("content-hash {name}")).bytes().try_into().unwrap())
}

#[test]
fn the_chunk_hashes_are_as_documented_and_prove_the_hash() {
    let (geometry, hashes) = pattern();
    assert_eq!(hashes.concat(), block("hex", "chunk-hashes pattern").bytes());
    assert!(ChunkHashes::prove(&content_hash("pattern"), geometry, hashes).is_ok());
}

fn file(bytes: &[u8]) -> EntryKind {
    let geometry = Geometry::for_size(bytes.len() as u64).unwrap();
    let hash = *blake3::hash(bytes).as_bytes();
    let hashes = vec![hash; geometry.chunk_count() as usize];
    let (hash, chunks) = ChunkHashes::of_own(geometry, hashes).unwrap();
    EntryKind::File { geometry, hash, chunks }
}

#[test]
fn the_manifest_is_as_documented() {
    let (geometry, hashes) = pattern();
    let (hash, chunks) = ChunkHashes::of_own(geometry, hashes).unwrap();
    let entry = |path, mode, nanoseconds, kind| Entry {
        path: RelPath::new(path).unwrap(),
        metadata: metadata(mode, 1_800_000_000, nanoseconds),
        kind,
    };
    let target = SymlinkTarget::new("d/f").unwrap();
    let entries = vec![
        entry("big", 0o644, 123_456_789, EntryKind::File { geometry, hash, chunks }),
        entry("d", 0o755, 0, EntryKind::Directory),
        entry("d/e", 0o644, 0, file(b"")),
        entry("d/f", 0o644, 0, file(b"hello")),
        entry("l", 0o777, 0, EntryKind::Symlink { target }),
    ];
    let manifest = Manifest::new(metadata(0o755, 1_800_000_000, 0), entries).unwrap();
    let documented = block("hex", "manifest folder").bytes();
    assert_eq!(encode_manifest(&manifest), documented);
    assert_eq!(ContentHash::from_bytes(*blake3::hash(&documented).as_bytes()), content_hash("folder"));
    for end in 0..documented.len() {
        assert!(decode_manifest(&documented[..end]).is_err(), "cut at {end}");
    }
    assert!(decode_manifest(&[&documented[..], &[0]].concat()).is_err());
    assert_eq!(decode_manifest(&documented), Ok(manifest));
}

#[test]
fn the_layout_is_as_documented() {
    let block = block("layout", "");
    let (files, chunks): (Vec<_>, Vec<_>) = block.lines.iter().partition(|line| line.starts_with("file"));
    let entry = |line: &String| {
        let [_, number, size] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let size: usize = size.parse().unwrap();
        let path = RelPath::new(&format!("{number:0>4}")).unwrap();
        Entry { path, metadata: metadata(0o644, 0, 0), kind: file(&vec![0; size]) }
    };
    let entries: Vec<_> = files.into_iter().map(entry).collect();
    assert!(!entries.is_empty() && !chunks.is_empty());
    let layout = Layout::new(&Manifest::new(metadata(0o755, 0, 0), entries).unwrap());
    let laid_out: Vec<_> = layout
        .chunks()
        .map(|chunk| {
            let segment =
                |s: drizzle_model::Segment| format!(" {}:{}..{}", s.entry, s.range.start, s.range.end);
            format!("chunk {chunk} {}", layout.segments(chunk).map(segment).collect::<String>())
        })
        .collect();
    assert_eq!(laid_out.iter().collect::<Vec<_>>(), chunks);
}

#[test]
fn links_and_invites_are_as_documented() {
    let (links, invites) = (block("link", "").lines, block("invite", "").lines);
    assert!(!links.is_empty() && !invites.is_empty());
    for text in links {
        assert_eq!(text.parse::<Link>().unwrap().to_string(), text);
    }
    for text in invites {
        assert_eq!(text.parse::<Invite>().unwrap().to_string(), text);
    }
}
