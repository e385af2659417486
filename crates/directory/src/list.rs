//! Listings and searches, in pages, without locations (S0.2, S1.9).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use drizzle_model::{FileKey, RelPath, Time};

use crate::change_log::Listed;
use crate::directory::Directory;
use crate::files::{File, least_of_name};
use crate::pattern::{Pattern, pieces};
use crate::quota::limits::{PAGE_FILES_MAX, PAGE_SCAN_MAX, PAGE_STEPS_MAX};
use crate::version::Version;

/// Which files are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pattern: Pattern,
    is_folded: bool,
}

impl Filter {
    /// Every file.
    pub fn all() -> Self {
        Self::containing("")
    }

    /// Files whose name contains the text as it stands.
    pub fn containing(text: &str) -> Self {
        Self { pattern: Pattern::Part(text.into()), is_folded: false }
    }

    /// Files whose name contains the text, capital or small.
    pub fn containing_folded(text: &str) -> Self {
        Self { pattern: Pattern::Part(folded(text)), is_folded: true }
    }

    /// Files whose name begins with the text as it stands.
    pub fn beginning(text: &str) -> Self {
        Self { pattern: Pattern::Beginning(text.into()), is_folded: false }
    }

    /// Files whose name begins with the text, capital or small.
    pub fn beginning_folded(text: &str) -> Self {
        Self { pattern: Pattern::Beginning(folded(text)), is_folded: true }
    }

    /// Files whose whole name is like the pattern: `*` is any characters, `?` one, `[a-z]` and `[!a-z]` one of a set or none of
    /// it, and `\` takes the next character as it is.
    pub fn glob(pattern: &str) -> Self {
        Self { pattern: Pattern::Glob(pieces(pattern)), is_folded: false }
    }

    /// The same, capital or small.
    pub fn glob_folded(pattern: &str) -> Self {
        Self { pattern: Pattern::Glob(pieces(&folded(pattern))), is_folded: true }
    }

    /// Whether a file of that name is asked for.
    pub fn is_for(&self, name: &str) -> bool {
        self.takes(name, &mut String::new(), &mut 0)
    }

    /// `room` is for a folded name, so that a million names need no million allocations; `steps` counts what it cost.
    fn takes(&self, name: &str, room: &mut String, steps: &mut usize) -> bool {
        if !self.is_folded {
            return self.pattern.takes(name, steps);
        }
        fold(name, room);
        self.pattern.takes(room, steps)
    }

    /// The name before which none can be asked for; none when that is not known.
    fn least_name(&self) -> Option<RelPath> {
        match &self.pattern {
            // In the order of names a slash comes before every other character, so `a` is just before all in `a/`.
            Pattern::Beginning(text) if !self.is_folded => {
                RelPath::new(text.strip_suffix('/').unwrap_or(text)).ok()
            }
            _ => None,
        }
    }
}

fn folded(text: &str) -> String {
    let mut folded = String::new();
    fold(text, &mut folded);
    folded
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
        let (mut room, mut steps) = (String::new(), 0);
        let least = filter.least_name();
        let start = least.as_ref().map(least_of_name);
        let from = start.as_ref().max(after);
        for (scanned, (key, id)) in self.files.after(from).enumerate() {
            if page.files.len() == files_max || scanned == PAGE_SCAN_MAX || steps > PAGE_STEPS_MAX {
                return page;
            }
            let takes = filter.takes(key.name.as_str(), &mut room, &mut steps);
            if !takes && least.as_ref().is_some_and(|least| key.name != *least) {
                // All that begin alike stand together.
                break;
            }
            page.next = Some(Arc::clone(key));
            if takes {
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
        let takes = |filter: Filter, name| filter.is_for(name);
        assert!(takes(Filter::all(), "x"));
        assert!(takes(Filter::containing("b/C"), "ab/Cd"));
        assert!(!takes(Filter::containing("b/c"), "ab/Cd"));
        assert!(takes(Filter::containing_folded("B/c"), "ab/Cd"));
        assert!(takes(Filter::containing_folded("ÄÖ"), "xäöx"));
        assert!(takes(Filter::containing_folded("σ"), "ΟΔΟΣ"), "a final sigma is no other letter");
        assert!(!takes(Filter::containing_folded("y"), "x"));
        assert!(takes(Filter::beginning("ab/"), "ab/Cd"));
        assert!(!takes(Filter::beginning("b"), "ab/Cd") && !takes(Filter::beginning("AB"), "ab/Cd"));
        assert!(takes(Filter::beginning_folded("AB"), "ab/Cd"));
        assert!(takes(Filter::glob("a?/*d"), "ab/Cd") && !takes(Filter::glob("b*"), "ab/Cd"));
        assert!(takes(Filter::glob_folded("[A-Z]B/c*"), "ab/Cd"));
    }
}
