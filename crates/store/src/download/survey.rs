//! What is there before a byte is fetched: finished files, right chunks of wrong files, and chunks in partial files.
//!
//! Whatever counts was hashed here and now, or the index knows the file by its look.

use std::collections::HashMap;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

use drizzle_model::{Bitmap, EntryKind, Geometry, RelPath};
use rustix::fs::{FileType, SeekFrom, Stat, fstat, fstatvfs, ftruncate, seek};
use rustix::io::Errno;

use crate::copy::copy_range;
use crate::hash::{HashError, Job, Outcome, hash_all};
use crate::index::{Index, IndexWarning};
use crate::signature::{Signature, metadata_of};
use crate::tree::Tree;
use crate::{Content, DiskError, Progress};

use super::{Download, FileState, place};

/// A file that is in its place, complete and right.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) entry: usize,
    pub(super) signature: Signature,
    pub(super) is_known: bool,
}

/// What the target holds.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) finished: Vec<Finished>,
    /// Of big files that are not right as a whole: which of their chunks are.
    pub(super) right: HashMap<usize, Bitmap>,
    pub(super) warning: Option<IndexWarning>,
}

/// A regular file where one is due.
struct Candidate {
    entry: usize,
    stat: Stat,
    signature: Signature,
}

impl Survey {
    /// Looks at everything that lies where an entry is due. What is in the way of a folder or file is an error, before
    /// anything is fetched.
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
        let unknown = survey.recall(content, target, candidates, index)?;
        survey.check(content, target, unknown, progress)?;
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
        for (candidate, known) in candidates.into_iter().zip(found.known) {
            let is_right = known.is_some_and(|known| {
                let wanted = content.file_at(candidate.entry);
                known.signature == candidate.signature
                    && wanted.is_some_and(|(geometry, chunks)| {
                        geometry.size() == known.signature.size && chunks.as_slice() == known.hashes
                    })
            });
            if is_right {
                self.accept(content, target, &candidate, Knowledge::FromIndex)?;
            } else {
                unknown.push(candidate);
            }
        }
        Ok(unknown)
    }

    /// Hashes the others.
    fn check(
        &mut self,
        content: &Content,
        target: &Tree,
        candidates: Vec<Candidate>,
        progress: &Progress,
    ) -> Result<(), DiskError> {
        let with_jobs: Vec<(Candidate, Job)> = candidates
            .into_iter()
            .filter_map(|candidate| Some((job_of(content, &candidate)?, candidate)))
            .map(|(job, candidate)| (candidate, job))
            .collect();
        let jobs: Vec<Job> = with_jobs.iter().map(|(_, job)| job.clone()).collect();
        let open = |entry: usize| target.open_file(&content.entries()[entry].path);
        let outcomes = hash_all(&jobs, &open, progress);
        for ((candidate, job), outcome) in with_jobs.into_iter().zip(outcomes) {
            let Some(right) = right_chunks(content, &job, outcome)? else { continue };
            if right.is_full() && candidate.signature.size == job.geometry.size() {
                self.accept(content, target, &candidate, Knowledge::FromReading)?;
            } else if job.geometry.chunk_count() > 1 && !right.is_empty() {
                self.right.insert(candidate.entry, right);
            }
        }
        Ok(())
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
        let wanted = super::metadata(content, candidate.entry);
        if metadata_of(&candidate.stat) != wanted {
            let file = target.open_file(&entry.path)?;
            let error = |e| DiskError::new(target.path_of(&entry.path), e);
            // Another file that came to this place meanwhile is no business of ours.
            if Signature::of(&file).map_err(error)? != candidate.signature {
                return Ok(());
            }
            place::set_metadata(&file, wanted).map_err(error)?;
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
                candidates.push(Candidate { entry: at, stat, signature: Signature::of_stat(&stat) });
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
fn right_chunks(content: &Content, job: &Job, outcome: Outcome) -> Result<Option<Bitmap>, DiskError> {
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

impl Download {
    /// Takes up what lies in the partial folder, after it got the right chunks of wrong files in the target.
    pub(super) fn take_up(
        &mut self,
        right: &HashMap<usize, Bitmap>,
        progress: &Progress,
    ) -> Result<(), DiskError> {
        self.check_room()?;
        for (&entry, chunks) in right {
            self.salvage(entry, chunks)?;
        }
        let jobs = self.partial_jobs()?;
        let open = |entry: usize| {
            let file = self.partial_folder()?.existing(entry)?;
            file.ok_or_else(|| DiskError::NotFound { path: entry.to_string().into() })
        };
        let outcomes = hash_all(&jobs, &open, progress);
        let mut found: HashMap<usize, Bitmap> = HashMap::new();
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            let Some(right) = right_chunks(&self.content, &job, outcome)? else { continue };
            let all = found.entry(job.file).or_insert_with(|| Bitmap::empty(job.geometry.chunk_count()));
            right.runs().for_each(|run| all.insert_run(run));
        }
        self.take_over(&found)
    }

    /// Copies chunks from a wrong file in the target to the partial file, where they are hashed once more: only that
    /// copy cannot change under us.
    fn salvage(&self, entry: usize, chunks: &Bitmap) -> Result<(), DiskError> {
        let Some((geometry, _)) = self.content.file_at(entry) else { return Ok(()) };
        let path = &self.content.entries()[entry].path;
        let Ok(from) = self.target.open_file(path) else { return Ok(()) };
        let partial = self.partial_folder()?;
        let to = partial.file(entry, geometry)?;
        for run in chunks.runs() {
            let ends = geometry.chunk(run.first).zip(geometry.chunk(run.last));
            let Some(range) = ends.map(|(a, b)| geometry.range(a).start..geometry.range(b).end) else {
                continue;
            };
            copy_range(&from, &to, range.start, range.end - range.start)
                .map_err(|e| partial.error(&entry.to_string(), e))?;
        }
        Ok(())
    }

    /// What in the partial files holds data, in whole chunks.
    fn partial_jobs(&self) -> Result<Vec<Job>, DiskError> {
        let (partial, mut jobs) = (self.partial_folder()?, Vec::new());
        for (entry, file, geometry) in self.partial_files()? {
            let error = |e| partial.error(&entry.to_string(), e);
            if fstat(&file).map_err(error)?.st_size.cast_unsigned() != geometry.size() {
                ftruncate(&file, geometry.size()).map_err(error)?;
            }
            let runs = data_runs(&file, geometry);
            jobs.extend(runs.into_iter().map(|chunks| Job { file: entry, geometry, chunks, expected: None }));
        }
        Ok(jobs)
    }

    /// The partial files of what is not finished.
    fn partial_files(&self) -> Result<Vec<(usize, OwnedFd, Geometry)>, DiskError> {
        let (partial, mut files) = (self.partial_folder()?, Vec::new());
        for entry in partial.entries()? {
            let Some((geometry, _)) = self.content.file_at(entry) else { continue };
            if self.state(entry).finished.is_some() {
                partial.remove(&entry.to_string());
            } else if let Some(file) = partial.existing(entry)? {
                files.push((entry, file, geometry));
            }
        }
        Ok(files)
    }

    /// Finds a disk that is too small before the network is troubled.
    fn check_room(&self) -> Result<(), DiskError> {
        let partial = self.partial_folder()?;
        let sizes =
            self.content.entries().iter().enumerate().filter(|&(entry, _)| self.state(entry).missing > 0);
        let all: u64 = sizes.map(|(_, entry)| entry.size()).fold(0, u64::saturating_add);
        let mut there = 0;
        for (_, file, geometry) in self.partial_files()? {
            let blocks = fstat(&file).map_or(0, |stat| stat.st_blocks.max(0).cast_unsigned());
            there += (blocks * 512).min(geometry.size());
        }
        let device = |fd: &OwnedFd| fstat(fd).map(|stat| stat.st_dev).ok();
        if device(partial.folder()) != device(self.target.root()) {
            check_room_in(self.target.root(), self.path(), all)?;
        }
        check_room_in(partial.folder(), self.path(), all.saturating_sub(there))
    }

    /// From the chunks found in partial files to the files' states; a file that is whole is put in place at once.
    fn take_over(&self, found: &HashMap<usize, Bitmap>) -> Result<(), DiskError> {
        for (&entry, chunks) in found {
            let missing = chunks.len() - chunks.count();
            *self.state(entry) = FileState { missing, ..FileState::default() };
            if missing == 0 {
                self.put_in_place(entry)?;
            }
        }
        let mut verified = super::lock(&self.verified);
        for chunk in self.content.chunks() {
            let is_found = self.content.segments(chunk).all(|segment| {
                found.get(&segment.entry).is_some_and(|chunks| chunks.contains(segment.chunk))
            });
            if is_found {
                verified.insert(chunk);
            }
        }
        Ok(())
    }
}

fn check_room_in(folder: impl AsFd, path: std::path::PathBuf, needed: u64) -> Result<(), DiskError> {
    // A file system that does not know its size says zero.
    let Some(stat) = fstatvfs(folder).ok().filter(|stat| stat.f_blocks > 0) else { return Ok(()) };
    let available = stat.f_bavail.saturating_mul(stat.f_frsize);
    if needed > available { Err(DiskError::TooSmall { path, needed, available }) } else { Ok(()) }
}

/// The chunks of which any part holds data, as runs. Where the file system cannot say, all of them.
fn data_runs(file: &OwnedFd, geometry: Geometry) -> Vec<Range<u32>> {
    let (mut runs, mut at) = (Vec::<Range<u32>>::new(), 0);
    let chunk_of = |offset: u64| (offset / geometry.chunk_size()) as u32;
    while at < geometry.size() {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(_) => at,
        };
        let end =
            seek(file, SeekFrom::Hole(start)).unwrap_or(geometry.size()).clamp(start + 1, geometry.size());
        let run = chunk_of(start)..chunk_of(end - 1) + 1;
        match runs.last_mut() {
            Some(last) if run.start <= last.end => last.end = run.end.max(last.end),
            _ => runs.push(run),
        }
        at = end;
    }
    runs
}
