//! Puts a finished file in its place: mode and time set, by a rename, so that it appears whole.

use std::os::fd::OwnedFd;

use drizzle_model::Metadata;
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, fstat, futimens, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::DiskError;
use crate::copy::{copy_range, write_all};
use crate::scan::OWN_PREFIX;
use crate::signature::{Signature, metadata_of};

use super::metadata::{set_metadata, times};
use super::partial::PartialFolder;
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
        let file = partial.existing(entry)?.ok_or_else(|| partial.error(&name, Errno::NOENT))?;
        set_metadata(&file, self.metadata(entry)).map_err(|e| partial.error(&name, e))?;
        let signature = self.rename(entry, &file, &name)?;
        // No descriptor that could write stays open: a program that is being written cannot be run.
        self.open.forget(entry);
        *state = FileState { missing: 0, finished: Some(signature), is_known: false };
        Ok(())
    }

    /// Writes a small file whose bytes are verified.
    pub(super) fn put_small(&self, entry: usize, bytes: &[u8]) -> Result<(), DiskError> {
        let partial = self.partial_folder()?;
        let metadata = self.metadata(entry);
        let (file, name) = partial.temporary(Mode::from_raw_mode((metadata.mode & 0o777).into()))?;
        let written = write_small(&file, bytes, metadata).map_err(|e| partial.error(&name, e));
        let placed = written.and_then(|()| {
            // Held over the rename: of two who bring the same file, one must not describe what the other replaced.
            let mut state = self.state(entry);
            if state.finished.is_none() {
                let signature = self.rename(entry, &file, &name)?;
                *state = FileState { missing: 0, finished: Some(signature), is_known: false };
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
        match renameat(partial.folder(), name, &*parent, path.file_name()) {
            Ok(()) => Signature::of(file).map_err(|e| self.error(entry, e)),
            Err(Errno::XDEV) => {
                let signature = self.copy_over(entry, file, &parent).map_err(|e| self.error(entry, e))?;
                partial.remove(name);
                Ok(signature)
            }
            Err(e) => Err(self.error(entry, e)),
        }
    }

    fn copy_over(&self, entry: usize, from: &OwnedFd, parent: &OwnedFd) -> Result<Signature, Errno> {
        let beside = self.name_beside(entry);
        let file = create_anew(parent, &beside)?;
        let size = fstat(from)?.st_size.max(0).cast_unsigned();
        let copied = copy_range(from, &file, 0, size)
            .and_then(|()| set_metadata(&file, self.metadata(entry)))
            .and_then(|()| {
                renameat(parent, &*beside, parent, self.content.entries()[entry].path.file_name())
            });
        if let Err(error) = copied {
            let _ = unlinkat(parent, &*beside, AtFlags::empty());
            return Err(error);
        }
        Signature::of(&file)
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
