//! Finds where JSON objects end in a stream of bytes: split over segments or several in one, with or without LF between.
//!
//! Only brackets and strings are looked at; what an object means, [`crate::message`] says. Laws: a byte is looked at once; no more is
//! kept than one message may have, and what came in with its last piece.

use crate::limits::DEPTH_MAX;

/// Why a stream is no row of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Something else stands where an object is due.
    #[error("expected an object, received the byte {0:#04x}")]
    NoObject(u8),
    /// It nests too deep.
    #[error("expected at most {DEPTH_MAX} levels, received more")]
    TooDeep,
    /// It does not end.
    #[error("expected at most {max} bytes, received more")]
    TooLong {
        /// How long a message may be.
        max: usize,
    },
}

/// What has arrived and is not handed out.
#[derive(Debug)]
pub struct Splitter {
    bytes_max: usize,
    buffer: Vec<u8>,
    /// Where the message begins, if it has.
    begin: usize,
    /// Up to where the bytes were looked at.
    seen: usize,
    depth: usize,
    place: Place,
    has_lf: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    Object,
    Text,
    /// Behind a backslash.
    Escape,
}

impl Splitter {
    /// For messages of at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            buffer: Vec::new(),
            begin: 0,
            seen: 0,
            depth: 0,
            place: Place::Between,
            has_lf: false,
        }
    }

    /// Takes bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.begin);
        self.seen -= self.begin;
        self.begin = 0;
        // What one long message needed is not kept for the short ones that follow.
        if self.buffer.is_empty() {
            self.buffer = Vec::with_capacity(bytes.len());
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; none until more has arrived. After an error the stream means nothing any more.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, SplitError> {
        while let Some(&byte) = self.buffer.get(self.seen) {
            let ends = self.step(byte)?;
            self.seen += 1;
            if ends {
                let (begin, end) = (self.begin, self.seen);
                self.skip_space();
                return Ok(Some(&self.buffer[begin..end]));
            }
            if self.place == Place::Between {
                self.begin = self.seen;
            } else if self.seen - self.begin > self.bytes_max {
                return Err(SplitError::TooLong { max: self.bytes_max });
            }
        }
        Ok(None)
    }

    /// Whether an LF followed a message.
    pub fn has_lf(&self) -> bool {
        self.has_lf
    }

    /// Whether a message has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.place != Place::Between
    }

    /// How many bytes are kept.
    pub fn kept_bytes(&self) -> usize {
        self.buffer.len() - self.begin
    }

    fn step(&mut self, byte: u8) -> Result<bool, SplitError> {
        match (self.place, byte) {
            (Place::Between, b'{') => (self.place, self.depth) = (Place::Object, 1),
            (Place::Between, byte) if is_space(byte) => {}
            (Place::Between, byte) => return Err(SplitError::NoObject(byte)),
            (Place::Object, b'"') => self.place = Place::Text,
            (Place::Object, b'{' | b'[') => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(SplitError::TooDeep);
                }
            }
            (Place::Object, b'}' | b']') => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.place = Place::Between;
                    return Ok(true);
                }
            }
            (Place::Text, b'"') => self.place = Place::Object,
            (Place::Text, b'\\') => self.place = Place::Escape,
            (Place::Escape, _) => self.place = Place::Text,
            (Place::Object | Place::Text, _) => {}
        }
        Ok(false)
    }

    /// Passes over what stands between two messages, as far as it is here.
    fn skip_space(&mut self) {
        while let Some(&byte) = self.buffer.get(self.seen).filter(|byte| is_space(**byte)) {
            self.has_lf |= byte == b'\n';
            self.seen += 1;
        }
        self.begin = self.seen;
    }

    /// Takes note of an LF that came in a segment of its own.
    pub fn look_for_lf(&mut self) -> bool {
        if self.place == Place::Between {
            self.skip_space();
        }
        self.has_lf
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(pieces: &[&[u8]]) -> Result<Vec<String>, SplitError> {
        let mut splitter = Splitter::new(1000);
        let mut messages = Vec::new();
        for piece in pieces {
            splitter.push(piece);
            while let Some(message) = splitter.next_message()? {
                messages.push(String::from_utf8(message.to_vec()).unwrap());
            }
        }
        Ok(messages)
    }

    /// Every way to cut a row of messages in two gives the same messages.
    #[test]
    fn messages_are_found_however_they_are_cut() {
        let row = b" {\"a\":\"}\\\"{\"}{}\n{\"b\":[{\"c\":1}]}\r\n";
        let whole = [r#"{"a":"}\"{"}"#, "{}", r#"{"b":[{"c":1}]}"#];
        for cut in 0..=row.len() {
            let (one, other) = row.split_at(cut);
            assert_eq!(split(&[one, other]).unwrap(), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = row.chunks(1).collect();
        assert_eq!(split(&bytes).unwrap(), whole);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[", "1", "\"{}\"", "null", "{}x", "GET / HTTP/1.1", "\u{feff}{}", "{}]"] {
            assert!(matches!(split(&[text.as_bytes()]), Err(SplitError::NoObject(_))), "{text}");
        }
        assert_eq!(split(&[&b"{\"a\":".repeat(DEPTH_MAX + 1)]), Err(SplitError::TooDeep));
        let long = [&b"{\""[..], &b"x".repeat(1000)].concat();
        assert_eq!(split(&[&long]), Err(SplitError::TooLong { max: 1000 }));
    }

    /// An LF is told from none, and one that comes later is found.
    #[test]
    fn the_lf_is_noticed() {
        let mut splitter = Splitter::new(100);
        splitter.push(b"\n{}");
        assert!(splitter.next_message().unwrap().is_some());
        assert!(!splitter.has_lf());
        splitter.push(b"\n");
        assert!(splitter.look_for_lf());
    }

    proptest! {
        /// Whatever comes: no panic, and no more is kept than a message and one piece.
        #[test]
        fn noise_is_no_harm(pieces in prop::collection::vec(prop::collection::vec(
            prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b'"'), Just(b'\\'), Just(b'\n'), any::<u8>()], 0..60), 0..30)) {
            let mut splitter = Splitter::new(100);
            for piece in &pieces {
                splitter.push(piece);
                loop {
                    match splitter.next_message() {
                        Ok(Some(message)) => prop_assert!(message.len() <= 101),
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                }
                prop_assert!(splitter.kept_bytes() <= 160);
            }
        }
    }
}
