//! Puts a finished file in its place: mode and time set, by a rename, so that it appears whole.

use std::os::fd::OwnedFd;

use drizzle_model::{ContentKind, Metadata};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fchmod, fstat, futimens, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use crate::copy::{copy_range, write_all};
use crate::hash::{Job, hash_all};
use crate::reserved::OWN_PREFIX;
use crate::signature::{Signature, metadata_of};
use crate::{DiskError, Progress};

use super::identity::{Acquaintance, Identity};
use super::metadata::{set_metadata, times};
use super::partial::PartialFolder;
use super::survey::right_chunks;
use super::{Download, FileState};

fn write_small(file: &OwnedFd, bytes: &[u8], metadata: Metadata) -> Result<(), Errno> {
    write_all(file, bytes, 0)?;
    // Mostly the mode is right from the start, which spares a call for each of many files.
    if metadata_of(&fstat(file)?).mode != metadata.mode {
        fchmod(file, Mode::from_raw_mode(metadata.mode.into()))?;
    }
    futimens(file, &times(metadata.mtime))
}

impl Download {
    pub(super) fn partial_folder(&self) -> Result<&PartialFolder, DiskError> {
        let gone = || DiskError::NotFound { path: self.target.path().into() };
        self.partial.as_ref().ok_or_else(gone)
    }

    pub(super) fn error(&self, entry: usize, error: Errno) -> DiskError {
        DiskError::new(self.target.path_of(&self.content.entries()[entry].path), error)
    }

    /// Puts a big file in place whose chunks are all verified. Who reads it meanwhile waits.
    pub(super) fn put_in_place(&self, entry: usize) -> Result<(), DiskError> {
        let mut state = self.state(entry);
        if state.finished.is_some() {
            return Ok(());
        }
        let name = entry.to_string();
        let partial = self.partial_folder()?;
        let file = self.open_partial(entry, &mut state)?;
        if state.partial == Acquaintance::Doubtful && !self.is_whole(entry, &file)? {
            return Err(partial.replaced(&name));
        }
        set_metadata(&file, self.metadata(entry)).map_err(|e| partial.error(&name, e))?;
        let signature = self.rename(entry, &file, &name)?;
        // No descriptor that could write stays open: a program that is being written cannot be run.
        self.open.forget(entry);
        *state = FileState::finished(signature, false);
        Ok(())
    }

    /// Whether the file, read once more, is right from end to end.
    fn is_whole(&self, entry: usize, file: &OwnedFd) -> Result<bool, DiskError> {
        let Some((geometry, _)) = self.content.file_at(entry) else { return Ok(false) };
        let job = Job { file: entry, geometry, chunks: 0..geometry.chunk_count(), expected: None };
        let open = |_| file.try_clone().map_err(|e| DiskError::of_std(self.path(), e));
        let mut outcomes = hash_all(std::slice::from_ref(&job), &open, &Progress::default());
        let Some(outcome) = outcomes.pop() else { return Ok(false) };
        let size = fstat(file).map_err(|e| self.error(entry, e))?.st_size.max(0).cast_unsigned();
        let right = right_chunks(&self.content, &job, outcome)?;
        Ok(size == geometry.size() && right.is_some_and(|right| right.is_full()))
    }

    /// Writes a small file whose bytes are verified.
    pub(super) fn put_small(&self, entry: usize, bytes: &[u8]) -> Result<(), DiskError> {
        let partial = self.partial_folder()?;
        let metadata = self.metadata(entry);
        let (file, name) = partial.temporary(Mode::from_raw_mode(metadata.mode.into()))?;
        let written = write_small(&file, bytes, metadata).map_err(|e| partial.error(&name, e));
        let placed = written.and_then(|()| {
            // Held over the rename: of two who bring the same file, one must not describe what the other replaced.
            let mut state = self.state(entry);
            if state.finished.is_none() {
                let signature = self.rename(entry, &file, &name)?;
                *state = FileState::finished(signature, false);
            } else {
                partial.remove(&name);
            }
            Ok(())
        });
        placed.inspect_err(|_| partial.remove(&name))
    }

    /// Renames from the partial folder into place, or copies where the two lie on different file systems.
    fn rename(&self, entry: usize, file: &OwnedFd, name: &str) -> Result<Signature, DiskError> {
        let path = &self.content.entries()[entry].path;
        let parent = self.target.parent(path, self.claim())?;
        let partial = self.partial_folder()?;
        self.check_place(entry, &parent)?;
        // What was verified is what the descriptor stands for, so the name must still stand for the same.
        partial.check_identity(name, Identity::of(file).map_err(|e| partial.error(name, e))?)?;
        match renameat(partial.folder(), name, &*parent, path.file_name()) {
            Ok(()) => Signature::of(file).map_err(|e| self.error(entry, e)),
            Err(Errno::XDEV) => {
                let signature = self.copy_over(entry, file, &parent)?;
                partial.remove(name);
                Ok(signature)
            }
            Err(e) => Err(self.error(entry, e)),
        }
    }

    /// A single file replaces what was found fit to be replaced when the download began, and no other file that came to
    /// bear the name since. Within a folder all names are the folder's.
    pub(super) fn check_place(&self, entry: usize, parent: &OwnedFd) -> Result<(), DiskError> {
        if self.content.kind() == ContentKind::Folder {
            return Ok(());
        }
        let path = &self.content.entries()[entry].path;
        match statat(parent, path.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat)
                if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                    && self.replaced != Some(Signature::of_stat(&stat)) =>
            {
                Err(DiskError::Exists { path: self.target.path_of(path) })
            }
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(self.error(entry, e)),
        }
    }

    fn copy_over(&self, entry: usize, from: &OwnedFd, parent: &OwnedFd) -> Result<Signature, DiskError> {
        let beside = self.name_beside(entry);
        let file = create_anew(parent, &beside).map_err(|e| self.error(entry, e))?;
        let placed = self.copy(entry, from, &file).map_err(|e| self.error(entry, e)).and_then(|()| {
            // To copy takes a while, so what stands there is looked at once more.
            self.check_place(entry, parent)?;
            let name = self.content.entries()[entry].path.file_name();
            renameat(parent, &*beside, parent, name).map_err(|e| self.error(entry, e))
        });
        if let Err(error) = placed {
            let _ = unlinkat(parent, &*beside, AtFlags::empty());
            return Err(error);
        }
        Signature::of(&file).map_err(|e| self.error(entry, e))
    }

    fn copy(&self, entry: usize, from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
        let size = fstat(from)?.st_size.max(0).cast_unsigned();
        copy_range(from, to, 0, size)?;
        set_metadata(to, self.metadata(entry))
    }

    /// The name of an unfinished thing that must lie in the target's own directory. The same after a restart, so that
    /// it is found and replaced.
    pub(super) fn name_beside(&self, entry: usize) -> String {
        format!("{OWN_PREFIX}{:.16}-{entry}", self.content.hash().to_string())
    }
}

/// A new file in a directory of the target, in the place of what an interrupted run left.
pub(super) fn create_anew(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::EXIST) => {
            unlinkat(parent, name, AtFlags::empty())?;
            openat(parent, name, flags, Mode::RUSR | Mode::WUSR)
        }
        other => other,
    }
}
