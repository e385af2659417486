//! A folder that is entered only by descriptors: no path leads out of it, through whatever lies in it.
//!
//! Every directory is opened from its parent's descriptor, and none through a symbolic link, so a link that somebody
//! plants while files are written cannot turn a path elsewhere. The directories used last stay open: paths come sorted,
//! so most need no step at all.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use drizzle_model::RelPath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fchmod, fstat, mkdirat, openat, statat};
use rustix::io::Errno;

use crate::DiskError;
use crate::lru::Lru;

/// So many directories stay open for one tree. Ten trees stay well below the usual limit of 1,024 descriptors.
const OPEN_DIRECTORIES_MAX: usize = 48;

/// The mode of a directory while its content is being fetched: nobody else looks at what is not whole.
const PRIVATE: Mode = Mode::RWXU;

/// Whose the directories on the way are, and so what may be done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// To be entered only: one that is not there is an error.
    Visit,
    /// The user's: made as usual where it is not there, and left alone where it is.
    Users,
    /// Part of the folder that is being fetched: made private, and one that is there is made writable for its owner.
    /// Mode and time are set when all of it is there.
    Own,
}

/// A directory that is kept open, and whether something may be made in it: to visit one does not make it writable.
#[derive(Debug, PartialEq, Eq)]
struct Opened {
    path: Box<str>,
    is_taken: bool,
}

#[derive(Debug)]
pub(crate) struct Tree {
    path: PathBuf,
    root: Arc<OwnedFd>,
    /// Whether nothing has to be done to the root itself before something is made in it: it is the user's, or was found
    /// or made writable before.
    is_root_taken: AtomicBool,
    open: Mutex<Lru<Opened, Arc<OwnedFd>>>,
    /// A file in the root whose name is no text, and the path that stands for it.
    odd: Option<(RelPath, OsString)>,
}

impl Tree {
    /// Opens the folder at `path`; the path itself may lead through links, since the user gave it.
    pub(crate) fn open(path: &Path) -> Result<Self, DiskError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| DiskError::new(path, e))?;
        Ok(Self::of_descriptor(path.into(), Arc::new(root), AtomicBool::new(true)))
    }

    /// The same, where a path stands for a file in the root whose name is no text.
    pub(crate) fn with_odd_name(self, path: RelPath, name: OsString) -> Self {
        Self { odd: Some((path, name)), ..self }
    }

    fn of_descriptor(path: PathBuf, root: Arc<OwnedFd>, is_root_taken: AtomicBool) -> Self {
        Self { path, root, is_root_taken, open: Mutex::new(Lru::new(OPEN_DIRECTORIES_MAX)), odd: None }
    }

    /// The tree below one of this tree's directories.
    pub(crate) fn subtree(&self, directory: &str, claim: Claim) -> Result<Self, DiskError> {
        let root = self.directory(directory, claim)?;
        Ok(Self::of_descriptor(self.path.join(directory), root, AtomicBool::new(false)))
    }

    /// Lets go of the directories that are kept open, since others may have removed some.
    pub(crate) fn forget(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(|_| true);
    }

    /// Where the tree lies, for messages and for the index.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn path_of(&self, path: &RelPath) -> PathBuf {
        match self.odd_name(path) {
            Some(name) => self.path.join(name),
            None => self.path.join(path.as_str()),
        }
    }

    fn odd_name(&self, path: &RelPath) -> Option<&OsStr> {
        self.odd.as_ref().filter(|(odd, _)| odd == path).map(|(_, name)| name.as_os_str())
    }

    /// What the file at a path is called in its folder.
    fn name_of<'a>(&'a self, path: &'a RelPath) -> &'a OsStr {
        self.odd_name(path).unwrap_or(path.file_name().as_ref())
    }

    pub(crate) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// The directory that holds `path`.
    pub(crate) fn parent(&self, path: &RelPath, claim: Claim) -> Result<Arc<OwnedFd>, DiskError> {
        self.directory(path.parent().unwrap_or(""), claim)
    }

    /// A directory of the tree; the empty path is its root.
    pub(crate) fn directory(&self, path: &str, claim: Claim) -> Result<Arc<OwnedFd>, DiskError> {
        if claim == Claim::Own && !self.is_root_taken.swap(true, Relaxed) {
            make_writable(&self.root, ".", &self.root).map_err(|e| DiskError::new(&self.path, e))?;
        }
        let mut known = path;
        let mut at = loop {
            if known.is_empty() {
                break self.root.clone();
            }
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(directory) =
                open.take_up(|opened| *opened.path == *known && (opened.is_taken || claim != Claim::Own))
            {
                break directory;
            }
            known = known.rsplit_once('/').map_or("", |(parent, _)| parent);
        };
        let mut end = known.len();
        for name in path[end..].split('/').filter(|name| !name.is_empty()) {
            end += name.len() + usize::from(end > 0);
            let whole = &path[..end];
            at = Arc::new(enter(&at, name, claim).map_err(|e| self.explain(whole, e))?);
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.put(Opened { path: whole.into(), is_taken: claim == Claim::Own }, at.clone());
        }
        Ok(at)
    }

    /// Opens a file for reading. What is no regular file is refused, and never waited for.
    pub(crate) fn open_file(&self, path: &RelPath) -> Result<OwnedFd, DiskError> {
        let parent = self.parent(path, Claim::Visit)?;
        // Without NONBLOCK, to open a FIFO would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        openat(&*parent, self.name_of(path), flags, Mode::empty())
            .map_err(|e| DiskError::new(self.path_of(path), e))
    }

    /// What lies at `path` itself; none when nothing does. A file or link among the path's parents is an error.
    pub(crate) fn stat(&self, path: &RelPath) -> Result<Option<Stat>, DiskError> {
        let parent = match self.parent(path, Claim::Visit) {
            Err(DiskError::NotFound { .. }) => return Ok(None),
            other => other?,
        };
        match statat(&*parent, self.name_of(path), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(DiskError::new(self.path_of(path), e)),
        }
    }

    /// Linux says "not a directory" of a link too; the user must know which it is.
    fn explain(&self, path: &str, error: Errno) -> DiskError {
        let whole = self.path.join(path);
        if error == Errno::NOTDIR {
            let stat = rustix::fs::lstat(&whole);
            if stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink) {
                return DiskError::IsALink { path: whole };
            }
        }
        DiskError::new(whole, error)
    }
}

