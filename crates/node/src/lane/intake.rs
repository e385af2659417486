//! Where the pieces of chunks go: to their chunks' sinks, in order, one at a time.
//!
//! A piece is hashed and written by a thread that may block, while the next one comes in: so one lane keeps two
//! processors busy, and a slow disk holds up nobody else. A lane has two pieces in memory, whatever the size of its
//! chunks. Content that was not asked for, or no longer is wanted, is read over.

use std::collections::HashMap;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use drizzle_model::{ChunkIndex, PeerId};
use drizzle_store::{ChunkSink, DiskError, Source, Verdict};
use drizzle_wire::{CHUNK_BYTES_MAX, Channel, DataHeader};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::expectations::{Expectations, Expected};
use super::news::{Happening, LaneId, LaneNews};
use super::read_error::ReadError;
use crate::content_key::ContentId;

/// Content that nobody asked for is read over up to so many bytes, besides what was asked for and given up: the largest
/// chunk. Who sends more wastes the line on purpose.
const UNASKED_BYTES_MAX: u64 = CHUNK_BYTES_MAX as u64;

/// What comes is told with the first and the last piece of a chunk, and this often between: each time wakes the hub.
const TOLD_EVERY: Duration = Duration::from_millis(20);

/// Names a chunk on a lane.
type Key = (Channel, u32);

/// A chunk of which some pieces have come.
struct Arriving {
    content: ContentId,
    chunk: ChunkIndex,
    sink: ChunkSink,
    received: u64,
    /// Of these, how many the hub has not heard of.
    untold: u64,
    bytes: u64,
}

/// A piece that is being written.
struct Writing {
    key: Key,
    content: ContentId,
    chunk: ChunkIndex,
    bytes: u64,
    /// Gives the piece's buffer back.
    task: JoinHandle<(Vec<u8>, Written)>,
}

/// What became of a piece.
enum Written {
    /// More is to come.
    Part(Arriving),
    /// It was the last one.
    Judged(Verdict),
    Failed(DiskError),
}

pub(super) struct Intake {
    lane: LaneId,
    peer: PeerId,
    expectations: Expectations,
    news: mpsc::Sender<LaneNews>,
    arriving: HashMap<Key, Arriving>,
    writing: Option<Writing>,
    /// Room for the next piece.
    spare: Vec<u8>,
    told_at: Instant,
    /// Content that came and was not asked for, in bytes.
    unasked: u64,
}

impl Intake {
    pub(super) fn new(
        (lane, peer): (LaneId, PeerId),
        expectations: Expectations,
        news: mpsc::Sender<LaneNews>,
    ) -> Self {
        Self {
            lane,
            peer,
            expectations,
            news,
            arriving: HashMap::new(),
            writing: None,
            spare: Vec::new(),
            told_at: Instant::now(),
            unasked: 0,
        }
    }

    pub(super) async fn tell(&mut self, what: Happening) -> Result<(), ReadError> {
        let news = LaneNews { lane: self.lane, peer: self.peer, what };
        self.news.send(news).await.map_err(|_| ReadError::Closing)
    }

