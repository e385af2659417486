//! The receiving half of a lane: messages go to the hub, content goes straight to where it is kept.
//!
//! A piece is hashed and written as it comes, so a chunk costs one piece of memory whatever its size. Content that was
//! not asked for, or no longer is wanted, is read over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use drizzle_model::ChunkIndex;
use drizzle_net::{RateLimiter, ReadHalf};
use drizzle_store::{ChunkSink, DiskError, Download, Source, Verdict};
use drizzle_wire::{Channel, DataHeader, FrameHead, SILENCE_MAX};
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::LaneId;
use super::frame::{FrameError, read_fields, read_head, read_piece};
use crate::input::{ContentId, Input};

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
    /// The peer: it sent nothing at all.
    #[error("the peer said nothing for {} s", SILENCE_MAX.as_secs())]
    Silence,
    /// Here: the hub is gone.
    #[error("this peer is shutting down")]
    Closing,
}

/// A chunk that was asked for on a lane.
#[derive(Clone)]
pub(crate) struct Expected {
    pub(crate) content: ContentId,
    pub(crate) chunk: ChunkIndex,
    pub(crate) download: Arc<Download>,
}

/// What was asked for on a lane, by channel and chunk number. The hub puts in what it asks for before it asks, and takes out what
/// it no longer wants.
#[derive(Clone, Default)]
pub(crate) struct Expectations(Arc<Mutex<HashMap<(Channel, u32), Expected>>>);

impl Expectations {
    pub(crate) fn insert(&self, channel: Channel, expected: Expected) {
        self.lock().insert((channel, expected.chunk.number()), expected);
    }

    pub(crate) fn remove(&self, channel: Channel, chunk: u32) -> bool {
        self.lock().remove(&(channel, chunk)).is_some()
    }

    fn find(&self, key: (Channel, u32)) -> Option<Expected> {
        self.lock().get(&key).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Channel, u32), Expected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    stream: ReadHalf,
    expectations: Expectations,
    inputs: mpsc::Sender<Input>,
    limit: RateLimiter,
    arriving: HashMap<(Channel, u32), Arriving>,
    buffer: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(
        lane: LaneId,
        stream: ReadHalf,
        expectations: Expectations,
        inputs: mpsc::Sender<Input>,
        limit: RateLimiter,
    ) -> Self {
        Self { lane, stream, expectations, inputs, limit, arriving: HashMap::new(), buffer: Vec::new() }
    }

    /// Reads until the connection ends or the peer breaks the protocol.
    pub(crate) async fn run(mut self) -> Result<(), ReadError> {
        loop {
            let head =
                timeout(SILENCE_MAX, read_head(&mut self.stream)).await.map_err(|_| ReadError::Silence)??;
            let frame = async {
                match head {
                    FrameHead::Data(head) => {
                        let header = read_piece(&mut self.stream, head, &mut self.buffer).await?;
                        self.limit.take(self.buffer.len() as u64).await;
                        self.take_piece(header).await
                    }
                    FrameHead::Message(head) => {
                        let message = read_fields(&mut self.stream, head, &mut self.buffer).await?;
                        self.tell(Input::Message { lane: self.lane, message }).await
                    }
                }
            };
            timeout(SILENCE_MAX, frame).await.map_err(|_| ReadError::Silence)??;
        }
    }

    async fn tell(&mut self, input: Input) -> Result<(), ReadError> {
        self.inputs.send(input).await.map_err(|_| ReadError::Closing)
    }

    /// Gives the piece in `buffer` to its chunk, if that is still wanted.
    async fn take_piece(&mut self, header: DataHeader) -> Result<(), ReadError> {
        let key = (header.channel(), header.chunk());
        let Some(expected) = self.expectations.find(key) else {
            self.arriving.remove(&key);
            return Ok(());
        };
        if header.offset() == 0 {
            match begin(&expected) {
                Ok(arriving) => drop(self.arriving.insert(key, arriving)),
                Err(error) => return self.fail(key, expected.content, error).await,
            }
        }
        let Some(arriving) = self.arriving.get_mut(&key) else { return Ok(()) };
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
        self.tell(Input::Arrived { lane: self.lane, content, chunk, bytes: received }).await?;
        if whole { self.finish(key).await } else { Ok(()) }
    }

    async fn finish(&mut self, key: (Channel, u32)) -> Result<(), ReadError> {
        let Some(Arriving { content, chunk, sink, bytes, .. }) = self.arriving.remove(&key) else {
            return Ok(());
        };
        let lane = self.lane;
        let verdict = match block_in_place(|| sink.finish()) {
            Ok(verdict) => verdict,
            Err(error) => return self.fail(key, content, error).await,
        };
        // Whoever takes the expectation out decides: a chunk that was cancelled meanwhile is not reported.
        if !self.expectations.remove(key.0, key.1) {
            return Ok(());
        }
        self.tell(match verdict {
            Verdict::Verified => Input::Verified { lane, content, chunk, bytes },
            Verdict::Corrupt => Input::Corrupt { lane, content, chunk },
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
        self.expectations.remove(key.0, key.1);
        self.tell(Input::DiskFailed { content, error }).await
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
