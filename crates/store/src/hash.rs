//! Hashes files with all cores, one big file and thousands of small ones alike.
//!
//! The work is cut into batches of a few MiB, wherever they lie: a run of chunks of one file, or many whole files. Each
//! thread takes the next batch, opens what it needs, and reads through one buffer of its own that fits in the core's
//! cache. Files are read, not mapped: a mapped file that somebody cuts short kills the process, and mapped pages
//! count as its memory.

use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};
use std::thread;

use drizzle_model::{ChunkHasher, Geometry};
use rustix::fs::{Advice, fadvise};
use rustix::io::Errno;

use crate::copy::read_full;
use crate::signature::Signature;
use crate::{DiskError, Progress};

/// Large enough for BLAKE3's widest steps, small enough to be still in the second-level cache when it is hashed.
const BUFFER_BYTES: usize = 256 << 10;
/// What one thread takes at a time: some hundreds of microseconds, so that all end together.
const BATCH_BYTES: u64 = 4 << 20;
/// A file costs at least as much as so many bytes: opening takes its time too.
const FILE_COST_BYTES: u64 = 32 << 10;

/// From here on a hint about the order of reading is worth a system call.
const ADVISE_FROM_BYTES: u64 = 1 << 20;

/// A run of chunks of one file to be hashed.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Which file, in the caller's numbering.
    pub(crate) file: usize,
    pub(crate) geometry: Geometry,
    pub(crate) chunks: Range<u32>,
    /// How the file must look after it was read; without it nobody else writes the file.
    pub(crate) expected: Option<Signature>,
}

impl Job {
    pub(crate) fn bytes(&self) -> u64 {
        let first = self.geometry.chunk(self.chunks.start).map(|chunk| self.geometry.range(chunk).start);
        let last = self.chunks.end.checked_sub(1).and_then(|last| self.geometry.chunk(last));
        let end = last.map(|chunk| self.geometry.range(chunk).end);
        end.zip(first).map_or(0, |(end, first)| end.saturating_sub(first))
    }
}

#[derive(Debug)]
pub(crate) enum HashError {
    Disk(DiskError),
    Read(Errno),
    /// The file is not, or no longer, as expected.
    Changed,
    Cancelled,
}

/// The hashes of a job's chunks, in order.
pub(crate) type Outcome = Result<Vec<[u8; 32]>, HashError>;

/// Hashes all jobs; the outcomes come in their order.
pub(crate) fn hash_all(
    jobs: &[Job],
    open: &(dyn Fn(usize) -> Result<OwnedFd, DiskError> + Sync),
    progress: &Progress,
) -> Vec<Outcome> {
    progress.expect(jobs.iter().map(Job::bytes).sum());
    let queue = Mutex::new(Queue { jobs, job: 0, chunk: jobs.first().map_or(0, |job| job.chunks.start) });
    let worker = || Worker::new(jobs, open, progress).work(&queue);
    let mut results = Results::new(jobs);
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..thread_count(jobs)).map(|_| scope.spawn(worker)).collect();
        results.take(worker());
        for helper in helpers {
            // A helper that panicked has lost its part; the jobs of that part are then too short, hence changed.
            results.take(helper.join().unwrap_or_default());
        }
    });
    results.finish()
}

fn thread_count(jobs: &[Job]) -> usize {
    let bytes: u64 = jobs.iter().map(|job| job.bytes().max(FILE_COST_BYTES)).sum();
    let batches = usize::try_from(bytes.div_ceil(BATCH_BYTES)).unwrap_or(usize::MAX);
    thread::available_parallelism().map_or(1, usize::from).min(batches)
}

/// Some chunks of one job.
struct Piece {
    job: usize,
    chunks: Range<u32>,
}

struct Queue<'a> {
    jobs: &'a [Job],
    job: usize,
    chunk: u32,
}