    /// Does something that takes its time, and sees to the piece under way meanwhile: a chunk that is whole is told of
    /// at once, however long the next word of the peer takes.
    pub(super) async fn during<T>(&mut self, other: impl Future<Output = T>) -> Result<T, ReadError> {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return Ok(done),
                written = written(&mut self.writing) => self.conclude(written?).await?,
            }
        }
    }

    /// Waits until nothing is under way.
    pub(super) async fn settle(&mut self) -> Result<(), ReadError> {
        while self.writing.is_some() {
            let written = written(&mut self.writing).await?;
            self.conclude(written).await?;
        }
        Ok(())
    }

    /// Takes the piece in `buffer` to its chunk, if that is still wanted, and leaves room for the next one there.
    pub(super) async fn take(&mut self, header: DataHeader, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        self.settle().await?;
        let key = (header.channel(), header.chunk());
        let Some(expected) = self.expectations.find(key) else {
            self.arriving.remove(&key);
            return self.read_over(buffer.len() as u64);
        };
        if header.offset() == 0 {
            // It began before, and was given up then.
            if let Some(given_up) = self.arriving.remove(&key) {
                self.read_over(given_up.received)?;
            }
            match begin(&expected) {
                Ok(arriving) => drop(self.arriving.insert(key, arriving)),
                Err(error) => return self.fail(key, expected.content, error).await,
            }
        }
        let Some(arriving) = self.arriving.remove(&key) else { return self.read_over(buffer.len() as u64) };
        if u64::from(header.offset()) != arriving.received {
            return Err(ReadError::Offset { expected: arriving.received, received: header.offset().into() });
        }
        let piece = std::mem::replace(buffer, std::mem::take(&mut self.spare));
        self.write(key, arriving, piece).await
    }

    async fn write(&mut self, key: Key, mut arriving: Arriving, piece: Vec<u8>) -> Result<(), ReadError> {
        arriving.received += piece.len() as u64;
        arriving.untold += piece.len() as u64;
        let (content, chunk, bytes) = (arriving.content, arriving.chunk, arriving.bytes);
        let is_first = arriving.received == arriving.untold;
        let is_last = arriving.received >= bytes;
        let told = (is_first || is_last || self.told_at.elapsed() >= TOLD_EVERY)
            .then(|| std::mem::take(&mut arriving.untold));
        let task = spawn_blocking(move || {
            let written = put(arriving, &piece);
            (piece, written)
        });
        self.writing = Some(Writing { key, content, chunk, bytes, task });
        if let Some(bytes) = told {
            self.told_at = Instant::now();
            self.tell(Happening::Arrived { content, chunk, bytes }).await?;
        }
        Ok(())
    }

    async fn conclude(&mut self, (piece, written): (Writing, (Vec<u8>, Written))) -> Result<(), ReadError> {
        let Writing { key, content, chunk, bytes, .. } = piece;
        let (spare, written) = written;
        self.spare = spare;
        let verdict = match written {
            Written::Part(arriving) => {
                self.arriving.insert(key, arriving);
                return Ok(());
            }
            Written::Failed(error) => return self.fail(key, content, error).await,
            Written::Judged(verdict) => verdict,
        };
        // Gone meanwhile with its channel: nobody waits for it.
        if !self.expectations.remove(key) {
            return Ok(());
        }
        self.tell(match verdict {
            Verdict::Verified => Happening::Verified { content, chunk, bytes },
            Verdict::Corrupt => Happening::Corrupt { content, chunk },
        })
        .await
    }

    /// Counts content that is of no use.
    fn read_over(&mut self, bytes: u64) -> Result<(), ReadError> {
        self.unasked += bytes;
        let expected = UNASKED_BYTES_MAX + self.expectations.forgiven_bytes();
        if self.unasked > expected {
            return Err(ReadError::Unasked { expected, received: self.unasked });
        }
        Ok(())
    }

    async fn fail(&mut self, key: Key, content: ContentId, error: DiskError) -> Result<(), ReadError> {
        // The rest of it is on its way.
        self.expectations.forgive(key);
        self.expectations.remove(key);
        self.tell(Happening::DiskFailed { content, error }).await
    }
}

/// Waits for the piece under way; for ever if there is none. Dropped while it waits, it has taken nothing.
async fn written(writing: &mut Option<Writing>) -> Result<(Writing, (Vec<u8>, Written)), ReadError> {
    let Some(under_way) = writing else { return pending().await };
    // It fails only when the process ends.
    let written = (&mut under_way.task).await.map_err(|_| ReadError::Closing)?;
    let under_way = writing.take().ok_or(ReadError::Closing)?;
    Ok((under_way, written))
}

fn begin(expected: &Expected) -> Result<Arriving, DiskError> {
    let Expected { content, chunk, download } = expected;
    let (content, chunk) = (*content, *chunk);
    let (sink, bytes) = (download.begin(chunk)?, download.chunk_bytes(chunk));
    Ok(Arriving { content, chunk, sink, received: 0, untold: 0, bytes })
}

fn put(mut arriving: Arriving, piece: &[u8]) -> Written {
    match arriving.sink.write(piece) {
        Err(error) => Written::Failed(error),
        Ok(()) if arriving.received < arriving.bytes => Written::Part(arriving),
        Ok(()) => arriving.sink.finish().map_or_else(Written::Failed, Written::Judged),
    }
}
