//! A file or folder that is served from where it lies.
//!
//! Files of several chunks stay open, a few of them; small ones cost one open, read, look and close each. A file that
//! changed is withdrawn with all its chunks, by itself and for good: to serve it again it is shared anew.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun, Mtime, RelPath};

use crate::copy::read_full;
use crate::index::IndexWarning;
use crate::lru::Lru;
use crate::scan::{SkipReason, Skipped};
use crate::signature::Signature;
use crate::source::{MemorySource, Part, Source, SourceError, parts};
use crate::tree::Tree;
use crate::{Content, DiskError};

/// So many big files stay open for one content.
pub(crate) const OPEN_FILES_MAX: usize = 32;

/// Something shared. A [`Source`] of its content.
#[derive(Debug)]
pub struct Shared {
    content: Content,
    served: Served,
    manifest: Option<MemorySource>,
    skipped: Vec<Skipped>,
    warnings: Vec<IndexWarning>,
    have: Mutex<Bitmap>,
    open: OpenFiles,
}

/// Where the files lie and how they looked when they were hashed.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) tree: Tree,
    /// What a single file is really called; it may be shared under another name.
    pub(crate) paths: Option<RelPath>,
    /// One for each entry of the content; none for what is no file.
    pub(crate) looks: Vec<Option<Look>>,
}

/// How a file looked when it was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) signature: Signature,
    /// Whether a later write is sure to give another signature.
    pub(crate) is_sure: bool,
}

impl Shared {
    pub(crate) fn new(
        content: Content,
        served: Served,
        manifest: Option<MemorySource>,
        skipped: Vec<Skipped>,
        warnings: Vec<IndexWarning>,
    ) -> Self {
        let have = Mutex::new(Bitmap::full(content.chunk_count()));
        Self { content, served, manifest, skipped, warnings, have, open: OpenFiles::default() }
    }

    /// What is shared.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The folder's manifest as a content of its own; none for a file.
    pub fn manifest(&self) -> Option<&MemorySource> {
        self.manifest.as_ref()
    }

    /// What could not be shared, and remarks.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Why the index was no help, if so.
    pub fn warnings(&self) -> &[IndexWarning] {
        &self.warnings
    }

    /// Whether something is left out because somebody is still writing it, so that it is worth looking again soon.
    pub fn has_unfinished(&self) -> bool {
        self.skipped.iter().any(|s| matches!(s.reason, SkipReason::Unfinished | SkipReason::Changing))
    }

    /// Whether `later`, a later look at the same path, found what this serves, so that nothing has to be said or
    /// served anew. A file that only looks different counts as another, for this one would not give it out any more.
    pub fn still_serves(&self, later: &Self) -> bool {
        let signatures = |shared: &Self| -> Vec<_> {
            shared.served.looks.iter().map(|look| look.map(|look| look.signature)).collect()
        };
        self.content.key() == later.content.key()
            && self.content.metadata() == later.content.metadata()
            && self.served.tree.path() == later.served.tree.path()
            && signatures(self) == signatures(later)
            && self.have().is_full()
    }

    /// When the newest thing in it was modified.
    pub fn newest_mtime(&self) -> Mtime {
        let entries = self.content.entries().iter().map(|entry| entry.metadata.mtime);
        entries.fold(self.content.metadata().mtime, Mtime::max)
    }

    /// Whether it lies in the folder `root`; of a folder, whether it is that one.
    pub(crate) fn is_of(&self, root: &Path) -> bool {
        self.served.tree.path() == root
    }

