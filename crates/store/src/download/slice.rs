//! A chunk of a big file: hashed as it comes, and written at its place in the partial file.
//!
//! Who finds another writer at work on the same chunk writes aside, and moves its bytes into place when they turn out
//! right first. A chunk that is verified already is only hashed, to judge the one who sends it.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use drizzle_model::{ChunkHasher, ChunkIndex, Segment};
use rustix::fs::Mode;

use crate::DiskError;
use crate::copy::{copy_range, write_all};

use super::claims::{Right, Standing};
use super::identity::{Acquaintance, Identity};
use super::lock::lock;
use super::verdict::Verdict;
use super::{Download, FileState};

#[derive(Debug)]
pub(super) struct SliceWriter {
    entry: usize,
    wanted: [u8; 32],
    range: Range<u64>,
    hasher: ChunkHasher,
    /// How many bytes came; stays above the chunk's size once more came than it has.
    count: u64,
    destination: Destination,
}

/// Where the bytes go.
#[derive(Debug)]
enum Destination {
    InPlace { file: Arc<OwnedFd>, right: Right },
    Aside { file: OwnedFd, name: String },
    Nowhere,
}

impl SliceWriter {
    pub(super) fn new(download: &Download, chunk: ChunkIndex, segment: Segment) -> Result<Self, DiskError> {
        let entry = segment.entry;
        let Some((geometry, hashes)) = download.content.file_at(entry) else {
            return Err(download.error(entry, rustix::io::Errno::INVAL));
        };
        Ok(Self {
            entry,
            wanted: *hashes.of(segment.chunk),
            hasher: ChunkHasher::new(geometry, segment.chunk),
            range: segment.range,
            count: 0,
            destination: Destination::choose(download, chunk, entry)?,
        })
    }

    pub(super) fn write(&mut self, download: &Download, bytes: &[u8]) -> Result<(), DiskError> {
        let at = self.range.start.saturating_add(self.count);
        self.count = self.count.saturating_add(bytes.len() as u64);
        if self.count > self.range.end - self.range.start {
            return Ok(());
        }
        self.hasher.update(bytes);
        let written = match &self.destination {
            Destination::InPlace { file, right } => {
                let standing = lock(right);
                if *standing == Standing::Held { write_all(file, bytes, at) } else { Ok(()) }
            }
            Destination::Aside { file, .. } => write_all(file, bytes, at),
            Destination::Nowhere => Ok(()),
        };
        // After a failure the chunk cannot count, whatever else comes.
        written.inspect_err(|_| self.count = u64::MAX).map_err(|e| download.error(self.entry, e))
    }

    pub(super) fn finish(&mut self, download: &Download, chunk: ChunkIndex) -> Result<Verdict, DiskError> {
        let is_whole = self.count == self.range.end - self.range.start;
        if !is_whole || self.hasher.finish() != self.wanted {
            return Ok(Verdict::Corrupt);
        }
        match &self.destination {
            Destination::InPlace { right, .. } => {
                // Locked until the chunk counts, so that nobody ousts this writer half-way.
                let standing = lock(right);
                if *standing == Standing::Held {
                    download.note_verified(chunk, self.entry)?;
                } else {
                    drop(standing);
                    self.await_ouster(download, chunk)?;
                }
            }
            Destination::Aside { file, .. } => self.move_in(download, chunk, file)?,
            Destination::Nowhere => {}
        }
        Ok(Verdict::Verified)
    }

    fn move_in(&self, download: &Download, chunk: ChunkIndex, aside: &OwnedFd) -> Result<(), DiskError> {
        download.claims.oust(chunk, || {
            if lock(&download.verified).contains(chunk) {
                return Ok(());
            }
            let Some(file) = download.partial_file(self.entry)? else { return Ok(()) };
            let bytes = self.range.end - self.range.start;
            copy_range(aside, &*file, self.range.start, bytes).map_err(|e| download.error(self.entry, e))?;
            download.note_verified(chunk, self.entry)
        })
    }

    /// Another was right first, and is moving its bytes in. What is called verified must count by then, and does only when
    /// the other is done; should it fail, these bytes are of no use either, for not all of them were written.
    fn await_ouster(&self, download: &Download, chunk: ChunkIndex) -> Result<(), DiskError> {
        download.claims.wait_for_ouster(chunk);
        if lock(&download.verified).contains(chunk) {
            Ok(())
        } else {
            Err(download.error(self.entry, rustix::io::Errno::IO))
        }
    }

    /// Gives back what was held.
    pub(super) fn give_up(&mut self, download: &Download, chunk: ChunkIndex) {
        match std::mem::replace(&mut self.destination, Destination::Nowhere) {
            Destination::InPlace { right, .. } => download.claims.release(chunk, &right),
            Destination::Aside { name, .. } => {
                if let Some(partial) = &download.partial {
                    partial.remove(&name);
                }
            }
            Destination::Nowhere => {}
        }
    }
}

impl Destination {
    fn choose(download: &Download, chunk: ChunkIndex, entry: usize) -> Result<Self, DiskError> {
        let right = download.claims.claim(chunk);
        // Asked after the claim: who held it before has noted the chunk before giving the right back.
        if lock(&download.verified).contains(chunk) {
            if let Some(right) = right {
                download.claims.release(chunk, &right);
            }
            return Ok(Self::Nowhere);
        }
        let Some(right) = right else {
            let (file, name) = download.partial_folder()?.temporary(Mode::RUSR | Mode::WUSR)?;
            return Ok(Self::Aside { file, name });
        };
        match download.partial_file(entry) {
            Ok(Some(file)) => Ok(Self::InPlace { file, right }),
            nothing => {
                download.claims.release(chunk, &right);
                nothing.map(|_| Self::Nowhere)
            }
        }
    }
}

impl Download {
    /// The partial file of a big entry, open for reading and writing; none when the entry is finished by now.
    fn partial_file(&self, entry: usize) -> Result<Option<Arc<OwnedFd>>, DiskError> {
        let mut state = self.state(entry);
        if state.finished.is_some() { Ok(None) } else { self.open_partial(entry, &mut state).map(Some) }
    }

    /// The partial file of an entry that is not finished. Its state is held meanwhile, or the file might be put in place
    /// and a new one made in its stead.
    pub(super) fn open_partial(&self, entry: usize, held: &mut FileState) -> Result<Arc<OwnedFd>, DiskError> {
        let Some((geometry, _)) = self.content.file_at(entry) else {
            return Err(self.error(entry, rustix::io::Errno::INVAL));
        };
        self.open.file(entry, || {
            let partial = self.partial_folder()?;
            let file = match held.partial {
                Acquaintance::None => partial.file(entry, geometry)?,
                // A new one would have holes where there was verified data, and perhaps the old one's number.
                _ => partial.existing(entry)?.ok_or_else(|| partial.replaced(&entry.to_string()))?,
            };
            held.partial.meet(Identity::of(&file).map_err(|e| self.error(entry, e))?);
            Ok(file)
        })
    }

    /// Counts a chunk whose bytes are in the partial file. The last one of a file puts it in place.
    fn note_verified(&self, chunk: ChunkIndex, entry: usize) -> Result<(), DiskError> {
        if !lock(&self.verified).insert(chunk) {
            return Ok(());
        }
        lock(&self.served).insert(chunk);
        let mut state = self.state(entry);
        state.missing = state.missing.saturating_sub(1);
        if state.missing > 0 {
            return Ok(());
        }
        drop(state);
        self.put_in_place(entry)
    }
}
