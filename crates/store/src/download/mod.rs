//! A content that is being fetched: chunks come in any order from many threads, are verified, and become files.
//!
//! A file of one chunk comes whole within a pack: it is checked in memory, written beside the target and renamed into
//! place. A file of several chunks is in one of three states:
//!
//! * absent: no chunk of it is verified;
//! * partial: a sparse file in the partial folder, named by the entry's number, holds the chunks that came so far;
//! * finished: all its chunks are verified, mode and time are set, and it was renamed into place.
//!
//! There is no record of which chunks are verified. After a restart the data itself says so: the parts of a partial
//! file that hold data are hashed again, and whatever matches counts. So nothing has to be written in a certain order,
//! nothing written is ever trusted unread, and a crash loses what was in flight, no more. (Hashing runs at several
//! gigabytes a second, and a record could only have spared the holes, which the file system names for nothing.)
//!
//! Laws: a verified chunk is never written again, by nobody; no two threads write one chunk in place; a chunk that is
//! verified stays so until the download is dropped.

mod claims;
mod finish;
mod identity;
mod lock;
mod metadata;
mod pack;
mod partial;
mod place;
mod resume;
mod serve;
mod sink;
mod slice;
mod survey;
mod verdict;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use drizzle_model::{Bitmap, ContentKind, Manifest, Metadata};

use crate::index::{Index, IndexWarning};
use crate::reserved::is_reserved;
use crate::shared::OpenFiles;
use crate::signature::Signature;
use crate::tree::{Claim, Tree};
use crate::{Content, DiskError, Progress};

use claims::Claims;
use identity::Acquaintance;
use lock::lock;
use metadata::wanted_metadata;
use partial::PartialFolder;
use survey::Survey;

pub use finish::Finished;
pub use sink::ChunkSink;
pub use verdict::Verdict;

/// Where a download goes.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder in which the file or folder will stand under its name.
    pub directory: PathBuf,
    /// Where unfinished big files lie; without it in `.drizzle/partial` within the directory, on the same file system.
    pub partial: Option<PathBuf>,
}

/// A download. A [`Source`](crate::Source) of what it has, while it runs and after.
#[derive(Debug)]
pub struct Download {
    content: Content,
    /// Where the entries' paths begin.
    target: Tree,
    /// None when all was there from the start.
    partial: Option<PartialFolder>,
    /// One for each entry.
    files: Vec<Mutex<FileState>>,
    verified: Mutex<Bitmap>,
    /// Verified, less what somebody changed in the target since.
    served: Mutex<Bitmap>,
    claims: Claims,
    open: OpenFiles,
    warning: Option<IndexWarning>,
    /// How the file looks that a single file is going to replace.
    replaced: Option<Signature>,
}

/// How far one file is.
#[derive(Debug, Default)]
struct FileState {
    /// How many of its chunks are not verified.
    missing: u32,
    /// How it looked when it was put or found in place, complete.
    finished: Option<Signature>,
    /// Whether the index knows it so.
    is_known: bool,
    partial: Acquaintance,
}

impl FileState {
    fn finished(signature: Signature, is_known: bool) -> Self {
        Self { finished: Some(signature), is_known, ..Self::default() }
    }
}

impl Download {
    /// Finds out what is already there, in the target and from an interrupted download, and gets ready to take the rest.
    /// Reads and hashes what the index does not know.
    pub fn open(
        content: Content,
        place: &Place,
        index: &Index,
        progress: &Progress,
    ) -> Result<Self, DiskError> {
        refuse_reserved(&content, &place.directory)?;
        std::fs::create_dir_all(&place.directory).map_err(|e| DiskError::of_std(&place.directory, e))?;
        let directory = place.directory.canonicalize().map_err(|e| DiskError::of_std(&place.directory, e))?;
        let top = Tree::open(&directory)?;
        let (target, is_new) = target_of(&content, top)?;
        let survey = Survey::of_target(&content, &target, is_new, index, progress)?;
        let mut download = Self::with(content, target, survey.warning);
        download.replaced = survey.replaced;
        download.note_finished(survey.finished);
        let chosen = place.partial.as_deref();
        if !download.has_all_files() || PartialFolder::is_left(&directory, chosen, &download.content) {
            download.partial = Some(PartialFolder::open(&directory, chosen, &download.content)?);
            download.take_up(&survey.right, progress)?;
        }
        download.count_verified();
        Ok(download)
    }

