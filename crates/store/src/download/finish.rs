//! The end of a download: what no chunk holds (empty files, links, directories), modes and times of directories from
//! the deepest up, the index, and the removal of the partial folder.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::SystemTime;

use drizzle_model::{ContentKind, Entry, EntryKind, Metadata, Mtime, RelPath, SymlinkTarget};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fstat, openat, readlinkat, renameat, statat, symlinkat, unlinkat,
    utimensat,
};
use rustix::io::Errno;

use crate::DiskError;
use crate::index::{Changes, Index, IndexWarning, Known, key_of};
use crate::signature::{Signature, metadata_of};
use crate::tree::{Claim, open_directory};

use super::lock::lock;
use super::metadata::{permitted, set_metadata, times};
use super::place::create_anew;
use super::{Download, FileState};

/// What became of a download.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// Where the file or folder stands.
    pub path: PathBuf,
    /// Links that were not made, since they lead out of the folder.
    pub refused: Vec<RelPath>,
    /// Why the next look at it will read it again, if so.
    pub warning: Option<IndexWarning>,
}

impl Download {
    /// Does all that is left when every chunk is verified. May be called again after an error.
    pub fn finish(&self, index: &Index) -> Result<Finished, DiskError> {
        let verified = self.verified();
        if !verified.is_full() {
            return Err(DiskError::Incomplete { missing: verified.len() - verified.count() });
        }
        let mut refused = Vec::new();
        for (at, entry) in self.content.entries().iter().enumerate() {
            match &entry.kind {
                EntryKind::File { .. } => self.finish_file(at, entry)?,
                EntryKind::Directory => drop(
                    self.target
                        .directory(entry.path.as_str(), Claim::Visit)
                        .or_else(|_| self.target.directory(entry.path.as_str(), self.claim()))?,
                ),
                EntryKind::Symlink { target } if target.stays_inside(&entry.path) => {
                    self.finish_link(at, entry, target)?;
                }
                EntryKind::Symlink { .. } => refused.push(entry.path.clone()),
            }
        }
        self.finish_directories()?;
        let warning = self.remember(index);
        if let Some(partial) = &self.partial {
            partial.remove_all()?;
        }
        Ok(Finished { path: self.path(), refused, warning })
    }

    /// Makes an empty file; puts a big one in place when that failed before.
    fn finish_file(&self, at: usize, entry: &Entry) -> Result<(), DiskError> {
        if self.state(at).finished.is_some() {
            return Ok(());
        }
        if entry.size() > 0 {
            return self.put_in_place(at);
        }
        let parent = self.target.parent(&entry.path, self.claim())?;
        self.check_place(at, &parent)?;
        let signature = self.make_empty(at, &parent, entry).map_err(|e| self.error(at, e))?;
        *self.state(at) = FileState::finished(signature, false);
        Ok(())
    }

    fn make_empty(&self, at: usize, parent: &OwnedFd, entry: &Entry) -> Result<Signature, Errno> {
        let name = entry.path.file_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(parent, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                set_metadata(&file, self.metadata(at))?;
                Signature::of(&file)
            }
            Err(Errno::EXIST) => {
                let beside = self.name_beside(at);
                let file = create_anew(parent, &beside)?;
                set_metadata(&file, self.metadata(at))?;
                renameat(parent, &*beside, parent, name)?;
                Signature::of(&file)
            }
            Err(e) => Err(e),
        }
    }

    fn finish_link(&self, at: usize, entry: &Entry, target: &SymlinkTarget) -> Result<(), DiskError> {
        let (path, mtime) = (&entry.path, entry.metadata.mtime);
        let visited = self.target.parent(path, Claim::Visit);
        if visited.is_ok_and(|parent| is_link(&parent, path.file_name(), target, mtime)) {
            return Ok(());
        }
        let parent = self.target.parent(path, self.claim())?;
        self.make_link(at, &parent, path, target, mtime).map_err(|e| self.error(at, e))
    }

    fn make_link(
        &self,
        at: usize,
        parent: &OwnedFd,
        path: &RelPath,
        target: &SymlinkTarget,
        mtime: Mtime,
    ) -> Result<(), Errno> {
        let beside = self.name_beside(at);
        let _ = unlinkat(parent, &*beside, AtFlags::empty());
        symlinkat(target.as_str(), parent, &*beside)?;
        utimensat(parent, &*beside, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)?;
        renameat(parent, &*beside, parent, path.file_name())
    }

    /// Deepest first: to make something in a directory changes its time, and a mode may forbid it.
    fn finish_directories(&self) -> Result<(), DiskError> {
        for entry in self.content.entries().iter().rev() {
            if matches!(entry.kind, EntryKind::Directory) {
                let parent = self.target.parent(&entry.path, Claim::Visit)?;
                finish_directory(&parent, entry.path.file_name(), permitted(entry.metadata))
                    .map_err(|e| DiskError::new(self.target.path_of(&entry.path), e))?;
            }
        }
        if self.content.kind() == ContentKind::Folder {
            finish_directory(self.target.root(), ".", permitted(self.content.metadata()))
                .map_err(|e| DiskError::new(self.target.path(), e))?;
        }
        Ok(())
    }

    /// Writes down how the finished files look, so that the next look at them reads nothing.
    fn remember(&self, index: &Index) -> Option<IndexWarning> {
        let now = SystemTime::now();
        let mut changes = Changes::default();
        for (at, entry) in self.content.entries().iter().enumerate() {
            let Some((_, chunks)) = self.content.file_at(at) else { continue };
            let mut state = lock(&self.files[at]);
            if let Some(signature) = state.finished.filter(|s| !state.is_known && s.is_settled(now)) {
                let known = Known { signature, hashes: chunks.as_slice().to_vec() };
                changes.put.push((key_of(self.target.path(), &entry.path), known));
                state.is_known = true;
            }
        }
        index.remember(&changes)
    }
}

/// Whether the link is there as it must be.
fn is_link(parent: &OwnedFd, name: &str, target: &SymlinkTarget, mtime: Mtime) -> bool {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::Symlink && metadata_of(&stat).mtime == mtime
    }) && readlinkat(parent, name, Vec::new()).is_ok_and(|is| is.as_bytes() == target.as_str().as_bytes())
}

fn finish_directory(parent: &OwnedFd, name: &str, metadata: Metadata) -> Result<(), Errno> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if metadata_of(&stat) == metadata {
        return Ok(());
    }
    let directory = open_directory(parent, name)?;
    // Looked at again through the descriptor: what is changed is what was opened.
    if metadata_of(&fstat(&directory)?) == metadata { Ok(()) } else { set_metadata(&directory, metadata) }
}