    /// Every file by what it is called on the disk, and which entry it is.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&RelPath, usize)> {
        let looks = self.served.looks.iter().enumerate();
        looks.filter(|(_, look)| look.is_some()).map(|(entry, _)| (self.path(entry), entry))
    }

    /// How the file of an entry looked.
    pub(crate) fn look(&self, entry: usize) -> Option<Look> {
        self.served.looks.get(entry).copied().flatten()
    }

    /// Looks at every file again, and withdraws those that changed; says which chunks are lost.
    pub fn withdraw_changed(&self) -> Vec<ChunkRun> {
        let mut lost = Bitmap::empty(self.content.chunk_count());
        for (entry, look) in self.served.looks.iter().enumerate() {
            let Some(Look { signature, .. }) = look else { continue };
            let stat = self.served.tree.stat(self.path(entry));
            if !stat.is_ok_and(|stat| stat.is_some_and(|stat| Signature::of_stat(&stat) == *signature)) {
                self.withdraw(entry).into_iter().for_each(|run| lost.insert_run(run));
            }
        }
        lost.runs().collect()
    }

    fn path(&self, entry: usize) -> &RelPath {
        self.served.paths.as_ref().unwrap_or(&self.content.entries()[entry].path)
    }

    /// Takes an entry's chunks out of what is served.
    fn withdraw(&self, entry: usize) -> Vec<ChunkRun> {
        self.open.forget(entry);
        withdraw(&self.content, &self.have, entry)
    }

    fn read_part(&self, part: &Part, buffer: &mut [u8]) -> Result<(), SourceError> {
        let entry = part.segment.entry;
        let path = self.path(entry);
        let is_big = self.content.file_at(entry).is_some_and(|(geometry, _)| geometry.chunk_count() > 1);
        let open = || self.served.tree.open_file(path);
        let file = if is_big { self.open.file(entry, open) } else { open().map(Arc::new) };
        let expected = self.look(entry).map(|look| look.signature);
        let outcome = file.and_then(|file| {
            let look = read_and_look(&file, buffer, part.range.start);
            look.map_err(|e| DiskError::new(self.served.tree.path_of(path), e))
        });
        match outcome {
            Ok(Some(signature)) if Some(signature) == expected => Ok(()),
            Ok(_)
            | Err(DiskError::NotFound { .. } | DiskError::NotAFolder { .. } | DiskError::IsALink { .. }) => {
                Err(SourceError::Changed { path: self.served.tree.path_of(path), lost: self.withdraw(entry) })
            }
            Err(error) => Err(SourceError::Unreadable(error)),
        }
    }
}

impl Source for Shared {
    fn have(&self) -> Bitmap {
        self.have.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn chunk_bytes(&self, chunk: ChunkIndex) -> u64 {
        self.content.chunk_bytes(chunk)
    }

    fn read(&self, chunk: ChunkIndex, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if !self.have.lock().unwrap_or_else(PoisonError::into_inner).contains(chunk) {
            return Err(SourceError::Missing { chunk });
        }
        let mut filled = 0;
        for part in parts(&self.content, chunk, offset, buffer.len())? {
            self.read_part(&part, &mut buffer[part.target.clone()])?;
            filled = part.target.end;
        }
        Ok(filled)
    }
}

/// Fills the buffer, and only then looks at the file: what was read is what looks so. None when the file is too short.
pub(crate) fn read_and_look(
    file: &OwnedFd,
    buffer: &mut [u8],
    offset: u64,
) -> Result<Option<Signature>, rustix::io::Errno> {
    if read_full(file, buffer, offset)? < buffer.len() {
        return Ok(None);
    }
    Signature::of(file).map(Some)
}

/// Takes an entry's chunks out of what is served; says which they were.
pub(crate) fn withdraw(content: &Content, have: &Mutex<Bitmap>, entry: usize) -> Vec<ChunkRun> {
    let mut have = have.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lost = Bitmap::empty(content.chunk_count());
    for chunk in content.chunks_of(entry) {
        if have.remove(chunk) {
            lost.insert(chunk);
        }
    }
    lost.runs().collect()
}

/// Big files that stay open between readings, by entry.
#[derive(Debug)]
pub(crate) struct OpenFiles(Mutex<Lru<usize, Arc<OwnedFd>>>);

impl Default for OpenFiles {
    fn default() -> Self {
        Self(Mutex::new(Lru::new(OPEN_FILES_MAX)))
    }
}

impl OpenFiles {
    pub(crate) fn file<E>(
        &self,
        entry: usize,
        open: impl FnOnce() -> Result<OwnedFd, E>,
    ) -> Result<Arc<OwnedFd>, E> {
        if let Some(file) = self.lock().take_up(|&key| key == entry) {
            return Ok(file);
        }
        let file = Arc::new(open()?);
        self.lock().put(entry, file.clone());
        Ok(file)
    }

    pub(crate) fn forget(&self, entry: usize) {
        self.lock().remove(|&key| key == entry);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lru<usize, Arc<OwnedFd>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