    fn with(content: Content, target: Tree, warning: Option<IndexWarning>) -> Self {
        let count = content.chunk_count();
        let state = |entry| FileState {
            missing: content.file_at(entry).map_or(0, |(geometry, _)| geometry.chunk_count()),
            ..FileState::default()
        };
        let files = (0..content.entries().len()).map(state).map(Mutex::new).collect();
        Self {
            target,
            partial: None,
            files,
            verified: Mutex::new(Bitmap::empty(count)),
            served: Mutex::new(Bitmap::empty(count)),
            claims: Claims::default(),
            open: OpenFiles::default(),
            warning,
            replaced: None,
            content,
        }
    }

    /// What is fetched.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The chunks that are verified and on this disk.
    pub fn verified(&self) -> Bitmap {
        lock(&self.verified).clone()
    }

    /// Whether nothing is left to fetch.
    pub fn is_complete(&self) -> bool {
        lock(&self.verified).is_full()
    }

    /// Where the file or folder will stand.
    pub fn path(&self) -> PathBuf {
        match self.content.kind() {
            ContentKind::File => self.target.path_of(self.content.name()),
            ContentKind::Folder => self.target.path().into(),
        }
    }

    /// Why the index was no help, if so.
    pub fn warning(&self) -> Option<&IndexWarning> {
        self.warning.as_ref()
    }

    fn note_finished(&self, finished: Vec<survey::Finished>) {
        for file in finished {
            let mut state = self.state(file.entry);
            *state = FileState::finished(file.signature, file.is_known);
        }
    }

    fn has_all_files(&self) -> bool {
        self.files.iter().all(|state| lock(state).missing == 0)
    }

    /// From the files' states to the content's bitmap; packs are there when all their files are.
    fn count_verified(&self) {
        let mut verified = lock(&self.verified);
        for chunk in self.content.chunks() {
            let is_whole = |entry: usize| self.state(entry).missing == 0;
            if self.content.segments(chunk).all(|segment| is_whole(segment.entry)) {
                verified.insert(chunk);
            }
        }
        lock(&self.served).clone_from(&verified);
    }

    fn state(&self, entry: usize) -> MutexGuard<'_, FileState> {
        lock(&self.files[entry])
    }

    /// Whose the directories around the content's files are.
    fn claim(&self) -> Claim {
        match self.content.kind() {
            ContentKind::File => Claim::Users,
            ContentKind::Folder => Claim::Own,
        }
    }

    fn metadata(&self, entry: usize) -> Metadata {
        wanted_metadata(&self.content, entry)
    }
}

/// Refuses a content that could put itself in the place of what a download has not finished. To look at the last
/// names is enough, since the parents of a manifest's entries are entries.
fn refuse_reserved(content: &Content, directory: &Path) -> Result<(), DiskError> {
    let path = directory.join(content.name().as_str());
    if content.name().parts().any(|name| is_reserved(name.as_bytes())) {
        return Err(DiskError::Reserved { path });
    }
    let entries = content.manifest().map_or(&[][..], Manifest::entries);
    match entries.iter().find(|entry| is_reserved(entry.path.file_name().as_bytes())) {
        Some(entry) => Err(DiskError::Reserved { path: path.join(entry.path.as_str()) }),
        None => Ok(()),
    }
}

/// The tree in which the entries lie, and whether it was made just now.
fn target_of(content: &Content, top: Tree) -> Result<(Tree, bool), DiskError> {
    if content.kind() == ContentKind::File {
        return Ok((top, false));
    }
    let name = content.name();
    top.parent(name, Claim::Users)?;
    match top.subtree(name.as_str(), Claim::Visit) {
        Err(DiskError::NotFound { .. }) => Ok((top.subtree(name.as_str(), Claim::Own)?, true)),
        other => Ok((other?, false)),
    }
}