impl Queue<'_> {
    fn take(&mut self, batch: &mut Vec<Piece>) {
        batch.clear();
        let mut room = BATCH_BYTES;
        while let (Some(job), 1..) = (self.jobs.get(self.job), room) {
            let left = job.chunks.end.saturating_sub(self.chunk);
            let fit = u32::try_from(room.div_ceil(job.geometry.chunk_size())).unwrap_or(u32::MAX);
            let end = self.chunk + left.min(fit);
            if left > 0 {
                batch.push(Piece { job: self.job, chunks: self.chunk..end });
            }
            let bytes = u64::from(left.min(fit)) * job.geometry.chunk_size().min(job.geometry.size());
            room = room.saturating_sub(bytes.max(FILE_COST_BYTES));
            self.chunk = end;
            if end >= job.chunks.end {
                self.job += 1;
                self.chunk = self.jobs.get(self.job).map_or(0, |job| job.chunks.start);
            }
        }
    }
}

/// What one thread found: hashes by job and chunk, and what went wrong.
#[derive(Default)]
struct Found {
    hashes: Vec<(usize, u32, [u8; 32])>,
    errors: Vec<(usize, HashError)>,
}

struct Worker<'a> {
    jobs: &'a [Job],
    open: &'a (dyn Fn(usize) -> Result<OwnedFd, DiskError> + Sync),
    progress: &'a Progress,
    buffer: Vec<u8>,
    found: Found,
}

impl<'a> Worker<'a> {
    fn new(
        jobs: &'a [Job],
        open: &'a (dyn Fn(usize) -> Result<OwnedFd, DiskError> + Sync),
        progress: &'a Progress,
    ) -> Self {
        Self { jobs, open, progress, buffer: vec![0; BUFFER_BYTES], found: Found::default() }
    }

    fn work(mut self, queue: &Mutex<Queue<'_>>) -> Found {
        let mut batch = Vec::new();
        loop {
            queue.lock().unwrap_or_else(PoisonError::into_inner).take(&mut batch);
            if batch.is_empty() {
                return self.found;
            }
            for piece in &batch {
                if let Err(error) = self.hash_piece(piece) {
                    self.found.errors.push((piece.job, error));
                }
            }
        }
    }

    fn hash_piece(&mut self, piece: &Piece) -> Result<(), HashError> {
        if self.progress.is_cancelled() {
            return Err(HashError::Cancelled);
        }
        let job = &self.jobs[piece.job];
        let file = (self.open)(job.file).map_err(HashError::Disk)?;
        let part = Job { chunks: piece.chunks.clone(), ..job.clone() };
        if part.bytes() >= ADVISE_FROM_BYTES {
            let start =
                job.geometry.chunk(piece.chunks.start).map_or(0, |chunk| job.geometry.range(chunk).start);
            // It is a hint; what cannot take it is read all the same.
            let _ = fadvise(&file, start, NonZeroU64::new(part.bytes()), Advice::Sequential);
        }
        for number in piece.chunks.clone() {
            let hash = self.hash_chunk(&file, job.geometry, number)?;
            self.found.hashes.push((piece.job, number, hash));
        }
        match job.expected {
            Some(expected) if Signature::of(&file).map_err(HashError::Read)? != expected => {
                Err(HashError::Changed)
            }
            _ => Ok(()),
        }
    }

    fn hash_chunk(&mut self, file: &OwnedFd, geometry: Geometry, number: u32) -> Result<[u8; 32], HashError> {
        let chunk = geometry.chunk(number).ok_or(HashError::Changed)?;
        let range = geometry.range(chunk);
        let mut hasher = ChunkHasher::new(geometry, chunk);
        let mut at = range.start;
        while at < range.end {
            let wanted = (range.end - at).min(self.buffer.len() as u64) as usize;
            let buffer = &mut self.buffer[..wanted];
            if read_full(file, buffer, at).map_err(HashError::Read)? < wanted {
                return Err(HashError::Changed);
            }
            hasher.update(buffer);
            at += wanted as u64;
        }
        self.progress.advance(range.end - range.start);
        Ok(hasher.finish())
    }
}

struct Results<'a> {
    jobs: &'a [Job],
    counts: Vec<u32>,
    outcomes: Vec<Outcome>,
}

