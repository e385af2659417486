//! A relative path inside a folder, safe to join to a target: no way out, no empty part, valid on every Unix.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use core::fmt;

/// Why a text is no relative path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// There is nothing.
    #[error("the path is empty")]
    Empty,
    /// It begins with a slash.
    #[error("the path is absolute")]
    Absolute,
    /// A part is `.` or `..`, or nothing stands between two slashes.
    #[error("the path has a part that is empty, '.' or '..'")]
    Dots,
    /// It holds a zero byte.
    #[error("the path holds a zero byte")]
    Zero,
    /// A part is longer than file systems take.
    #[error("a part of the path has {received} bytes, expected at most {max}", max = RelPath::PART_BYTES_MAX)]
    PartTooLong {
        /// The part's length in bytes.
        received: usize,
    },
    /// The whole is longer than systems take.
    #[error("the path has {received} bytes, expected at most {max}", max = RelPath::BYTES_MAX)]
    TooLong {
        /// The path's length in bytes.
        received: usize,
    },
}

/// One or more names with slashes between them, in UTF-8. Ordered by bytes, parts compared one by one, so that a
/// folder's content follows the folder.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelPath(Box<str>);

impl RelPath {
    /// The longest name that Linux file systems take, in bytes.
    pub const PART_BYTES_MAX: usize = 255;
    /// The longest path, in bytes: `PATH_MAX` of Linux less room for the folder it is joined to.
    pub const BYTES_MAX: usize = 3072;

    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(PathError::TooLong { received: text.len() });
        }
        text.split('/').try_for_each(check_part)?;
        Ok(Self(text.to_owned().into()))
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names, from the outermost.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last name.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path without its last name; none when there is just one.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }
}

fn check_part(part: &str) -> Result<(), PathError> {
    if matches!(part, "" | "." | "..") {
        return Err(PathError::Dots);
    }
    if part.contains('\0') {
        return Err(PathError::Zero);
    }
    if part.len() > RelPath::PART_BYTES_MAX {
        return Err(PathError::PartTooLong { received: part.len() });
    }
    Ok(())
}

impl Ord for RelPath {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.parts().cmp(other.parts())
    }
}

impl PartialOrd for RelPath {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_or_confuse_are_refused() {
        let long = "x".repeat(256);
        let cases = [
            ("", PathError::Empty),
            ("/etc", PathError::Absolute),
            ("..", PathError::Dots),
            ("a/../b", PathError::Dots),
            ("a/./b", PathError::Dots),
            ("a//b", PathError::Dots),
            ("a/", PathError::Dots),
            ("a\0b", PathError::Zero),
            (&long, PathError::PartTooLong { received: 256 }),
        ];
        for (text, error) in cases {
            assert_eq!(RelPath::new(text), Err(error), "{text:?}");
        }
        let long = "x/".repeat(2000) + "x";
        assert_eq!(RelPath::new(&long), Err(PathError::TooLong { received: 4001 }));
    }

    #[test]
    fn awkward_names_are_taken() {
        for text in ["a b", "-rf", "…", "a\nb", "\\", "..a", "C:", "名前/ファイル", "e\u{301}"] {
            assert_eq!(RelPath::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_folders_content_follows_it() {
        let mut paths: alloc::vec::Vec<_> =
            ["a-b", "a/b", "a", "a/a/a"].map(|t| RelPath::new(t).unwrap()).into();
        paths.sort();
        let texts: alloc::vec::Vec<_> = paths.iter().map(RelPath::as_str).collect();
        assert_eq!(texts, ["a", "a/a/a", "a/b", "a-b"]);
    }
}
