//! Listings and searches, in pages, without locations (S0.2, S1.9).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use drizzle_model::{FileKey, Mtime, Time};

use crate::directory::Directory;
use crate::files::File;
use crate::quota::limits::{PAGE_FILES_MAX, PAGE_SCAN_MAX};
use crate::version::Version;

/// Which files are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pattern: String,
    is_folded: bool,
}

impl Filter {
    /// Every file.
    pub fn all() -> Self {
        Self::containing("")
    }

    /// Files whose name contains the pattern as it stands.
    pub fn containing(pattern: &str) -> Self {
        Self { pattern: pattern.into(), is_folded: false }
    }

    /// Files whose name contains the pattern, capital or small.
    pub fn containing_folded(pattern: &str) -> Self {
        let mut folded = String::new();
        fold(pattern, &mut folded);
        Self { pattern: folded, is_folded: true }
    }

    /// `room` is for a folded name, so that a million names need no million allocations.
    fn takes(&self, name: &str, room: &mut String) -> bool {
        if !self.is_folded {
            return name.contains(&*self.pattern);
        }
        fold(name, room);
        room.contains(&*self.pattern)
    }
}

/// Writes the text in lower case, character by character, so that equal texts fold alike wherever they stand in a word.
fn fold(text: &str, folded: &mut String) {
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// A file in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which file.
    pub key: Arc<FileKey>,
    /// The newest modification time that it was registered with.
    pub mtime: Mtime,
    /// How many peers have something of it; one or more.
    pub peers: u32,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The files, in the order of their names; maybe none although there is a next page.
    pub files: Vec<Listed>,
    /// What to ask for files after, for the next page; none when this is the last one.
    pub next: Option<Arc<FileKey>>,
    /// The version that was listed. Pages of different versions do not show one moment.
    pub version: Version,
}

impl Directory {
    /// The files that can be fetched, from the one behind `after` on: at most `files_max` of them, and at most
    /// [`PAGE_FILES_MAX`].
    pub fn list(&mut self, now: Time, filter: &Filter, after: Option<&FileKey>, files_max: usize) -> Page {
        self.expire(now);
        let files_max = files_max.clamp(1, PAGE_FILES_MAX);
        let mut page = Page { files: Vec::new(), next: None, version: self.version };
        let mut room = String::new();
        for (scanned, (key, id)) in self.files.after(after).enumerate() {
            if page.files.len() == files_max || scanned == PAGE_SCAN_MAX {
                return page;
            }
            page.next = Some(Arc::clone(key));
            if filter.takes(key.name.as_str(), &mut room) {
                page.files.extend(self.files.file(id).filter(|file| file.sources > 0).map(listed));
            }
        }
        page.next = None;
        page
    }
}

fn listed(file: &File) -> Listed {
    Listed { key: Arc::clone(&file.key), mtime: file.mtime, peers: file.sources }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_as_they_stand_or_folded() {
        let takes = |filter: Filter, name| filter.takes(name, &mut String::new());
        assert!(takes(Filter::all(), "x"));
        assert!(takes(Filter::containing("b/C"), "ab/Cd"));
        assert!(!takes(Filter::containing("b/c"), "ab/Cd"));
        assert!(takes(Filter::containing_folded("B/c"), "ab/Cd"));
        assert!(takes(Filter::containing_folded("ÄÖ"), "xäöx"));
        assert!(takes(Filter::containing_folded("σ"), "ΟΔΟΣ"), "a final sigma is no other letter");
        assert!(!takes(Filter::containing_folded("y"), "x"));
    }
}
