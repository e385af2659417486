//! What the target holds before a byte is fetched: finished files, and right chunks of wrong ones.
//!
//! Whatever counts was hashed here and now, or the index knows the file by its look.

use std::collections::HashMap;

use drizzle_model::{Bitmap, ContentKind, EntryKind, RelPath};
use rustix::fs::{FileType, Stat};

use crate::hash::{HashError, Job, Outcome, hash_all};
use crate::index::{Index, IndexWarning};
use crate::signature::{Signature, metadata_of};
use crate::tree::Tree;
use crate::{Content, DiskError, Progress};

use super::metadata::{set_metadata, wanted_metadata};

/// A file that is in its place, complete and right.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) entry: usize,
    pub(super) signature: Signature,
    pub(super) is_known: bool,
}

impl Candidate {
    /// Whether it may be replaced though nothing in it is right.
    fn is_ours(&self) -> bool {
        self.was_right || self.signature.size == 0
    }
}

/// What the target holds.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) finished: Vec<Finished>,
    /// Of big files that are not right as a whole: which of their chunks are.
    pub(super) right: HashMap<usize, Bitmap>,
    pub(super) warning: Option<IndexWarning>,
    /// The file that a single file may replace.
    pub(super) replaced: Option<Signature>,
}

/// A regular file where one is due.
struct Candidate {
    entry: usize,
    stat: Stat,
    signature: Signature,
    /// Whether the index knows that it was right once.
    was_right: bool,
}

impl Survey {
    /// Looks at everything that lies where an entry is due. What is in the way of a folder or file is an error, before
    /// anything is fetched.
    ///
    /// A single file takes the place of another only if that one is empty, holds one of its chunks, or is known to have
    /// been right: then it is the same thing, damaged or unfinished. Anything else may be the user's only copy. What
    /// bears the name of a folder's entry within a folder of that name is replaced: that is what to fetch a folder means.
    pub(super) fn of_target(
        content: &Content,
        target: &Tree,
        is_new: bool,
        index: &Index,
        progress: &Progress,
    ) -> Result<Self, DiskError> {
        let mut survey = Self::default();
        if is_new {
            return Ok(survey);
        }
        let candidates = candidates(content, target)?;
        let signature = candidates.first().map(|candidate| candidate.signature);
        let unknown = survey.recall(content, target, candidates, index)?;
        let strangers = survey.check(content, target, unknown, progress)?;
        if content.kind() == ContentKind::File {
            if let Some(&entry) = strangers.first() {
                return Err(DiskError::Exists { path: target.path_of(&content.entries()[entry].path) });
            }
            survey.replaced = signature;
        }
        Ok(survey)
    }

    /// Takes the files that the index knows as right; gives the others back.
    fn recall(
        &mut self,
        content: &Content,
        target: &Tree,
        candidates: Vec<Candidate>,
        index: &Index,
    ) -> Result<Vec<Candidate>, DiskError> {
        let paths: Vec<&RelPath> = candidates.iter().map(|c| &content.entries()[c.entry].path).collect();
        let (found, warning) = index.look_up(target.path(), &paths);
        self.warning = warning;
        let mut unknown = Vec::new();
        for (mut candidate, known) in candidates.into_iter().zip(found.known) {
            let wanted = content.file_at(candidate.entry);
            let right_once = known.filter(|known| {
                wanted.is_some_and(|(geometry, chunks)| {
                    geometry.size() == known.signature.size && chunks.as_slice() == known.hashes
                })
            });
            // What is written in a file that was fetched empty is all the user's: there was nothing to be damaged.
            candidate.was_right = right_once.as_ref().is_some_and(|known| known.signature.size > 0);
            if right_once.is_some_and(|known| known.signature == candidate.signature) {
                self.accept(content, target, &candidate, Knowledge::FromIndex)?;
            } else {
                unknown.push(candidate);
            }
        }
        Ok(unknown)
    }