fn enter(parent: &OwnedFd, name: &str, claim: Claim) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = match claim {
        Claim::Visit => return openat(parent, name, flags, Mode::empty()),
        Claim::Users => Mode::RWXU | Mode::RWXG | Mode::RWXO,
        Claim::Own => PRIVATE,
    };
    match openat(parent, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => match mkdirat(parent, name, mode) {
            Ok(()) | Err(Errno::EXIST) => openat(parent, name, flags, Mode::empty()),
            Err(e) => Err(e),
        },
        Ok(directory) if claim == Claim::Own => {
            make_writable(parent, name, &directory)?;
            Ok(directory)
        }
        other => other,
    }
}

/// A folder fetched before may have been left without the right to write, as its manifest says.
fn make_writable(parent: &OwnedFd, name: &str, directory: &OwnedFd) -> Result<(), Errno> {
    let stat = fstat(directory)?;
    if stat.st_mode & PRIVATE.as_raw_mode() == PRIVATE.as_raw_mode() {
        return Ok(());
    }
    let Ok(readable) = open_directory(parent, name) else {
        return Ok(()); // To write in it will fail, and say so; to read in it may be enough.
    };
    // Whose it is not will be told when writing fails.
    let _ = fchmod(&readable, Mode::from_raw_mode(stat.st_mode & 0o7777) | PRIVATE);
    Ok(())
}

/// A directory opened so that its mode and times can be set.
pub(crate) fn open_directory(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rel(path: &str) -> RelPath {
        RelPath::new(path).unwrap()
    }

    #[test]
    fn deep_folders_are_made_and_found_though_few_stay_open() {
        let place = tempfile::tempdir().unwrap();
        let tree = Tree::open(place.path()).unwrap();
        let deep = vec!["d"; OPEN_DIRECTORIES_MAX * 2].join("/");
        tree.directory(&deep, Claim::Own).unwrap();
        tree.directory("x/y", Claim::Own).unwrap();
        assert!(place.path().join(&deep).is_dir() && place.path().join("x/y").is_dir());
        std::fs::write(place.path().join(&deep).join("f"), "here").unwrap();
        assert!(tree.open_file(&rel(&format!("{deep}/f"))).is_ok());
        assert!(tree.stat(&rel("x/y/z")).unwrap().is_none());
        assert!(tree.stat(&rel("no/y/z")).unwrap().is_none());
    }

    #[test]
    fn links_and_files_are_no_folders_and_are_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), place.path().join("link")).unwrap();
        std::fs::write(place.path().join("file"), "").unwrap();
        let tree = Tree::open(place.path()).unwrap();
        let create = |path| tree.parent(&rel(path), Claim::Own).unwrap_err();
        assert!(matches!(create("link/x"), DiskError::IsALink { path } if path.ends_with("link")));
        assert!(matches!(create("link/a/x"), DiskError::IsALink { .. }));
        assert!(matches!(create("file/x"), DiskError::NotAFolder { path } if path.ends_with("file")));
        assert!(matches!(tree.open_file(&rel("link")), Err(DiskError::IsALink { .. })));
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
