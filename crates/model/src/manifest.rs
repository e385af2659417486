//! What a folder holds: its entries, sorted, each with its metadata; files with their hashes.
//!
//! Laws, checked when a manifest is made, whoever made its parts: paths are sorted and different; an entry's parent
//! is an entry of kind directory (so nothing is ever written through a link of the folder); the chunk hashes of a file
//! prove its hash. Symbolic links may point anywhere, as they do on disk: whoever writes them asks
//! [`SymlinkTarget::stays_inside`] first.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{ChunkHashes, ContentHash, Geometry, Mtime, RelPath};

/// Why entries are not those of a folder. The one who sent them is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A path is not above the one before it.
    #[error("the entry {path} is out of order or there twice")]
    Order {
        /// The second of the two paths.
        path: RelPath,
    },
    /// A path's parent is no directory of the manifest.
    #[error("the entry {path} lies in no directory of the folder")]
    Parent {
        /// The path without a parent.
        path: RelPath,
    },
    /// All chunks together are too many to be numbered.
    #[error("the folder holds more than 2^31 chunks")]
    TooManyChunks,
}

/// Permission bits and modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// The permission bits, at most 0o7777.
    pub mode: u16,
    /// When the content changed last.
    pub mtime: Mtime,
}

/// Where a symbolic link points: any text without a zero byte, 1 to 4,095 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymlinkTarget(Box<str>);

impl SymlinkTarget {
    /// The longest target that Linux takes, in bytes.
    pub const BYTES_MAX: usize = 4095;

    /// Checks `text`.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= Self::BYTES_MAX && !text.contains('\0');
        fits.then(|| Self(text.into()))
    }

    /// The target as the link holds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether following the link that lies at `link` stays inside its folder. Steps up are taken only at the
    /// start, where they pass directories of the manifest: behind a name they could pass another link, and lead out.
    pub fn stays_inside(&self, link: &RelPath) -> bool {
        if self.0.starts_with('/') {
            return false;
        }
        let mut parts = self.0.split('/').filter(|part| !matches!(*part, "" | "."));
        let is_up = |part: &&str| *part == "..";
        let ups = parts.clone().take_while(is_up).count();
        ups < link.parts().count() && !parts.by_ref().skip(ups).any(|part| part == "..")
    }
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// How it is cut; says its size.
        geometry: Geometry,
        /// The hash of its bytes.
        hash: ContentHash,
        /// The hashes of its chunks.
        chunks: ChunkHashes,
    },
    /// A directory; what it holds are entries of their own.
    Directory,
    /// A symbolic link, kept as a link.
    Symlink {
        /// Where it points.
        target: SymlinkTarget,
    },
}

/// One thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: RelPath,
    /// Its mode and time.
    pub metadata: Metadata,
    /// What it is.
    pub kind: EntryKind,
}

impl Entry {
    /// The size of a file in bytes; 0 for what is no file.
    pub fn size(&self) -> u64 {
        match &self.kind {
            EntryKind::File { geometry, .. } => geometry.size(),
            EntryKind::Directory | EntryKind::Symlink { .. } => 0,
        }
    }
}

/// A folder's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    metadata: Metadata,
    entries: Box<[Entry]>,
}

impl Manifest {
    /// Checks the entries against the laws above; `metadata` is the folder's own.
    pub fn new(metadata: Metadata, entries: Vec<Entry>) -> Result<Self, ManifestError> {
        let mut open_directories: Vec<&RelPath> = Vec::new();
        let mut chunks = 0u64;
        for (at, entry) in entries.iter().enumerate() {
            if at > 0 && entries[at - 1].path >= entry.path {
                return Err(ManifestError::Order { path: entry.path.clone() });
            }
            // Sorted entries visit directories depth first, so a parent is always among the open ones.
            while open_directories.last().is_some_and(|open| Some(open.as_str()) != entry.path.parent()) {
                open_directories.pop();
            }
            if open_directories.is_empty() && entry.path.parent().is_some() {
                return Err(ManifestError::Parent { path: entry.path.clone() });
            }
            match &entry.kind {
                EntryKind::Directory => open_directories.push(&entry.path),
                EntryKind::File { geometry, .. } => chunks += u64::from(geometry.chunk_count()),
                EntryKind::Symlink { .. } => {}
            }
        }
        if chunks > 1 << 31 {
            return Err(ManifestError::TooManyChunks);
        }
        Ok(Self { metadata, entries: entries.into() })
    }

    /// The mode and time of the folder itself.
    pub fn metadata(&self) -> Metadata {
        self.metadata
    }

    /// The entries, sorted by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The size of all files together, in bytes.
    pub fn size(&self) -> u64 {
        self.entries.iter().map(Entry::size).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: EntryKind) -> Entry {
        Entry {
            path: RelPath::new(path).unwrap(),
            metadata: Metadata { mode: 0o644, mtime: Mtime::default() },
            kind,
        }
    }

    fn link(path: &str, target: &str) -> Entry {
        entry(path, EntryKind::Symlink { target: SymlinkTarget::new(target).unwrap() })
    }

    fn check(entries: Vec<Entry>) -> Result<(), ManifestError> {
        Manifest::new(Metadata { mode: 0o755, mtime: Mtime::default() }, entries).map(drop)
    }

    #[test]
    fn nothing_lies_in_what_is_no_directory() {
        let directory = |path| entry(path, EntryKind::Directory);
        assert_eq!(
            check(alloc::vec![directory("a"), directory("a/b"), link("a/b/c", "x"), link("b", "a")]),
            Ok(())
        );
        let through_link = check(alloc::vec![link("a", "b"), link("a/x", "y")]);
        assert!(matches!(through_link, Err(ManifestError::Parent { .. })));
        assert!(matches!(check(alloc::vec![directory("a/b")]), Err(ManifestError::Parent { .. })));
        let gap = check(alloc::vec![directory("a"), link("a/b/c", "y")]);
        assert!(matches!(gap, Err(ManifestError::Parent { .. })));
    }

    #[test]
    fn order_is_strict() {
        assert!(matches!(
            check(alloc::vec![link("b", "x"), link("a", "x")]),
            Err(ManifestError::Order { .. })
        ));
        assert!(matches!(
            check(alloc::vec![link("a", "x"), link("a", "x")]),
            Err(ManifestError::Order { .. })
        ));
    }

    #[test]
    fn links_stay_inside() {
        for (path, target, stays) in [
            ("a", "b", true),
            ("a", "../b", false),
            ("a", "/etc/passwd", false),
            ("d/a", "../b", true),
            ("d/a", "../../b", false),
            ("d/a", "x/../b", false),
            ("d/e/a", "../../x/y", true),
            ("d/a", "..", true),
            ("a", "..", false),
            ("d/a", ".././/b", true),
        ] {
            let target_value = SymlinkTarget::new(target).unwrap();
            assert_eq!(target_value.stays_inside(&RelPath::new(path).unwrap()), stays, "{path} -> {target}");
        }
    }
}
