//! A request for a file, as far as it has come: a rule without a clock or a socket.

use crate::limits::NAME_BYTES_MAX;

/// How an asker wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A header with the length first.
    Framed,
    /// The bytes alone.
    Bare,
}

/// What has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is whole. None when it is no name.
    For(Option<String>, Form),
    /// It may be whole, if nothing more comes.
    Perhaps(String),
    /// It is not whole yet.
    NotYet,
    /// It is longer than any name.
    TooLong,
}

/// Reads what has come. With an LF it is whole; without one it is whole when the asker has ended its side.
pub(crate) fn read(bytes: &[u8], has_ended: bool) -> Asked {
    if let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
        let line = &bytes[..end];
        return Asked::For(name(line.strip_suffix(b"\r").unwrap_or(line)), Form::Framed);
    }
    match (bytes.len() > NAME_BYTES_MAX, has_ended, name(bytes)) {
        (true, ..) => Asked::TooLong,
        (_, true, name) => Asked::For(name, Form::Bare),
        (_, false, Some(name)) if !name.is_empty() => Asked::Perhaps(name),
        // Nothing yet, or half a letter.
        (_, false, _) => Asked::NotYet,
    }
}

fn name(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lf_tells_how_to_answer() {
        let framed = Asked::For(Some("fileA.txt".into()), Form::Framed);
        for bytes in ["fileA.txt\n", "fileA.txt\r\n", "fileA.txt\nmore"] {
            assert_eq!(read(bytes.as_bytes(), false), framed);
            assert_eq!(read(bytes.as_bytes(), true), framed);
        }
        assert_eq!(read(b"fileA.txt", false), Asked::Perhaps("fileA.txt".into()));
        assert_eq!(read(b"fileA.txt", true), Asked::For(Some("fileA.txt".into()), Form::Bare));
        assert_eq!(read(b"", false), Asked::NotYet);
        assert_eq!(read("ü".as_bytes().split_at(1).0, false), Asked::NotYet);
        assert_eq!(read(b"\xff\n", false), Asked::For(None, Form::Framed));
        assert_eq!(read(&[b'a'; 256], false), Asked::TooLong);
    }
}
