//! A lane: one connection to a peer, in use. It reads and writes in two tasks that never wait for each other, and
//! tells the hub what comes.

mod frame;
mod hello;
mod reader;
mod writer;

use std::net::SocketAddr;

use drizzle_model::{NetworkId, PeerId};
use drizzle_net::RateLimiter;
use drizzle_wire::{Channel, Side};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(crate) use frame::{FrameError, read_fields, read_head, read_piece, write_message};
pub(crate) use hello::{Greeted, Greeter, HelloError};
pub(crate) use reader::{Expectations, Expected};
pub(crate) use writer::{Order, Upload, UploadEnd};

use crate::input::Input;
use reader::Reader;
use writer::Writer;

/// Orders that may wait for one lane. One that has so many to wait takes nothing any more, and is given up.
const ORDERS_MAX: usize = 4096;

/// The number of a lane, never used twice in the life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LaneId(pub(crate) u64);

/// The hub's end of a lane. Dropping it hangs up.
pub(crate) struct Lane {
    pub(crate) peer: PeerId,
    pub(crate) network: NetworkId,
    pub(crate) side: Side,
    channels: Box<dyn Iterator<Item = Channel> + Send>,
    pub(crate) listens_at: Option<SocketAddr>,
    pub(crate) expectations: Expectations,
    orders: mpsc::Sender<Order>,
}

/// The limits that all lanes of a node share.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) up: RateLimiter,
    pub(crate) down: RateLimiter,
}

impl Lane {
    /// Puts a greeted connection to use. What comes is told to `inputs`, at last that the lane is down.
    pub(crate) fn open(id: LaneId, greeted: Greeted, inputs: mpsc::Sender<Input>, limits: Limits) -> Self {
        let Greeted { connection, peer, network, side, channels_used, listens_at } = greeted;
        let (read_half, write_half) = connection.into_split();
        let (orders, orders_taken) = mpsc::channel(ORDERS_MAX);
        let expectations = Expectations::default();
        let reader = Reader::new(id, read_half, expectations.clone(), inputs.clone(), limits.down);
        let writer = Writer::new(id, write_half, orders_taken, inputs.clone(), limits.up);
        tokio::spawn(run(id, reader, writer, inputs));
        let channels = Box::new(side.channels().skip(channels_used));
        Self { peer, network, side, channels, listens_at, expectations, orders }
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
async fn run(lane: LaneId, reader: Reader, writer: Writer, inputs: mpsc::Sender<Input>) {
    let mut halves = JoinSet::new();
    halves.spawn(async move { reader.run().await.err().map(|error| error.to_string()) });
    halves.spawn(async move { writer.run().await.err().map(|error| error.to_string()) });
    let ended = halves.join_next().await;
    halves.shutdown().await;
    let why = match ended {
        Some(Ok(why)) => why,
        Some(Err(panic)) => Some(panic.to_string()),
        None => None,
    };
    // When the hub is gone there is nobody to tell.
    let _ = inputs.send(Input::LaneDown { lane, why }).await;
}
