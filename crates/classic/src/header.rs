//! The header of a framed reply, `Content-Length: 25` and an LF, however it is cut.

use crate::limits::HEADER_BYTES_MAX;

const FIELD: &[u8] = b"content-length:";

/// Why a reply does not begin with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It begins with something else.
    #[error("it begins otherwise")]
    Other,
    /// The length is no number.
    #[error("the length is no number")]
    Length,
}

/// What has come of it.
#[derive(Debug, Default)]
pub(crate) struct Header {
    line: Vec<u8>,
}

impl Header {
    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Takes bytes; once the header is whole, gives the length and those of the bytes that are behind it.
    pub(crate) fn push<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(u64, &'a [u8])>, HeaderError> {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let room = HEADER_BYTES_MAX - self.line.len();
        let of_line = &bytes[..end.unwrap_or(bytes.len())];
        self.line.extend_from_slice(&of_line[..of_line.len().min(room)]);
        let seen = self.line.len().min(FIELD.len());
        if !self.line[..seen].eq_ignore_ascii_case(&FIELD[..seen]) {
            return Err(HeaderError::Other);
        }
        match end {
            Some(end) => Ok(Some((self.length()?, &bytes[end + 1..]))),
            None if self.line.len() == HEADER_BYTES_MAX => Err(HeaderError::Length),
            None => Ok(None),
        }
    }

    fn length(&self) -> Result<u64, HeaderError> {
        let text = self.line.get(FIELD.len()..).ok_or(HeaderError::Other)?.trim_ascii();
        let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(text).ok().filter(|_| is_number);
        number.and_then(|number| number.parse().ok()).ok_or(HeaderError::Length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_header_is_read_however_it_is_cut() {
        let reply = b"Content-Length: 25\nthe bytes";
        for cut in 0..reply.len() {
            let (one, other) = reply.split_at(cut);
            let mut header = Header::default();
            let (length, rest) = match header.push(one).unwrap() {
                Some((length, rest)) => (length, [rest, other].concat()),
                None => header.push(other).unwrap().map(|(length, rest)| (length, rest.to_vec())).unwrap(),
            };
            assert_eq!((length, &*rest), (25, &b"the bytes"[..]), "cut at {cut}");
        }
        let read = |line: &[u8]| Header::default().push(line).map(|found| found.map(|(length, _)| length));
        assert_eq!(read(b"content-length:0\r\n"), Ok(Some(0)));
        for bad in [
            "the file",
            "\n",
            "Content-Length: x\n",
            "Content-Length:\n",
            "Content-Length: -1\n",
            "Content-Length: 99999999999999999999\n",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(read(&[&b"Content-Length: "[..], &[b'1'; 200]].concat()), Err(HeaderError::Length));
    }

    proptest! {
        #[test]
        fn noise_is_no_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..5), starts_right: bool) {
            let mut header = Header::default();
            if starts_right {
                let _ = header.push(b"Content-Length: ");
            }
            for piece in &pieces {
                if !matches!(header.push(piece), Ok(None)) {
                    break;
                }
            }
            prop_assert!(header.line.len() <= HEADER_BYTES_MAX);
        }
    }
}
