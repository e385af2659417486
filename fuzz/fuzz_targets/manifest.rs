//! A manifest: nothing panics, what is taken has no second encoding, and its layout covers every byte of its files.

#![no_main]

use drizzle_model::Layout;
use drizzle_wire::{decode_manifest, encode_manifest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = decode_manifest(bytes) else { return };
    assert_eq!(encode_manifest(&manifest), bytes);
    let layout = Layout::new(&manifest);
    let laid_out: u64 = layout.chunks().map(|chunk| layout.chunk_bytes(chunk)).sum();
    assert_eq!(laid_out, manifest.size());
});
