//! The receiving half of a lane: messages go to the hub, content goes straight to where it is kept.
//!
//! A piece is hashed and written as it comes, so a chunk costs one piece of memory whatever its size. Content that was
//! not asked for, or no longer is wanted, is read over.

use std::collections::HashMap;

use drizzle_model::{ChunkIndex, PeerId};
use drizzle_net::{RateLimiter, ReadHalf};
use drizzle_store::{ChunkSink, DiskError, Source, Verdict};
use drizzle_wire::{CHUNK_BYTES_MAX, Channel, DataHeader, FrameHead, SILENCE_MAX};
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::expectations::{Expectations, Expected};
use super::frame::{FrameError, read_fields, read_head, read_piece};
use super::news::{Fault, Happening, LaneId, LaneNews};
use crate::content_key::ContentId;

/// Content that nobody asked for is read over up to so many bytes, besides what was asked for and given up: the largest
/// chunk. Who sends more wastes the line on purpose.
const UNASKED_BYTES_MAX: u64 = CHUNK_BYTES_MAX as u64;

/// Why a lane reads no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The peer, or the way to it.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The peer: the pieces of a chunk do not follow each other.
    #[error("the peer sent a piece at {received} where {expected} was due")]
    Offset {
        /// Where the next piece had to begin, in bytes within the chunk.
        expected: u64,
        /// Where it begins.
        received: u64,
    },
    /// The peer: it sends what nobody asked for.
    #[error(
        "the peer sent content that was not asked for: expected at most {expected} bytes of it, received {received}"
    )]
    Unasked {
        /// How much is read over, in bytes.
        expected: u64,
        /// How much came, in bytes.
        received: u64,
    },
    /// The peer: it sent nothing at all.
    #[error("the peer said nothing for {} s", SILENCE_MAX.as_secs())]
    Silence,
    /// Here: the hub is gone.
    #[error("this peer is shutting down")]
    Closing,
}

impl ReadError {
    /// Whose fault it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Frame(FrameError::Protocol(_) | FrameError::Content)
            | Self::Offset { .. }
            | Self::Unasked { .. } => Fault::Violation,
            Self::Frame(FrameError::Io(_)) | Self::Silence | Self::Closing => Fault::None,
        }
    }
}

/// A chunk of which some pieces have come.
struct Arriving {
    content: ContentId,
    chunk: ChunkIndex,
    sink: ChunkSink,
    received: u64,
    bytes: u64,
}

pub(crate) struct Reader {
    lane: LaneId,
    peer: PeerId,
    stream: ReadHalf,
    expectations: Expectations,
    news: mpsc::Sender<LaneNews>,
    limit: RateLimiter,
    arriving: HashMap<(Channel, u32), Arriving>,
    /// Content that came and was not asked for, in bytes.
    unasked: u64,
    buffer: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(
        (lane, peer): (LaneId, PeerId),
        stream: ReadHalf,
        expectations: Expectations,
        news: mpsc::Sender<LaneNews>,
        limit: RateLimiter,
    ) -> Self {
        let (arriving, unasked, buffer) = (HashMap::new(), 0, Vec::new());
        Self { lane, peer, stream, expectations, news, limit, arriving, unasked, buffer }
    }

    /// Reads until the connection ends or the peer breaks the protocol.
    pub(crate) async fn run(mut self) -> Result<(), ReadError> {
        loop {
            let head =
                timeout(SILENCE_MAX, read_head(&mut self.stream)).await.map_err(|_| ReadError::Silence)??;
            match head {
                FrameHead::Data(head) => {
                    let piece = read_piece(&mut self.stream, head, &mut self.buffer);
                    let header = timeout(SILENCE_MAX, piece).await.map_err(|_| ReadError::Silence)??;
                    // Waiting for the own limit is no silence of the peer.
                    self.limit.take(self.buffer.len() as u64).await;
                    self.take_piece(header).await?;
                }
                FrameHead::Message(head) => {
                    let fields = read_fields(&mut self.stream, head, &mut self.buffer);
                    let message = timeout(SILENCE_MAX, fields).await.map_err(|_| ReadError::Silence)??;
                    self.tell(Happening::Message(message)).await?;
                }
            }
        }
    }

    async fn tell(&mut self, what: Happening) -> Result<(), ReadError> {
        self.news
            .send(LaneNews { lane: self.lane, peer: self.peer, what })
            .await
            .map_err(|_| ReadError::Closing)
    }

    /// Gives the piece in `buffer` to its chunk, if that is still wanted.
    async fn take_piece(&mut self, header: DataHeader) -> Result<(), ReadError> {
        let key = (header.channel(), header.chunk());
        let Some(expected) = self.expectations.find(key) else {
            self.arriving.remove(&key);
            return self.read_over(self.buffer.len() as u64);
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
        let Some(arriving) = self.arriving.get_mut(&key) else {
            return self.read_over(self.buffer.len() as u64);
        };
        if u64::from(header.offset()) != arriving.received {
            return Err(ReadError::Offset { expected: arriving.received, received: header.offset().into() });
        }
        let received = self.buffer.len() as u64;
        arriving.received += received;
        let (content, chunk) = (arriving.content, arriving.chunk);
        if let Err(error) = block_in_place(|| arriving.sink.write(&self.buffer)) {
            return self.fail(key, content, error).await;
        }
        let whole = arriving.received >= arriving.bytes;
        self.tell(Happening::Arrived { content, chunk, bytes: received }).await?;
        if whole { self.finish(key).await } else { Ok(()) }
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

    async fn finish(&mut self, key: (Channel, u32)) -> Result<(), ReadError> {
        let Some(Arriving { content, chunk, sink, bytes, .. }) = self.arriving.remove(&key) else {
            return Ok(());
        };
        let verdict = match block_in_place(|| sink.finish()) {
            Ok(verdict) => verdict,
            Err(error) => return self.fail(key, content, error).await,
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

    async fn fail(
        &mut self,
        key: (Channel, u32),
        content: ContentId,
        error: DiskError,
    ) -> Result<(), ReadError> {
        self.arriving.remove(&key);
        // The rest of it is on its way.
        self.expectations.forgive(key);
        self.expectations.remove(key);
        self.tell(Happening::DiskFailed { content, error }).await
    }
}

fn begin(expected: &Expected) -> Result<Arriving, DiskError> {
    let Expected { content, chunk, download } = expected;
    let (content, chunk) = (*content, *chunk);
    Ok(Arriving {
        content,
        chunk,
        sink: download.begin(chunk)?,
        received: 0,
        bytes: download.chunk_bytes(chunk),
    })
}
