//! The folder of unfinished files of one content: `.drizzle/partial/HASH` within the target's directory, or `HASH` within
//! the one that the user named. It is locked while a process fetches into it, and gone when all is done.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use drizzle_model::{Geometry, RelPath};
use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, flock, fstat, ftruncate, openat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::reserved::OWN_FOLDER;
use crate::tree::{Claim, Tree, open_directory};
use crate::{Content, DiskError};

use super::identity::Identity;

/// Somebody who finishes the same content may remove the folder between its opening and its locking; rarely twice.
const LOCK_ATTEMPTS_MAX: usize = 8;
const FILE_FLAGS: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

#[derive(Debug)]
pub(super) struct PartialFolder {
    tree: Tree,
    path: RelPath,
    folder: Arc<OwnedFd>,
    /// Holds the lock.
    _lock: OwnedFd,
    counter: AtomicU64,
}

impl PartialFolder {
    /// Whether an interrupted download left its folder.
    pub(super) fn is_left(directory: &Path, chosen: Option<&Path>, content: &Content) -> bool {
        chosen.unwrap_or(directory).join(path_within(chosen, content)).exists()
    }

    /// Opens or makes the folder, locks it, and removes what is no partial file of a big entry.
    pub(super) fn open(
        directory: &Path,
        chosen: Option<&Path>,
        content: &Content,
    ) -> Result<Self, DiskError> {
        if let Some(chosen) = chosen {
            std::fs::create_dir_all(chosen).map_err(|e| DiskError::of_std(chosen, e))?;
        }
        let tree = Tree::open(chosen.unwrap_or(directory))?;
        let path = path_within(chosen, content);
        let path = RelPath::new(&path).map_err(|_| DiskError::Name { path: path.into() })?;
        let (folder, locked) = open_locked(&tree, &path)?;
        let partial = Self { tree, path, folder, _lock: locked, counter: AtomicU64::new(0) };
        partial.check_owner()?;
        partial.clean(content)?;
        Ok(partial)
    }

    /// Refuses the folder of another user, who could change what lies in it after it was verified. Root could do so
    /// anywhere, so a folder of root's is taken.
    fn check_owner(&self) -> Result<(), DiskError> {
        let owner = fstat(&self._lock).map_err(|e| self.error("", e))?.st_uid;
        if owner == geteuid().as_raw() || owner == 0 || owner == self.owner_of_new()? {
            return Ok(());
        }
        Err(DiskError::Foreign { path: self.tree.path_of(&self.path) })
    }

    /// Whose a new file is. Where the file system keeps no owners (FAT) or gives others (NFS to root), not this user's.
    fn owner_of_new(&self) -> Result<u32, DiskError> {
        let name = format!("owner-{}", std::process::id());
        let file = self.create(&name, Mode::RUSR)?;
        let stat = fstat(&file).map_err(|e| self.error(&name, e));
        self.remove(&name);
        Ok(stat?.st_uid)
    }

    pub(super) fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    pub(super) fn error(&self, name: &str, error: Errno) -> DiskError {
        DiskError::new(self.tree.path_of(&self.path).join(name), error)
    }