    /// Hashes the others; says which of them have nothing to do with what is due.
    fn check(
        &mut self,
        content: &Content,
        target: &Tree,
        candidates: Vec<Candidate>,
        progress: &Progress,
    ) -> Result<Vec<usize>, DiskError> {
        let (mut strangers, mut with_jobs) = (Vec::new(), Vec::new());
        for candidate in candidates {
            match job_of(content, &candidate) {
                Some(job) => with_jobs.push((candidate, job)),
                None if candidate.is_ours() => {}
                None => strangers.push(candidate.entry),
            }
        }
        let jobs: Vec<Job> = with_jobs.iter().map(|(_, job)| job.clone()).collect();
        let open = |entry: usize| target.open_file(&content.entries()[entry].path);
        let outcomes = hash_all(&jobs, &open, progress);
        for ((candidate, job), outcome) in with_jobs.into_iter().zip(outcomes) {
            let right = right_chunks(content, &job, outcome)?;
            let nothing = || Bitmap::empty(job.geometry.chunk_count());
            let (is_read, right) = (right.is_some(), right.unwrap_or_else(nothing));
            if is_read && right.is_full() && candidate.signature.size == job.geometry.size() {
                self.accept(content, target, &candidate, Knowledge::FromReading)?;
            } else if right.is_empty() && !candidate.is_ours() {
                strangers.push(candidate.entry);
            } else if job.geometry.chunk_count() > 1 && !right.is_empty() {
                self.right.insert(candidate.entry, right);
            }
        }
        Ok(strangers)
    }

    /// Notes a file as finished, and gives it the right mode and time if it has others.
    fn accept(
        &mut self,
        content: &Content,
        target: &Tree,
        candidate: &Candidate,
        knowledge: Knowledge,
    ) -> Result<(), DiskError> {
        let entry = &content.entries()[candidate.entry];
        let mut finished = Finished {
            entry: candidate.entry,
            signature: candidate.signature,
            is_known: knowledge == Knowledge::FromIndex,
        };
        let wanted = wanted_metadata(content, candidate.entry);
        if metadata_of(&candidate.stat) != wanted {
            let file = target.open_file(&entry.path)?;
            let error = |e| DiskError::new(target.path_of(&entry.path), e);
            // Another file that came to this place meanwhile is no business of ours.
            if Signature::of(&file).map_err(error)? != candidate.signature {
                return Ok(());
            }
            set_metadata(&file, wanted).map_err(error)?;
            finished.signature = Signature::of(&file).map_err(error)?;
            finished.is_known = false;
        }
        self.finished.push(finished);
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    FromIndex,
    FromReading,
}

fn candidates(content: &Content, target: &Tree) -> Result<Vec<Candidate>, DiskError> {
    let mut candidates = Vec::new();
    for (at, entry) in content.entries().iter().enumerate() {
        let Some(stat) = target.stat(&entry.path)? else { continue };
        let path = || target.path_of(&entry.path);
        match (&entry.kind, FileType::from_raw_mode(stat.st_mode)) {
            (EntryKind::Directory, FileType::Directory) => {}
            (EntryKind::Directory, FileType::Symlink) => return Err(DiskError::IsALink { path: path() }),
            (EntryKind::Directory, _) => return Err(DiskError::NotAFolder { path: path() }),
            (_, FileType::Directory) => return Err(DiskError::NotAFile { path: path() }),
            (EntryKind::File { .. }, FileType::RegularFile) => {
                let signature = Signature::of_stat(&stat);
                candidates.push(Candidate { entry: at, stat, signature, was_right: false });
            }
            // A link or other thing is replaced by what is due.
            (EntryKind::File { .. } | EntryKind::Symlink { .. }, _) => {}
        }
    }
    Ok(candidates)
}

/// The chunks that lie whole within the file as it is. A small file of another size has none.
fn job_of(content: &Content, candidate: &Candidate) -> Option<Job> {
    let (geometry, _) = content.file_at(candidate.entry)?;
    let size = candidate.signature.size;
    let whole = geometry.chunks().take_while(|&chunk| geometry.range(chunk).end <= size).count() as u32;
    let is_hopeless = whole == 0 && geometry.size() > 0;
    let job = Job { file: candidate.entry, geometry, chunks: 0..whole, expected: Some(candidate.signature) };
    (!is_hopeless).then_some(job)
}

/// Which chunks of the job's file have the hashes they must have; none when it could not be read or changed meanwhile,
/// and then all of it is fetched.
pub(super) fn right_chunks(
    content: &Content,
    job: &Job,
    outcome: Outcome,
) -> Result<Option<Bitmap>, DiskError> {
    let hashes = match outcome {
        Ok(hashes) => hashes,
        Err(HashError::Cancelled) => return Err(DiskError::Cancelled),
        Err(HashError::Disk(_) | HashError::Read(_) | HashError::Changed) => return Ok(None),
    };
    let mut right = Bitmap::empty(job.geometry.chunk_count());
    let Some((_, wanted)) = content.file_at(job.file) else { return Ok(None) };
    for (number, hash) in job.chunks.clone().zip(hashes) {
        if let Some(chunk) = job.geometry.chunk(number).filter(|&chunk| *wanted.of(chunk) == hash) {
            right.insert(chunk);
        }
    }
    Ok(Some(right))
}