impl<'a> Results<'a> {
    fn new(jobs: &'a [Job]) -> Self {
        let outcomes = jobs.iter().map(|job| Ok(vec![[0; 32]; job.chunks.len()])).collect();
        Self { jobs, counts: vec![0; jobs.len()], outcomes }
    }

    fn take(&mut self, found: Found) {
        for (job, number, hash) in found.hashes {
            if let Ok(hashes) = &mut self.outcomes[job] {
                hashes[(number - self.jobs[job].chunks.start) as usize] = hash;
                self.counts[job] += 1;
            }
        }
        for (job, error) in found.errors {
            self.outcomes[job] = Err(error);
        }
    }

    fn finish(self) -> Vec<Outcome> {
        let lengths = self.jobs.iter().map(|job| job.chunks.len());
        let whole = self.counts.into_iter().zip(lengths).map(|(count, length)| count as usize == length);
        let checked = |(outcome, is_whole): (Outcome, bool)| {
            if is_whole { outcome } else { outcome.and(Err(HashError::Changed)) }
        };
        self.outcomes.into_iter().zip(whole).map(checked).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn job(file: usize, size: u64) -> Job {
        let geometry = Geometry::for_size(size).unwrap();
        Job { file, geometry, chunks: 0..geometry.chunk_count(), expected: None }
    }

    proptest! {
        #[test]
        fn batches_cover_every_chunk_once_and_none_is_large(
            sizes in prop::collection::vec(prop_oneof![0u64..100_000, 0u64..1 << 28, 0u64..1 << 36], 0..40),
            skipped in 0u32..3,
        ) {
            let mut jobs: Vec<Job> = sizes.iter().enumerate().map(|(file, &size)| job(file, size)).collect();
            jobs.iter_mut().for_each(|job| job.chunks.start = skipped.min(job.chunks.end));
            let mut next: Vec<u32> = jobs.iter().map(|job| job.chunks.start).collect();
            let mut queue = Queue { jobs: &jobs, job: 0, chunk: jobs.first().map_or(0, |job| job.chunks.start) };
            let mut batch = Vec::new();
            loop {
                queue.take(&mut batch);
                if batch.is_empty() {
                    break;
                }
                let mut bytes = 0;
                for piece in &batch {
                    prop_assert_eq!(piece.chunks.start, next[piece.job]);
                    prop_assert!(!piece.chunks.is_empty());
                    next[piece.job] = piece.chunks.end;
                    bytes += Job { chunks: piece.chunks.clone(), ..jobs[piece.job].clone() }.bytes();
                }
                prop_assert!(bytes <= BATCH_BYTES + (16 << 20));
            }
            prop_assert!(next.iter().zip(&jobs).all(|(&next, job)| next == job.chunks.end));
        }
    }

    #[test]
    fn each_job_has_its_own_outcome() {
        let place = tempfile::tempdir().unwrap();
        let path = |file: usize| place.path().join(file.to_string());
        let jobs: Vec<Job> =
            [10, 200_000, 10, 0, 300_000].iter().enumerate().map(|(f, &s)| job(f, s)).collect();
        for job in &jobs {
            std::fs::write(path(job.file), vec![7; job.geometry.size() as usize]).unwrap();
        }
        std::fs::write(path(1), vec![7; 150_000]).unwrap();
        std::fs::remove_file(path(2)).unwrap();
        let open = |file: usize| {
            let opened = std::fs::File::open(path(file)).map(OwnedFd::from);
            opened.map_err(|e| DiskError::of_std(path(file), e))
        };
        let progress = Progress::default();
        let outcomes = hash_all(&jobs, &open, &progress);
        assert_eq!(progress.bytes_total(), 500_020);
        assert!(matches!(&outcomes[0], Ok(hashes) if hashes[0] == *blake3::hash(&[7; 10]).as_bytes()));
        assert!(matches!(outcomes[1], Err(HashError::Changed)));
        assert!(matches!(outcomes[2], Err(HashError::Disk(DiskError::NotFound { .. }))));
        assert!(matches!(&outcomes[3], Ok(hashes) if hashes.is_empty()));
        assert!(matches!(&outcomes[4], Ok(hashes) if hashes.len() == 5));
    }
}
