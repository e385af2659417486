//! Takes the bytes of one chunk as they come from the network, and says in the end whether they were right.

use std::sync::Arc;

use drizzle_model::ChunkIndex;

use crate::DiskError;

use super::Download;
use super::pack::PackWriter;
use super::slice::SliceWriter;
use super::verdict::Verdict;

/// A chunk that is being received. Dropped without [`ChunkSink::finish`], it leaves nothing that counts.
#[derive(Debug)]
pub struct ChunkSink {
    download: Arc<Download>,
    chunk: ChunkIndex,
    writer: Writer,
}

#[derive(Debug)]
enum Writer {
    /// A part of a big file.
    Slice(Box<SliceWriter>),
    /// Small files, one after another.
    Pack(PackWriter),
}

impl Download {
    /// Gets ready to take the bytes of one chunk. Several may take the same one: which of them comes first with all of
    /// it, and right, wins.
    pub fn begin(self: &Arc<Self>, chunk: ChunkIndex) -> Result<ChunkSink, DiskError> {
        ChunkSink::new(self.clone(), chunk)
    }
}

impl ChunkSink {
    fn new(download: Arc<Download>, chunk: ChunkIndex) -> Result<Self, DiskError> {
        let mut segments: Vec<_> = download.content.segments(chunk).collect();
        let is_slice =
            |entry| download.content.file_at(entry).is_some_and(|(geometry, _)| geometry.chunk_count() > 1);
        let writer = match segments.pop_if(|segment| is_slice(segment.entry)) {
            Some(segment) => Writer::Slice(Box::new(SliceWriter::new(&download, chunk, segment)?)),
            None => Writer::Pack(PackWriter::new(segments)),
        };
        Ok(Self { download, chunk, writer })
    }

    /// Takes the next bytes; some 256 KiB at a time is best, 16 KiB or less is slow. After an error the chunk cannot be
    /// verified any more: drop the sink.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        match &mut self.writer {
            Writer::Slice(writer) => writer.write(&self.download, bytes),
            Writer::Pack(writer) => writer.write(&self.download, bytes),
        }
    }

    /// Judges what came. A big file that is whole by now is in its place when this returns.
    pub fn finish(mut self) -> Result<Verdict, DiskError> {
        match &mut self.writer {
            Writer::Slice(writer) => writer.finish(&self.download, self.chunk),
            Writer::Pack(writer) => Ok(writer.finish(&self.download, self.chunk)),
        }
    }
}

impl Drop for ChunkSink {
    fn drop(&mut self) {
        if let Writer::Slice(writer) = &mut self.writer {
            writer.give_up(&self.download, self.chunk);
        }
    }
}
