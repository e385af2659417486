//! One connection of a ring, in use: frames in, frames out, and word of its end.
//!
//! A side that has nothing to say to the other any more drops its end: what was ordered before is still said, then
//! goodbye. So a connection that ends without one broke, and whoever held it may be dead.

use std::io;
use std::time::Duration;

use drizzle_model::PeerId;
use drizzle_net::{ReadHalf, WriteHalf};
use drizzle_ring::{Contact, Space};
use drizzle_wire::{ByeReason, ByeText, RingDecodeError, RingFrame, RingStage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::backlog::{Backlog, LineBacklog, Waiting};
use super::greet::Met;
use super::reach::Reach;
use super::standing::context;

/// Frames that may wait for a slow reader, besides the bound on their bytes; more, and the line is given up.
const FRAMES_WAITING_MAX: usize = 256;
/// So many bytes are written at once at the most, or one frame.
const WRITE_BYTES_MAX: usize = 256 << 10;
/// A frame that does not go out for so long: the other side has stopped reading.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Names a line of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LineId(pub(crate) u64);

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnd {
    /// One of the two said goodbye.
    Goodbye,
    /// It broke.
    Broken,
}

/// What comes from a line.
pub(crate) enum LineNews {
    Frame(Box<RingFrame>),
    Down(LineEnd),
}

/// This node's end of a line. Dropping it says goodbye.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) peer: PeerId,
    pub(crate) member: Option<Contact>,
    pub(crate) reach: Reach,
    space: Space,
    backlog: LineBacklog,
    frames: mpsc::Sender<Waiting>,
}

impl Line {
    /// Puts a connection to use. What comes is given to `news` in its order, the end at last.
    pub(crate) fn open<T: Send + 'static>(
        met: Met,
        backlog: &Backlog,
        news: mpsc::Sender<T>,
        wrap: impl Fn(LineNews) -> T + Send + Sync + 'static,
    ) -> Self {
        let Met { connection, peer, member, space, .. } = met;
        let (frames, taken) = mpsc::channel(FRAMES_WAITING_MAX);
        let reach = Reach::of(&connection);
        let (reader, writer) = connection.into_split();
        tokio::spawn(async move {
            let end = tokio::select! {
                end = read(reader, (space, reach), &news, &wrap) => end,
                end = write(writer, space, taken) => end,
            };
            // When the other end of the channel is gone there is nobody to tell.
            let _ = news.send(wrap(LineNews::Down(end))).await;
        });
        Self { peer, member, reach, space, backlog: backlog.line(), frames }
    }

    /// Says something; false when the line takes no more.
    #[must_use]
    pub(crate) fn say(&self, mut frame: RingFrame) -> bool {
        frame.each_contact(|contact| self.reach.name(contact));
        let mut bytes = Vec::new();
        frame.encode(self.space, &mut bytes);
        self.backlog.wait(bytes).is_some_and(|waiting| self.frames.try_send(waiting).is_ok())
    }

    /// Waits until nothing more can be said.
    pub(crate) async fn ended(&self) {
        self.frames.closed().await;
    }
}

async fn read<T>(
    mut reader: ReadHalf,
    (space, reach): (Space, Reach),
    news: &mpsc::Sender<T>,
    wrap: &(impl Fn(LineNews) -> T + Sync),
) -> LineEnd {
    let mut body = Vec::new();
    loop {
        match read_frame(&mut reader, space, &mut body).await {
            Ok(RingFrame::Bye { .. }) => return LineEnd::Goodbye,
            Ok(mut frame) => {
                frame.each_contact(|contact| reach.understand(contact));
                if news.send(wrap(LineNews::Frame(Box::new(frame)))).await.is_err() {
                    return LineEnd::Goodbye;
                }
            }
            Err(error) => {
                tracing::debug!(target: "drizzle::ring", %error, "a line ended");
                return LineEnd::Broken;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] RingDecodeError),
}

async fn read_frame(reader: &mut ReadHalf, space: Space, body: &mut Vec<u8>) -> Result<RingFrame, ReadError> {
    let mut head = [0; RingFrame::HEAD_LEN];
    reader.read_exact(&mut head).await?;
    body.resize(RingFrame::body_len(head, RingStage::Admitted)?, 0);
    reader.read_exact(body).await?;
    Ok(RingFrame::decode(body, context(space))?)
}

async fn write(mut writer: WriteHalf, space: Space, mut frames: mpsc::Receiver<Waiting>) -> LineEnd {
    let mut bytes = Vec::new();
    while let Some(first) = frames.recv().await {
        bytes.clear();
        bytes.extend_from_slice(&first.bytes);
        // What waits counts until it is written.
        let mut written = vec![first];
        while bytes.len() < WRITE_BYTES_MAX
            && let Ok(waiting) = frames.try_recv()
        {
            bytes.extend_from_slice(&waiting.bytes);
            written.push(waiting);
        }
        if !write_all(&mut writer, &bytes).await {
            return LineEnd::Broken;
        }
    }
    bytes.clear();
    RingFrame::Bye { reason: ByeReason::Idle, text: ByeText::clip("") }.encode(space, &mut bytes);
    if write_all(&mut writer, &bytes).await {
        // The goodbye is said; whether its end is noticed is for the other side.
        let _ = timeout(WRITE_TIMEOUT, writer.shutdown()).await;
    }
    LineEnd::Goodbye
}

async fn write_all(writer: &mut WriteHalf, bytes: &[u8]) -> bool {
    let writing = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    matches!(timeout(WRITE_TIMEOUT, writing).await, Ok(Ok(())))
}
