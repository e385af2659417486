//! The receiving half of a lane: messages go to the hub, content to the intake.

use drizzle_model::PeerId;
use drizzle_net::{RateLimiter, ReadHalf};
use drizzle_wire::{FrameHead, SILENCE_MAX};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::expectations::Expectations;
use super::frame::{read_fields, read_head, read_piece};
use super::intake::Intake;
use super::news::{Happening, LaneId, LaneNews};
use super::read_error::ReadError;

pub(crate) struct Reader {
    stream: ReadHalf,
    limit: RateLimiter,
    intake: Intake,
    buffer: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(
        name: (LaneId, PeerId),
        stream: ReadHalf,
        expectations: Expectations,
        news: mpsc::Sender<LaneNews>,
        limit: RateLimiter,
    ) -> Self {
        Self { stream, limit, intake: Intake::new(name, expectations, news), buffer: Vec::new() }
    }

    /// Reads until the connection ends or the peer breaks the protocol. What came before that counts.
    pub(crate) async fn run(mut self) -> Result<(), ReadError> {
        let ended = self.read_all().await;
        let settled = self.intake.settle().await;
        ended.and(settled)
    }

    async fn read_all(&mut self) -> Result<(), ReadError> {
        loop {
            let head = timeout(SILENCE_MAX, read_head(&mut self.stream));
            match self.intake.during(head).await?.map_err(|_| ReadError::Silence)?? {
                FrameHead::Data(head) => {
                    let piece = timeout(SILENCE_MAX, read_piece(&mut self.stream, head, &mut self.buffer));
                    let header = self.intake.during(piece).await?.map_err(|_| ReadError::Silence)??;
                    // Waiting for the own limit is no silence of the peer.
                    self.intake.during(self.limit.take(self.buffer.len() as u64)).await?;
                    self.intake.take(header, &mut self.buffer).await?;
                }
                FrameHead::Message(head) => {
                    let fields = timeout(SILENCE_MAX, read_fields(&mut self.stream, head, &mut self.buffer));
                    let message = self.intake.during(fields).await?.map_err(|_| ReadError::Silence)??;
                    // The hub hears things in the order in which they came.
                    self.intake.settle().await?;
                    self.intake.tell(Happening::Message(message)).await?;
                }
            }
        }
    }
}
