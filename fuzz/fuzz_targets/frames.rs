//! A stream of frames, read as a peer reads it: nothing panics, and what is taken is written back as the same bytes.

#![no_main]

use drizzle_wire::{DataHeader, FrameHead};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    while let Some(after) = read_frame(rest) {
        rest = after;
    }
});

/// Reads one frame; none when the stream ends or breaks the protocol.
fn read_frame(stream: &[u8]) -> Option<&[u8]> {
    let (head, fields) = stream.split_first_chunk()?;
    match FrameHead::decode(head).ok()? {
        FrameHead::Message(head) => {
            let (fields, after) = fields.split_at_checked(head.fields_len())?;
            let message = head.decode(fields).ok()?;
            let mut again = Vec::new();
            message.encode(&mut again);
            assert_eq!(again, stream[..FrameHead::LEN + fields.len()], "{message:?}");
            Some(after)
        }
        FrameHead::Data(head) => {
            let (fields, after) = fields.split_first_chunk()?;
            let header = head.decode(fields).ok()?;
            assert_eq!(header.encode(), stream[..DataHeader::LEN], "{header:?}");
            after.get(header.payload_len()..)
        }
    }
}
