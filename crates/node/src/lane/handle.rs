//! The hub's end of a lane.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::{NetworkId, PeerId};
use drizzle_net::RateLimiter;
use drizzle_wire::{Channel, Side};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::expectations::Expectations;
use super::hello::Greeted;
use super::news::{Fault, Happening, LaneId, LaneNews};
use super::reader::Reader;
use super::writer::{Order, Writer};

/// Orders that may wait for one lane. One that has so many to wait takes nothing any more, and is given up.
const ORDERS_MAX: usize = 8192;

/// Questions for hashes that may wait for their answers on one lane: each answer has up to half a mebibyte.
const HASHES_UNANSWERED_MAX: usize = 16;
/// A lane that was given up may take so long to say what it has to say.
const GOODBYE_MAX: Duration = Duration::from_secs(3);

/// The limits that some lanes share: all of a node, or those to one peer.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) up: RateLimiter,
    pub(crate) down: RateLimiter,
}

/// What one peer may take and bring, in bytes a second.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PeerRates {
    pub(crate) up: Option<u64>,
    pub(crate) down: Option<u64>,
}

impl Limits {
    /// Limits for one peer, within these.
    pub(crate) fn for_peer(&self, rates: PeerRates) -> Self {
        let within = |all: &RateLimiter, rate: Option<u64>| {
            rate.map_or_else(|| all.clone(), |bytes_per_s| all.with_inner(bytes_per_s))
        };
        Self { up: within(&self.up, rates.up), down: within(&self.down, rates.down) }
    }
}

/// The hub's end of a lane. Dropping it hangs up: what was ordered before is still said, if that takes no more than some
/// seconds.
pub(crate) struct Lane {
    pub(crate) peer: PeerId,
    pub(crate) network: NetworkId,
    pub(crate) side: Side,
    pub(crate) listens_at: Option<SocketAddr>,
    /// Where its words come from.
    pub(crate) remote_ip: IpAddr,
    pub(crate) expectations: Expectations,
    channels: Box<dyn Iterator<Item = Channel> + Send>,
    orders: mpsc::Sender<Order>,
    hashes_answered: Arc<Semaphore>,
    /// Closes with this end.
    _held: oneshot::Sender<()>,
}

impl Lane {
    /// Puts a greeted connection to use. What comes is told to `news`, at last that the lane is down.
    pub(crate) fn open(id: LaneId, greeted: Greeted, news: mpsc::Sender<LaneNews>, limits: Limits) -> Self {
        let Greeted { connection, peer, network, side, channels_used, listens_at } = greeted;
        let remote_ip = connection.remote_addr().ip();
        let (read_half, write_half) = connection.into_split();
        let (orders, orders_taken) = mpsc::channel(ORDERS_MAX);
        let expectations = Expectations::default();
        let hashes_answered = Arc::new(Semaphore::new(HASHES_UNANSWERED_MAX));
        let (held, given_up) = oneshot::channel();
        let name = (id, peer);
        let reader = Reader::new(name, read_half, expectations.clone(), news.clone(), limits.down);
        let writer = Writer::new(name, write_half, orders_taken, news.clone(), limits.up);
        tokio::spawn(run(name, (reader, writer), given_up, news));
        let channels = Box::new(side.channels().skip(channels_used));
        Self {
            peer,
            network,
            side,
            listens_at,
            remote_ip,
            expectations,
            channels,
            orders,
            hashes_answered,
            _held: held,
        }
    }

    /// An end without a connection: its orders are only kept, for a test to look at.
    #[cfg(test)]
    pub(crate) fn recorded(peer: PeerId, network: NetworkId, side: Side) -> (Self, mpsc::Receiver<Order>) {
        let (orders, orders_taken) = mpsc::channel(ORDERS_MAX);
        let lane = Self {
            peer,
            network,
            side,
            listens_at: None,
            remote_ip: [10, 0, 0, 1].into(),
            expectations: Expectations::default(),
            channels: Box::new(side.channels()),
            orders,
            hashes_answered: Arc::new(Semaphore::new(HASHES_UNANSWERED_MAX)),
            _held: oneshot::channel().0,
        };
        (lane, orders_taken)
    }

    /// The next free channel of this side; none after two billion.
    pub(crate) fn next_channel(&mut self) -> Option<Channel> {
        self.channels.next()
    }

    /// Counts a question for hashes until it is answered; none when there are too many.
    pub(crate) fn ask_hashes(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.hashes_answered).try_acquire_owned().ok()
    }

    /// Gives an order; false when the lane takes no more, and is to be given up.
    #[must_use]
    pub(crate) fn order(&self, order: Order) -> bool {
        self.orders.try_send(order).is_ok()
    }
}

/// Runs both halves until one of them ends, then ends the other.
async fn run(
    (lane, peer): (LaneId, PeerId),
    (reader, writer): (Reader, Writer),
    given_up: oneshot::Receiver<()>,
    news: mpsc::Sender<LaneNews>,
) {
    let mut halves = JoinSet::new();
    halves.spawn(async move { reader.run().await.map_err(|error| (error.to_string(), error.fault())) });
    halves.spawn(async move { writer.run().await.map_err(|error| (error.to_string(), Fault::None)) });
    let ended = tokio::select! {
        ended = halves.join_next() => ended,
        // Nothing is ever sent: the other end is dropped.
        _ = given_up => timeout(GOODBYE_MAX, halves.join_next()).await.unwrap_or(None),
    };
    halves.shutdown().await;
    let (why, fault) = match ended {
        Some(Ok(Err((why, fault)))) => (Some(why), fault),
        Some(Err(panic)) => (Some(panic.to_string()), Fault::None),
        Some(Ok(Ok(()))) | None => (None, Fault::None),
    };
    // When the hub is gone there is nobody to tell.
    let _ = news.send(LaneNews { lane, peer, what: Happening::Down { why, fault } }).await;
}