    /// The partial file of an entry, if there is one.
    pub(super) fn existing(&self, entry: usize) -> Result<Option<OwnedFd>, DiskError> {
        let name = entry.to_string();
        match openat(&*self.folder, &*name, FILE_FLAGS | OFlags::RDWR, Mode::empty()) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(self.error(&name, e)),
        }
    }

    /// The partial file of an entry; a new one is all hole.
    pub(super) fn file(&self, entry: usize, geometry: Geometry) -> Result<OwnedFd, DiskError> {
        if let Some(file) = self.existing(entry)? {
            return Ok(file);
        }
        let name = entry.to_string();
        let flags = FILE_FLAGS | OFlags::RDWR | OFlags::CREATE;
        let file = openat(&*self.folder, &*name, flags, Mode::RUSR | Mode::WUSR);
        let file = file.map_err(|e| self.error(&name, e))?;
        ftruncate(&file, geometry.size()).map_err(|e| self.error(&name, e))?;
        Ok(file)
    }

    /// The entries that have a partial file.
    pub(super) fn entries(&self) -> Result<Vec<usize>, DiskError> {
        Ok(self.names()?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// A new file of its own, and its name. What a crash leaves of them is removed at the next start.
    pub(super) fn temporary(&self, mode: Mode) -> Result<(OwnedFd, String), DiskError> {
        let name = format!("t{}", self.counter.fetch_add(1, Relaxed));
        Ok((self.create(&name, mode)?, name))
    }

    fn create(&self, name: &str, mode: Mode) -> Result<OwnedFd, DiskError> {
        let flags = FILE_FLAGS | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        openat(&*self.folder, name, flags, mode).map_err(|e| self.error(name, e))
    }

    /// Errors unless the name stands for that very file.
    pub(super) fn check_identity(&self, name: &str, expected: Identity) -> Result<(), DiskError> {
        let stat = statat(&*self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        match stat.map(|stat| Identity::of_stat(&stat)) {
            Ok(received) if received == expected => Ok(()),
            Ok(_) | Err(Errno::NOENT) => Err(self.replaced(name)),
            Err(e) => Err(self.error(name, e)),
        }
    }

    pub(super) fn replaced(&self, name: &str) -> DiskError {
        DiskError::Replaced { path: self.tree.path_of(&self.path).join(name) }
    }

    /// Removes a file. What cannot be removed is tried again at the next start.
    pub(super) fn remove(&self, name: &str) {
        let _ = unlinkat(&*self.folder, name, AtFlags::empty());
    }

    /// Removes the folder, with whatever is left in it, and the directories above that were made for it.
    pub(super) fn remove_all(&self) -> Result<(), DiskError> {
        for name in self.names()? {
            self.remove(&name);
        }
        let mut path = self.path.as_str();
        loop {
            // A directory that is not empty is in use by another download, and stays.
            if unlinkat(self.tree.root(), path, AtFlags::REMOVEDIR).is_err() {
                return Ok(());
            }
            match path.rsplit_once('/') {
                Some((parent, _)) => path = parent,
                None => return Ok(()),
            }
        }
    }

    fn clean(&self, content: &Content) -> Result<(), DiskError> {
        let is_big = |entry| content.file_at(entry).is_some_and(|(geometry, _)| geometry.chunk_count() > 1);
        for name in self.names()? {
            let entry = name.parse::<usize>().ok().filter(|entry| entry.to_string() == name);
            if !entry.is_some_and(is_big) {
                self.remove(&name);
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, DiskError> {
        let listed = Dir::read_from(&self._lock).and_then(|entries| {
            let name = |entry: rustix::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
            entries.map(|entry| entry.map(name)).collect::<Result<Vec<_>, _>>()
        });
        let mut names = listed.map_err(|e| self.error("", e))?;
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }
}

fn path_within(chosen: Option<&Path>, content: &Content) -> String {
    match chosen {
        Some(_) => content.hash().to_string(),
        None => format!("{OWN_FOLDER}/partial/{}", content.hash()),
    }
}

fn open_locked(tree: &Tree, path: &RelPath) -> Result<(Arc<OwnedFd>, OwnedFd), DiskError> {
    let error = |e| DiskError::new(tree.path_of(path), e);
    for _ in 0..LOCK_ATTEMPTS_MAX {
        tree.forget();
        let (folder, parent) =
            match (tree.directory(path.as_str(), Claim::Own), tree.parent(path, Claim::Own)) {
                (Err(DiskError::NotFound { .. }), _) | (_, Err(DiskError::NotFound { .. })) => continue,
                (folder, parent) => (folder?, parent?),
            };
        let locked = match open_directory(&*parent, path.file_name()) {
            Err(Errno::NOENT) => continue,
            other => other.map_err(error)?,
        };
        // A file system without locks leaves the user to look out, so only a lock held by another counts.
        if flock(&locked, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(DiskError::InUse { path: tree.path_of(path) });
        }
        let is_still_there = tree.stat(path)?.is_some_and(|now| {
            let same = |fd: &OwnedFd| fstat(fd).is_ok_and(|stat| stat.st_ino == now.st_ino);
            same(&locked) && same(&folder)
        });
        if is_still_there {
            return Ok((folder, locked));
        }
    }
    Err(DiskError::InUse { path: tree.path_of(path) })
}
