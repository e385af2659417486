//! Gives out what a download has: who fetches serves, from the partial file or from the finished place.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use drizzle_model::{Bitmap, ChunkIndex};

use crate::DiskError;
use crate::shared::{read_and_look, withdraw};
use crate::signature::Signature;
use crate::source::{Part, Source, SourceError, parts};

use super::Download;
use super::lock::lock;

impl Source for Download {
    fn have(&self) -> Bitmap {
        lock(&self.served).clone()
    }

    fn chunk_bytes(&self, chunk: ChunkIndex) -> u64 {
        self.content.chunk_bytes(chunk)
    }

    fn read(&self, chunk: ChunkIndex, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if !lock(&self.served).contains(chunk) {
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

impl Download {
    fn read_part(&self, part: &Part, buffer: &mut [u8]) -> Result<(), SourceError> {
        let entry = part.segment.entry;
        let outcome = self.file_for_reading(entry).and_then(|(file, expected)| {
            let look = read_and_look(&file, buffer, part.range.start).map_err(|e| self.error(entry, e))?;
            Ok((look, expected))
        });
        match outcome {
            Ok((Some(look), expected)) if expected.is_none_or(|expected| expected == look) => Ok(()),
            Ok(_)
            | Err(DiskError::NotFound { .. } | DiskError::NotAFolder { .. } | DiskError::IsALink { .. }) => {
                self.open.forget(entry);
                let path: PathBuf = self.target.path_of(&self.content.entries()[entry].path);
                Err(SourceError::Changed { path, lost: withdraw(&self.content, &self.served, entry) })
            }
            Err(error) => Err(SourceError::Unreadable(error)),
        }
    }

    /// The open file, and how it must look if others can reach it. The state is held meanwhile, so that the file is not
    /// put in place between the question and the opening.
    fn file_for_reading(&self, entry: usize) -> Result<(Arc<OwnedFd>, Option<Signature>), DiskError> {
        let mut state = self.state(entry);
        let Some(signature) = state.finished else {
            return Ok((self.open_partial(entry, &mut state)?, None));
        };
        let open = || self.target.open_file(&self.content.entries()[entry].path);
        let is_big = self.content.file_at(entry).is_some_and(|(geometry, _)| geometry.chunk_count() > 1);
        let file = if is_big { self.open.file(entry, open)? } else { Arc::new(open()?) };
        Ok((file, Some(signature)))
    }
}
