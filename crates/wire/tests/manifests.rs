//! A manifest has one encoding, and nothing else is taken for it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use drizzle_model::{
    ChunkHashes, ContentHash, Entry, EntryKind, Geometry, Manifest, Metadata, Mtime, RelPath, SymlinkTarget,
};
use drizzle_wire::{EntryError, ManifestDecodeError, decode_manifest, encode_manifest};
use proptest::prelude::*;

fn metadata() -> impl Strategy<Value = Metadata> {
    (0..=0o7777u16, any::<i64>(), 0..1_000_000_000u32)
        .prop_map(|(mode, seconds, nanos)| Metadata { mode, mtime: Mtime::new(seconds, nanos).unwrap() })
}

fn file(size: u64, hash: [u8; 32]) -> EntryKind {
    let geometry = Geometry::for_size(size).unwrap();
    let hashes = vec![hash; geometry.chunk_count() as usize];
    let (hash, chunks) = ChunkHashes::of_own(geometry, hashes).unwrap();
    EntryKind::File { geometry, hash, chunks }
}

fn leaf() -> impl Strategy<Value = EntryKind> {
    let size = prop_oneof![Just(0), 1..100_000u64, 0..100_000_000u64];
    prop_oneof![
        (size, any::<[u8; 32]>()).prop_map(|(size, hash)| file(size, hash)),
        "[^\0]{1,30}".prop_map(|target| EntryKind::Symlink { target: SymlinkTarget::new(&target).unwrap() }),
        Just(EntryKind::Directory),
    ]
}

/// Any folder: names drawn twice become one entry, and a name with children becomes a directory.
fn manifest() -> impl Strategy<Value = Manifest> {
    let path = prop::collection::vec("[a-cä-]{1,3}", 1..4).prop_map(|parts| parts.join("/"));
    (metadata(), prop::collection::vec((path, metadata(), leaf()), 0..20)).prop_map(|(root, leaves)| {
        let mut entries = BTreeMap::new();
        for (path, metadata, kind) in leaves {
            for (at, _) in path.match_indices('/') {
                entries.insert(RelPath::new(&path[..at]).unwrap(), (metadata, EntryKind::Directory));
            }
            entries.entry(RelPath::new(&path).unwrap()).or_insert((metadata, kind));
        }
        let entries = entries.into_iter().map(|(path, (metadata, kind))| Entry { path, metadata, kind });
        Manifest::new(root, entries.collect()).unwrap()
    })
}

