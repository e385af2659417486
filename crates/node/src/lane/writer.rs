//! The sending half of a lane: messages first, content between them in pieces.
//!
//! Orders come over one bounded queue. Content is read from disk piece by piece, just before it goes out, so an
//! upload costs one piece of memory whatever its size, and a message waits for one piece at most.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::ChunkIndex;
use drizzle_net::{RateLimiter, WriteHalf};
use drizzle_store::{Source, SourceError};
use drizzle_wire::{Channel, DataHeader, Message, PING_AFTER};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::news::{Happening, LaneId, LaneNews, UploadEnd};

/// A peer that takes nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Content to send.
pub(crate) struct Upload {
    pub(crate) channel: Channel,
    pub(crate) chunk: ChunkIndex,
    pub(crate) source: Arc<dyn Source>,
}

/// What a lane is told to send, or not to.
pub(crate) enum Order {
    /// Send this message.
    Say(Message),
    /// Send this content.
    Upload(Upload),
    /// Do not send that content, or no more of it.
    Stop { channel: Channel, chunk: ChunkIndex },
    /// Send this message and hang up.
    HangUp(Message),
}

/// Carries out the orders of one lane.
pub(crate) struct Writer {
    lane: LaneId,
    stream: WriteHalf,
    orders: mpsc::Receiver<Order>,
    news: mpsc::Sender<LaneNews>,
    limit: RateLimiter,
    /// What is to be sent, oldest first, each with a number of its own: a chunk may be stopped and asked for again.
    uploads: VecDeque<(u64, Upload)>,
    uploads_taken: u64,
    messages: Vec<u8>,
    piece: Vec<u8>,
    hangs_up: bool,
}

impl Writer {
    pub(crate) fn new(
        lane: LaneId,
        stream: WriteHalf,
        orders: mpsc::Receiver<Order>,
        news: mpsc::Sender<LaneNews>,
        limit: RateLimiter,
    ) -> Self {
        let (uploads, messages, piece) = (VecDeque::new(), Vec::new(), Vec::new());
        Self {
            lane,
            stream,
            orders,
            news,
            limit,
            uploads,
            uploads_taken: 0,
            messages,
            piece,
            hangs_up: false,
        }
    }

    /// Carries out orders until it is told to hang up, or nobody gives orders any more, or the connection breaks.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        loop {
            if self.uploads.is_empty() {
                self.stream.flush().await?;
                match timeout(PING_AFTER, self.orders.recv()).await {
                    Ok(Some(order)) => self.obey(order),
                    Ok(None) => self.hangs_up = true,
                    Err(_) => self.obey(Order::Say(Message::Ping { nonce: 0 })),
                }
            }
            self.obey_all();
            self.write_messages().await?;
            if self.hangs_up {
                return self.stream.shutdown().await;
            }
            if let Some((number, _)) = self.uploads.front() {
                self.upload(*number).await?;
            }
        }
    }

    fn obey_all(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Say(message) => message.encode(&mut self.messages),
            Order::Upload(upload) => {
                self.uploads_taken += 1;
                self.uploads.push_back((self.uploads_taken, upload));
            }
            Order::Stop { channel, chunk } => {
                self.uploads.retain(|(_, upload)| (upload.channel, upload.chunk) != (channel, chunk));
            }
            Order::HangUp(message) => {
                message.encode(&mut self.messages);
                self.hangs_up = true;
            }
        }
    }

    async fn write_messages(&mut self) -> io::Result<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        in_time(self.stream.write_all(&self.messages)).await?;
        self.messages.clear();
        // Content that follows carries the messages along; without it they must not wait.
        if self.uploads.is_empty() { self.stream.flush().await } else { Ok(()) }
    }

    /// Sends the chunk at the front of the queue. It stays there meanwhile, so that stopping it finds it.
    async fn upload(&mut self, number: u64) -> io::Result<()> {
        let Some((_, Upload { channel, chunk, source })) = self.uploads.front() else { return Ok(()) };
        let (chunk, source) = (*chunk, Arc::clone(source));
        let pieces = DataHeader::pieces(*channel, chunk.number(), source.chunk_bytes(chunk));
        let Some(pieces) = pieces else {
            return self.end_upload(UploadEnd::Failed(SourceError::Missing { chunk })).await;
        };
        for header in pieces {
            if let Err(error) = self.load(&*source, header, chunk) {
                return self.end_upload(UploadEnd::Failed(error)).await;
            }
            self.limit.take(header.payload_len() as u64).await;
            in_time(self.stream.write_all(&self.piece)).await?;
            self.obey_all();
            self.write_messages().await?;
            // It may just have been stopped, even behind its last piece.
            if self.uploads.front().is_none_or(|(of, _)| *of != number) {
                return Ok(());
            }
        }
        self.end_upload(UploadEnd::Sent).await
    }

    async fn end_upload(&mut self, end: UploadEnd) -> io::Result<()> {
        let Some((_, Upload { channel, chunk, .. })) = self.uploads.pop_front() else { return Ok(()) };
        let what = Happening::UploadEnded { channel, chunk, end };
        self.news.send(LaneNews { lane: self.lane, what }).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Puts a header and its piece of content into `piece`.
    fn load(
        &mut self,
        source: &dyn Source,
        header: DataHeader,
        chunk: ChunkIndex,
    ) -> Result<(), SourceError> {
        self.piece.resize(DataHeader::LEN + header.payload_len(), 0);
        let (head, payload) = self.piece.split_at_mut(DataHeader::LEN);
        head.copy_from_slice(&header.encode());
        let count = block_in_place(|| source.read(chunk, u64::from(header.offset()), payload))?;
        if count == payload.len() { Ok(()) } else { Err(SourceError::Missing { chunk }) }
    }
}

async fn in_time(write: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(WRITE_TIMEOUT, write).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
