//! The hub's end of a lane.

use std::net::SocketAddr;

use drizzle_model::{NetworkId, PeerId};
use drizzle_net::RateLimiter;
use drizzle_wire::{Channel, Side};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::expectations::Expectations;
use super::hello::Greeted;
use super::news::{Fault, Happening, LaneId, LaneNews};
use super::reader::Reader;
use super::writer::{Order, Writer};

/// Orders that may wait for one lane. One that has so many to wait takes nothing any more, and is given up.
const ORDERS_MAX: usize = 8192;

/// The limits that all lanes of a node share.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) up: RateLimiter,
    pub(crate) down: RateLimiter,
}

/// The hub's end of a lane. Dropping it hangs up.
pub(crate) struct Lane {
    pub(crate) peer: PeerId,
    pub(crate) network: NetworkId,
    pub(crate) side: Side,
    pub(crate) listens_at: Option<SocketAddr>,
    pub(crate) expectations: Expectations,
    channels: Box<dyn Iterator<Item = Channel> + Send>,
    orders: mpsc::Sender<Order>,
}

impl Lane {
    /// Puts a greeted connection to use. What comes is told to `news`, at last that the lane is down.
    pub(crate) fn open(id: LaneId, greeted: Greeted, news: mpsc::Sender<LaneNews>, limits: Limits) -> Self {
        let Greeted { connection, peer, network, side, channels_used, listens_at } = greeted;
        let (read_half, write_half) = connection.into_split();
        let (orders, orders_taken) = mpsc::channel(ORDERS_MAX);
        let expectations = Expectations::default();
        let reader = Reader::new(id, read_half, expectations.clone(), news.clone(), limits.down);
        let writer = Writer::new(id, write_half, orders_taken, news.clone(), limits.up);
        tokio::spawn(run(id, reader, writer, news));
        let channels = Box::new(side.channels().skip(channels_used));
        Self { peer, network, side, listens_at, expectations, channels, orders }
    }

    /// The next free channel of this side; none after two billion.
    pub(crate) fn next_channel(&mut self) -> Option<Channel> {
        self.channels.next()
    }

    /// Gives an order; false when the lane takes no more, and is to be given up.
    #[must_use]
    pub(crate) fn order(&self, order: Order) -> bool {
        self.orders.try_send(order).is_ok()
    }
}

/// Runs both halves until one of them ends, then ends the other.
async fn run(lane: LaneId, reader: Reader, writer: Writer, news: mpsc::Sender<LaneNews>) {
    let mut halves = JoinSet::new();
    halves.spawn(async move { reader.run().await.map_err(|error| (error.to_string(), error.fault())) });
    halves.spawn(async move { writer.run().await.map_err(|error| (error.to_string(), Fault::None)) });
    let ended = halves.join_next().await;
    halves.shutdown().await;
    let (why, fault) = match ended {
        Some(Ok(Err((why, fault)))) => (Some(why), fault),
        Some(Err(panic)) => (Some(panic.to_string()), Fault::None),
        Some(Ok(Ok(()))) | None => (None, Fault::None),
    };
    // When the hub is gone there is nobody to tell.
    let _ = news.send(LaneNews { lane, what: Happening::Down { why, fault } }).await;
}