proptest! {
    #[test]
    fn every_manifest_goes_there_and_back(manifest in manifest()) {
        prop_assert_eq!(decode_manifest(&encode_manifest(&manifest)), Ok(manifest));
    }

    #[test]
    fn a_manifest_cut_anywhere_or_extended_is_refused(manifest in manifest(), extra in any::<u8>()) {
        let bytes = encode_manifest(&manifest);
        // Every cut within the first entries, then some fifty within the rest.
        for end in (0..bytes.len().min(200)).chain((200..bytes.len()).step_by(bytes.len() / 50 + 1)) {
            prop_assert!(decode_manifest(&bytes[..end]).is_err(), "cut at {}", end);
        }
        prop_assert!(decode_manifest(&[&bytes[..], &[extra]].concat()).is_err());
    }

    #[test]
    fn what_is_taken_has_no_other_encoding(manifest in manifest(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encode_manifest(&manifest);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(changed) = decode_manifest(&bytes) {
            prop_assert_eq!(encode_manifest(&changed), bytes);
        }
    }

    #[test]
    fn random_bytes_behind_the_magic_are_refused_or_canonical(bytes in prop::collection::vec(0u8..4, 0..300)) {
        let bytes = [&b"drizzle manifest\x01\0"[..], &bytes].concat();
        if let Ok(manifest) = decode_manifest(&bytes) {
            prop_assert_eq!(encode_manifest(&manifest), bytes);
        }
    }
}

fn root() -> Metadata {
    Metadata { mode: 0o755, mtime: Mtime::default() }
}

fn encoded(entries: &[(&str, EntryKind)]) -> Vec<u8> {
    let entry = |(path, kind): &(&str, EntryKind)| Entry {
        path: RelPath::new(path).unwrap(),
        metadata: root(),
        kind: kind.clone(),
    };
    encode_manifest(&Manifest::new(root(), entries.iter().map(entry).collect()).unwrap())
}

fn entry_error(bytes: &[u8]) -> EntryError {
    match decode_manifest(bytes) {
        Err(ManifestDecodeError::Entry { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

const HEADER_LEN: usize = 16 + 2 + 14 + 4;

#[test]
fn a_path_that_leaves_the_folder_is_refused() {
    let mut bytes = encoded(&[("ab", EntryKind::Directory)]);
    bytes[HEADER_LEN + 2..][..2].copy_from_slice(b"..");
    assert!(matches!(entry_error(&bytes), EntryError::Path(_)));
}

#[test]
fn an_empty_file_has_the_hash_of_nothing() {
    let mut bytes = encoded(&[("a", file(0, [0; 32]))]);
    assert!(bytes.ends_with(blake3::hash(&[]).as_bytes()));
    *bytes.last_mut().unwrap() ^= 1;
    assert!(matches!(entry_error(&bytes), EntryError::Proof(_)));
}

#[test]
fn chunk_hashes_that_do_not_prove_the_hash_are_refused() {
    let mut bytes = encoded(&[("a", file(200_000, [7; 32]))]);
    *bytes.last_mut().unwrap() ^= 1;
    assert!(matches!(entry_error(&bytes), EntryError::Proof(_)));
}

#[test]
fn a_file_of_one_chunk_stands_under_the_hash_of_its_chunk() {
    let bytes = encoded(&[("a", file(5, [7; 32]))]);
    assert!(bytes.ends_with(&[7; 32]));
    let manifest = decode_manifest(&bytes).unwrap();
    let EntryKind::File { hash, chunks, .. } = &manifest.entries()[0].kind else { panic!("no file") };
    assert_eq!((*hash, chunks.as_slice()), (ContentHash::from_bytes([7; 32]), &[[7; 32]][..]));
}

#[test]
fn entries_out_of_order_are_refused() {
    let bytes = encoded(&[("a", EntryKind::Directory), ("b", EntryKind::Directory)]);
    let (header, entries) = bytes.split_at(HEADER_LEN);
    let (first, second) = entries.split_at(entries.len() / 2);
    assert!(matches!(
        decode_manifest(&[header, second, first].concat()),
        Err(ManifestDecodeError::Entries(_))
    ));
}

/// A header that promises four billion entries, and an entry that promises 2^31 hashes, must cost nothing.
#[test]
fn announced_counts_are_not_believed() {
    let mut bytes = encoded(&[("a", file(200_000, [7; 32]))]);
    bytes[HEADER_LEN - 4..HEADER_LEN].fill(0xff);
    assert!(matches!(entry_error(&bytes), EntryError::Field(_)));
    let size_at = HEADER_LEN + 2 + 1 + 14 + 1;
    bytes[size_at..size_at + 8].copy_from_slice(&Geometry::SIZE_MAX.to_le_bytes());
    assert!(matches!(entry_error(&bytes), EntryError::Field(_)));
    bytes[size_at + 7] = 0xff;
    assert!(matches!(entry_error(&bytes), EntryError::Size { .. }));
}

#[test]
fn other_files_and_other_versions_are_told_apart() {
    let bytes = encoded(&[]);
    assert_eq!(decode_manifest(b"#!/bin/sh"), Err(ManifestDecodeError::Magic));
    let mut newer = bytes.clone();
    newer[16] = 2;
    assert_eq!(decode_manifest(&newer), Err(ManifestDecodeError::Version { received: 2 }));
}
