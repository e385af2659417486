//! A frame of a ring: nothing panics, and what is taken is written back as the same bytes.

#![no_main]

use drizzle_ring::Space;
use drizzle_wire::{RingContext, RingFrame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((bits, body)) = input.split_first() else { return };
    let space = Space::new(u16::from(*bits)).unwrap_or(Space::FULL);
    // Every signature counts, so that what lies behind records is read as well.
    let context = RingContext { space, is_signed: |_, _, _| true };
    if let Ok(frame) = RingFrame::decode(body, context) {
        let mut again = Vec::new();
        frame.encode(space, &mut again);
        assert_eq!(again[RingFrame::HEAD_LEN..], *body, "{frame:?}");
    }
});
