//! The names of files: a classic folder is flat, so a name is one part of a path, and leads nowhere else.

use std::fmt;
use std::sync::Arc;

use crate::limits::NAME_BYTES_MAX;

/// The folder in which files lie that are not whole; neither announced nor served.
pub(crate) const OWN_FOLDER: &str = ".drizzle";

/// What the names of unfinished files begin with that lie beside finished ones.
const OWN_PREFIX: &str = ".drizzle-part-";

/// The name of a file in a flat folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Takes a name that can stand in a folder of any system: no separator, neither `.` nor `..`, not empty, not longer than
    /// 255 bytes; and none that Drizzle keeps for itself.
    pub fn new(text: &str) -> Option<Self> {
        let is_length_good = (1..=NAME_BYTES_MAX).contains(&text.len());
        let is_apart = text != "." && text != ".." && !is_own(text);
        let is_flat = !text.contains(['/', '\\', '\0', '\n', '\r']);
        (is_length_good && is_apart && is_flat).then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether Drizzle keeps the name for what is not whole.
fn is_own(text: &str) -> bool {
    let head = text.as_bytes().get(..OWN_PREFIX.len());
    text.eq_ignore_ascii_case(OWN_FOLDER)
        || head.is_some_and(|head| head.eq_ignore_ascii_case(OWN_PREFIX.as_bytes()))
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for good in ["a", "file A.txt", "..a", ".hidden", ".drizzleignore", "名", &"x".repeat(255)] {
            assert!(Name::new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "/a",
            "../a",
            "a\\b",
            "a\0",
            "a\n",
            ".Drizzle",
            ".Drizzle-Part-a",
            &"x".repeat(256),
        ] {
            assert!(Name::new(bad).is_none(), "{bad}");
        }
    }
}
