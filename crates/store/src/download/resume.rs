//! Takes up an interrupted download: what the partial files hold is hashed, and what is right counts.
//!
//! Before that, the right chunks of wrong files in the target are copied into partial files, where nobody changes them.

use std::collections::HashMap;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use drizzle_model::{Bitmap, Geometry};
use rustix::fs::{SeekFrom, fstat, fstatvfs, ftruncate, seek};
use rustix::io::Errno;

use crate::copy::copy_range;
use crate::hash::{Job, hash_all};
use crate::{DiskError, Progress};

use super::Download;
use super::identity::Identity;
use super::lock::lock;
use super::survey::right_chunks;

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
            let file = file.ok_or_else(|| DiskError::NotFound { path: entry.to_string().into() })?;
            self.state(entry).partial.meet(Identity::of(&file).map_err(|e| self.error(entry, e))?);
            Ok(file)
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
            self.state(entry).missing = missing;
            if missing == 0 {
                self.put_in_place(entry)?;
            }
        }
        let mut verified = lock(&self.verified);
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

fn check_room_in(folder: impl AsFd, path: PathBuf, needed: u64) -> Result<(), DiskError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_chunk_is_looked_at_when_any_part_of_it_holds_data() {
        let file = tempfile::tempfile_in("/dev/shm").unwrap();
        let geometry = Geometry::for_size((20 << 16) + 1).unwrap();
        file.set_len(geometry.size()).unwrap();
        let write = |offset, bytes| file.write_all_at(&vec![1; bytes], offset).unwrap();
        write(2 << 16, 1);
        write((3 << 16) + 70_000, 2 << 16);
        write(20 << 16, 1);
        let file = OwnedFd::from(file);
        assert_eq!(data_runs(&file, geometry), [2..3, 4..7, 20..21]);
    }
}
