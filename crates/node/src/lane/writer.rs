//! The sending half of a lane: messages first, content between them in pieces.
//!
//! Orders come over one bounded queue. Content is read from disk piece by piece, just before it goes out, so an
//! upload costs one piece of memory whatever its size, and a message waits for one piece at most; [`super::portion`] keeps
//! that short.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::{ChunkHashes, ChunkIndex, PeerId};
use drizzle_net::{RateLimiter, WriteHalf};
use drizzle_store::{Source, SourceError};
use drizzle_wire::{Channel, DataHeader, HashCount, Hashes, Message, PING_AFTER};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

use super::courtesy::Courtesy;
use super::news::{Happening, LaneId, LaneNews, UploadEnd, UploadEnded, UploadId};
use super::portion::Portion;

/// A peer that takes nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// So many bytes of messages are put together at most before they are written; one message may be beyond.
const MESSAGES_BYTES_MAX: usize = 1 << 20;
/// More room for messages is not kept once they are written.
const MESSAGES_BYTES_KEPT: usize = 64 << 10;

/// Content to send.
pub(crate) struct Upload {
    pub(crate) id: UploadId,
    pub(crate) channel: Channel,
    pub(crate) chunk: ChunkIndex,
    pub(crate) source: Arc<dyn Source>,
}

/// Hashes to send.
pub(crate) struct HashesOrder {
    pub(crate) channel: Channel,
    pub(crate) hashes: Arc<ChunkHashes>,
    pub(crate) first: u32,
    pub(crate) count: HashCount,
    /// Given back when the answer is written.
    pub(crate) unanswered: OwnedSemaphorePermit,
}

/// What a lane is told to send, or not to.
pub(crate) enum Order {
    /// Send this message.
    Say(Message),
    /// Send these hashes. They are taken out of the whole only when their turn comes.
    Hashes(HashesOrder),
    /// Send this content.
    Upload(Upload),
    /// Do not send that content, or no more of it.
    Stop(UploadId),
    /// The channel is no more: send no content on it.
    Forget { channel: Channel },
    /// Send this message and hang up.
    HangUp(Message),
}

/// Carries out the orders of one lane.
pub(crate) struct Writer {
    lane: LaneId,
    peer: PeerId,
    stream: WriteHalf,
    orders: mpsc::Receiver<Order>,
    news: mpsc::Sender<LaneNews>,
    limit: RateLimiter,
    /// What is to be sent, oldest first.
    uploads: VecDeque<Upload>,
    messages: Vec<u8>,
    /// Answers that are in `messages`.
    unanswered: Vec<OwnedSemaphorePermit>,
    piece: Vec<u8>,
    portion: Portion,
    courtesy: Courtesy,
    hangs_up: bool,
}

impl Writer {
    pub(crate) fn new(
        (lane, peer): (LaneId, PeerId),
        stream: WriteHalf,
        orders: mpsc::Receiver<Order>,
        news: mpsc::Sender<LaneNews>,
        limit: RateLimiter,
    ) -> Self {
        let (uploads, messages, piece) = (VecDeque::new(), Vec::new(), Vec::new());
        Self {
            lane,
            peer,
            stream,
            orders,
            news,
            limit,
            uploads,
            messages,
            unanswered: Vec::new(),
            piece,
            portion: Portion::default(),
            courtesy: Courtesy::default(),
            hangs_up: false,
        }
    }

    /// Carries out orders until it is told to hang up, or nobody gives orders any more, or the connection breaks.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        loop {
            if self.uploads.is_empty() {
                in_time(self.stream.flush()).await?;
                match timeout(PING_AFTER, self.orders.recv()).await {
                    Ok(Some(order)) => self.obey(order),
                    Ok(None) => self.hangs_up = true,
                    Err(_) => self.obey(Order::Say(Message::Ping { nonce: 0 })),
                }
            }
            self.obey_all();
            self.write_messages().await?;
            if self.hangs_up {
                return in_time(self.stream.shutdown()).await;
            }
            if let Some(upload) = self.uploads.front() {
                self.upload(upload.id).await?;
            }
        }
    }

    /// Takes what orders there are, as far as their messages may be put together.
    fn obey_all(&mut self) {
        while !self.hangs_up && self.messages.len() < MESSAGES_BYTES_MAX {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.hangs_up = true,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Say(message) => message.encode(&mut self.messages),
            Order::Hashes(order) => self.put_hashes(order),
            Order::Upload(upload) => self.uploads.push_back(upload),
            Order::Stop(id) => self.uploads.retain(|upload| upload.id != id),
            Order::Forget { channel } => self.uploads.retain(|upload| upload.channel != channel),
            Order::HangUp(message) => {
                message.encode(&mut self.messages);
                self.hangs_up = true;
            }
        }
    }

    fn put_hashes(&mut self, order: HashesOrder) {
        let HashesOrder { channel, hashes, first, count, unanswered } = order;
        let begin = first as usize;
        let asked = hashes.as_slice().get(begin..begin + count.number() as usize);
        // The hub has looked that they are there.
        if let Some(hashes) = asked.and_then(|asked| Hashes::new(asked.to_vec())) {
            Message::Hashes { channel, first, hashes }.encode(&mut self.messages);
            self.unanswered.push(unanswered);
        }
    }

    async fn write_messages(&mut self) -> io::Result<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        in_time(self.stream.write_all(&self.messages)).await?;
        self.messages.clear();
        self.messages.shrink_to(MESSAGES_BYTES_KEPT);
        self.unanswered.clear();
        // Content that follows carries the messages along; without it they must not wait.
        if self.uploads.is_empty() { in_time(self.stream.flush()).await } else { Ok(()) }
    }

    /// Sends the chunk at the front of the queue. It stays there meanwhile, so that stopping it finds it.
    async fn upload(&mut self, id: UploadId) -> io::Result<()> {
        let Some(Upload { channel, chunk, source, .. }) = self.uploads.front() else { return Ok(()) };
        let (chunk, source) = (*chunk, Arc::clone(source));
        let pieces = DataHeader::pieces(*channel, chunk.number(), source.chunk_bytes(chunk));
        let Some(mut pieces) = pieces else {
            return self.end_upload(UploadEnd::Failed(SourceError::Missing { chunk })).await;
        };
        while let Some(header) = pieces.next_of(self.portion.bytes()) {
            if let Err(error) = self.load(&*source, header, chunk) {
                return self.end_upload(UploadEnd::Failed(error)).await;
            }
            let began = Instant::now();
            self.limit.take(header.payload_len() as u64).await;
            in_time(self.stream.write_all(&self.piece)).await?;
            self.portion.went(header.payload_len(), began.elapsed());
            self.obey_all();
            self.write_messages().await?;
            // It may just have been stopped, even behind its last piece; and nobody waits for the rest of it after goodbye.
            if self.hangs_up || self.uploads.front().is_none_or(|upload| upload.id != id) {
                return Ok(());
            }
        }
        self.end_upload(UploadEnd::Sent).await
    }

    async fn end_upload(&mut self, end: UploadEnd) -> io::Result<()> {
        let Some(Upload { id, channel, chunk, .. }) = self.uploads.pop_front() else { return Ok(()) };
        let what = Happening::UploadEnded(UploadEnded { id, channel, chunk, end });
        let news = LaneNews { lane: self.lane, peer: self.peer, what };
        self.news.send(news).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
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
        let count = self.courtesy.call(|| source.read(chunk, u64::from(header.offset()), payload))?;
        if count == payload.len() { Ok(()) } else { Err(SourceError::Missing { chunk }) }
    }
}

async fn in_time(write: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(WRITE_TIMEOUT, write).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
