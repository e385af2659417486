//! A chunk of small files: each is put in place as soon as its bytes are there and right.

use drizzle_model::{ChunkHasher, ChunkIndex, Segment};

use crate::DiskError;

use super::Download;
use super::lock::lock;
use super::verdict::Verdict;

#[derive(Debug)]
pub(super) struct PackWriter {
    files: std::vec::IntoIter<Segment>,
    /// What has come of the first of `files`, when a file is spread over several writes. Below the size of a small file.
    begun: Vec<u8>,
    verdict: Verdict,
}

impl PackWriter {
    pub(super) fn new(files: Vec<Segment>) -> Self {
        Self { files: files.into_iter(), begun: Vec::new(), verdict: Verdict::Verified }
    }

    pub(super) fn write(&mut self, download: &Download, mut bytes: &[u8]) -> Result<(), DiskError> {
        while !bytes.is_empty() {
            let Some(file) = self.files.as_slice().first() else {
                self.verdict = Verdict::Corrupt;
                return Ok(());
            };
            let (entry, size) = (file.entry, (file.range.end - file.range.start) as usize);
            let (head, rest) = bytes.split_at(bytes.len().min(size - self.begun.len()));
            bytes = rest;
            if head.len() == size {
                self.take(download, entry, head)?;
            } else {
                self.begun.extend_from_slice(head);
                if self.begun.len() == size {
                    let whole = std::mem::take(&mut self.begun);
                    self.take(download, entry, &whole)?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, download: &Download, entry: usize, bytes: &[u8]) -> Result<(), DiskError> {
        self.files.next();
        if !is_right(download, entry, bytes) {
            self.verdict = Verdict::Corrupt;
        } else if download.state(entry).finished.is_none() {
            // After a failure the chunk cannot count, whatever else comes.
            download.put_small(entry, bytes).inspect_err(|_| self.verdict = Verdict::Corrupt)?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, download: &Download, chunk: ChunkIndex) -> Verdict {
        if !self.files.as_slice().is_empty() {
            self.verdict = Verdict::Corrupt;
        }
        if self.verdict == Verdict::Verified && lock(&download.verified).insert(chunk) {
            lock(&download.served).insert(chunk);
        }
        self.verdict
    }
}

fn is_right(download: &Download, entry: usize, bytes: &[u8]) -> bool {
    let Some((geometry, hashes)) = download.content.file_at(entry) else { return false };
    let Some(chunk) = geometry.chunk(0) else { return false };
    let mut hasher = ChunkHasher::new(geometry, chunk);
    hasher.update(bytes);
    hasher.finish() == *hashes.of(chunk)
}
