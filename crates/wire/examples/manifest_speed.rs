//! How long a manifest of 50,000 files takes to write and to read: `cargo run --release -p drizzle-wire --example manifest_speed`.

use std::time::Instant;

use drizzle_model::{ChunkHashes, Entry, EntryKind, Geometry, Manifest, Metadata, Mtime, RelPath};
use drizzle_wire::{decode_manifest, encode_manifest};

const FOLDERS: u32 = 100;
const FILES: u32 = 500;
const RUNS: u32 = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metadata = Metadata { mode: 0o644, mtime: Mtime::default() };
    let mut entries = Vec::new();
    for folder in 0..FOLDERS {
        let path = RelPath::new(&format!("folder-{folder:04}"))?;
        entries.push(Entry { path, metadata, kind: EntryKind::Directory });
        for file in 0..FILES {
            let path = RelPath::new(&format!("folder-{folder:04}/a-file-of-usual-name-{file:06}.txt"))?;
            // Every tenth file has two chunks.
            let size = if file % 10 == 0 { 100_000 } else { 4096 };
            entries.push(Entry { path, metadata, kind: file_of(size)? });
        }
    }
    let count = entries.len();
    let manifest = Manifest::new(metadata, entries)?;
    for run in 0..RUNS {
        let start = Instant::now();
        let bytes = encode_manifest(&manifest);
        let written = start.elapsed();
        let start = Instant::now();
        let read = decode_manifest(&bytes)?;
        println!(
            "run {run}: {count} entries, {} bytes, written in {written:.1?}, read in {:.1?}",
            bytes.len(),
            start.elapsed()
        );
        assert!(read == manifest, "the manifest came back changed");
    }
    Ok(())
}

fn file_of(size: u64) -> Result<EntryKind, Box<dyn std::error::Error>> {
    let geometry = Geometry::for_size(size).ok_or("the file is too large")?;
    let (hash, chunks) = ChunkHashes::of_own(geometry, vec![[7; 32]; geometry.chunk_count() as usize])?;
    Ok(EntryKind::File { geometry, hash, chunks })
}
