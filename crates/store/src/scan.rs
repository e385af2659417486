//! What lies in a folder: a walk that gathers names, modes and times, and says what it had to leave out.
//!
//! `.drizzleignore` files, in any folder, say in the syntax of gitignore what is not shared; nothing else is hidden, dot
//! files are shared. Drizzle's own `.drizzle` folders and leftovers never are. Links are kept as links.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use drizzle_model::{Geometry, Metadata, PathError, RelPath, SymlinkTarget};
use ignore::{DirEntry, WalkBuilder};
use rustix::fs::{FileType, lstat, readlink};

use crate::reserved::is_reserved;
use crate::signature::{Signature, metadata_of};

/// Gitignore rules of a folder, by name.
const IGNORE_FILE: &str = ".drizzleignore";

/// Something that is not shared though it was not ignored, or a rule that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Skipped {
    /// What was left out.
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why something was left out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Other machines could not be told its name.
    #[error("skipped, since its name is not UTF-8")]
    NotUtf8,
    /// Its path is none that a folder can hold.
    #[error("skipped, since its path cannot be used: {0}")]
    Path(PathError),
    /// A link whose target is not UTF-8 or too long.
    #[error("skipped, since where the link points cannot be kept")]
    LinkTarget,
    /// A socket, FIFO or device.
    #[error("skipped, since it is neither file, folder nor link")]
    Kind,
    /// Larger than any file can be.
    #[error("skipped, since it is larger than {max} bytes", max = Geometry::SIZE_MAX)]
    TooLarge,
    /// It could not be read.
    #[error("skipped, since it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It changed whenever it was read.
    #[error("skipped, since it changed while it was read; share it again when it is at rest")]
    Changing,
    /// Somebody is still writing it.
    #[error("left out for now, since it is still being written")]
    Unfinished,
    /// Its rules are wrong in part; the rest of them count.
    #[error("not all rules could be read: {0}")]
    IgnoreRules(String),
}

/// One thing in the folder.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) path: RelPath,
    pub(crate) metadata: Metadata,
    pub(crate) kind: ItemKind,
}

#[derive(Debug)]
pub(crate) enum ItemKind {
    File { signature: Signature, geometry: Geometry },
    Directory,
    Symlink { target: SymlinkTarget },
}

/// What a walk found, sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) items: Vec<Item>,
    pub(crate) skipped: Vec<Skipped>,
}

impl Scan {
    /// Walks everything below `root`.
    pub(crate) fn of_folder(root: &Path) -> Self {
        let mut scan = Self::default();
        for entry in walk(root) {
            match entry {
                Ok(entry) => scan.take(root, &entry),
                Err(error) => scan.skip_failed(root, error),
            }
        }
        scan
    }

    fn take(&mut self, root: &Path, entry: &DirEntry) {
        if let Some(error) = entry.error() {
            let reason = SkipReason::IgnoreRules(error.to_string());
            self.skipped.push(Skipped { path: entry.path().join(IGNORE_FILE), reason });
        }
        if entry.depth() == 0 {
            return;
        }
        match item_at(root, entry.path()) {
            Ok(item) => self.items.push(item),
            Err(reason) => self.skipped.push(Skipped { path: entry.path().into(), reason }),
        }
    }

    fn skip_failed(&mut self, root: &Path, error: ignore::Error) {
        let path = path_of(&error).unwrap_or(root).into();
        let text = error.to_string();
        let reason = error.into_io_error().unwrap_or_else(|| io::Error::other(text));
        self.skipped.push(Skipped { path, reason: SkipReason::Unreadable(reason) });
    }
}

/// A directory that was skipped for its name must not be walked: what it holds would have no parent.
fn walk(root: &Path) -> ignore::Walk {
    WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(|entry| entry.depth() == 0 || !is_reserved(entry.file_name().as_bytes()))
        .build()
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

fn item_at(root: &Path, path: &Path) -> Result<Item, SkipReason> {
    let relative = path.strip_prefix(root).unwrap_or(path).to_str().ok_or(SkipReason::NotUtf8)?;
    item(RelPath::new(relative).map_err(SkipReason::Path)?, path)
}

/// Looks at one path, without following it.
pub(crate) fn item(path: RelPath, whole: &Path) -> Result<Item, SkipReason> {
    let stat = lstat(whole).map_err(|e| SkipReason::Unreadable(e.into()))?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => ItemKind::Directory,
        FileType::Symlink => ItemKind::Symlink { target: target_of(whole)? },
        FileType::RegularFile => {
            let signature = Signature::of_stat(&stat);
            let geometry = Geometry::for_size(signature.size).ok_or(SkipReason::TooLarge)?;
            ItemKind::File { signature, geometry }
        }
        _ => return Err(SkipReason::Kind),
    };
    Ok(Item { path, metadata: metadata_of(&stat), kind })
}

fn target_of(link: &Path) -> Result<SymlinkTarget, SkipReason> {
    let target = readlink(link, Vec::new()).map_err(|e| SkipReason::Unreadable(e.into()))?;
    target.to_str().ok().and_then(SymlinkTarget::new).ok_or(SkipReason::LinkTarget)
}
