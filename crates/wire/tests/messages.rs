//! What is written is read again, what was never written is refused, and no bytes make the reader panic.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any_message;

use drizzle_wire::{DataHeader, FrameHead, Message};
use proptest::prelude::*;

/// Reads a stream that holds one frame without payload, as a peer does.
fn read_frame(bytes: &[u8]) -> Option<Message> {
    let (head, rest) = bytes.split_first_chunk()?;
    match FrameHead::decode(head).ok()? {
        FrameHead::Message(head) => {
            let message = head.decode(rest.get(..head.fields_len())?).ok()?;
            assert_eq!(message.tag(), head.tag());
            Some(message)
        }
        FrameHead::Data(head) => {
            let header = head.decode(rest.first_chunk()?).ok()?;
            assert_eq!(
                header.encode(),
                bytes[..DataHeader::LEN],
                "another form of the same header was taken"
            );
            None
        }
    }
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

/// A reader that takes a second form of a message would let two programs disagree on what was said.
fn assert_canonical(bytes: &[u8]) {
    if let Some(message) = read_frame(bytes) {
        let again = encoded(&message);
        assert_eq!(again, bytes[..again.len()], "another form of the same message was taken: {message:?}");
    }
}

proptest! {
    #[test]
    fn every_message_goes_there_and_back(message in any_message::message()) {
        let bytes = encoded(&message);
        prop_assert_eq!(read_frame(&bytes), Some(message.clone()));
        prop_assert_eq!(Message::decode(&bytes[4..]), Ok(message));
    }

    /// Frames follow each other in one buffer.
    #[test]
    fn encoding_appends(messages in prop::collection::vec(any_message::message(), 0..8)) {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut bytes));
        prop_assert_eq!(bytes, messages.iter().map(encoded).collect::<Vec<_>>().concat());
    }

    #[test]
    fn a_message_cut_or_extended_is_refused(message in any_message::message(), extra in any::<u8>()) {
        let bytes = encoded(&message);
        for end in 4..bytes.len() {
            prop_assert!(Message::decode(&bytes[4..end]).is_err(), "cut at {}", end);
        }
        prop_assert!(Message::decode(&[&bytes[4..], &[extra]].concat()).is_err());
    }

    #[test]
    fn one_flipped_bit_is_refused_or_another_message(message in any_message::message(), at in any::<prop::sample::Index>(), bit in 0..8u32) {
        let mut bytes = encoded(&message);
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        assert_canonical(&bytes);
        prop_assert_ne!(read_frame(&bytes), Some(message));
    }

    #[test]
    fn random_bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for tag in 0..=20 {
            let fields_len = bytes.len() as u32 + 1;
            assert_canonical(&[&fields_len.to_le_bytes(), &[tag][..], &bytes].concat());
        }
    }
}

/// Every tag at every length, filled with bytes that are counts, flags, limits and text.
#[test]
fn no_tag_at_any_length_makes_the_reader_panic() {
    let fills: [fn(usize) -> u8; 8] = [
        |_| 0,
        |_| 1,
        |_| 2,
        |_| 0x7f,
        |_| 0xff,
        |at| at as u8,
        |at| (at % 2) as u8,
        |at| if at.is_multiple_of(4) { 1 } else { 0 },
    ];
    for tag in (0..=24).chain([u8::MAX]) {
        for len in 0..700usize {
            for fill in fills {
                let mut bytes = Vec::from((len as u32 + 1).to_le_bytes());
                bytes.push(tag);
                bytes.extend((0..len).map(fill));
                assert_canonical(&bytes);
            }
        }
    }
}
