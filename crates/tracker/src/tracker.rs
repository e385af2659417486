//! What all connections of a tracker share.

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use drizzle_model::PeerId;
use drizzle_net::Ticket;
use tokio::sync::Semaphore;

use crate::catalogue::Catalogue;
use crate::classic_board::ClassicBoard;
use crate::clock::Clock;
use crate::connections::{Connections, Room};
use crate::encoding;
use crate::limits::{
    CONNECTIONS_MAX, CONNECTIONS_PER_HOST_MAX, LARGE_BODIES_BYTES, LISTENERS_MAX, LISTENERS_PER_HOST_MAX,
    TICKET_LIFETIME,
};
use crate::metrics::Metrics;
use crate::network::Network;

/// What every call gets.
pub(crate) type App = State<Arc<Tracker>>;

const CONNECTIONS: Room =
    Room { connections_max: CONNECTIONS_MAX, connections_per_host_max: CONNECTIONS_PER_HOST_MAX };
const LISTENERS: Room =
    Room { connections_max: LISTENERS_MAX, connections_per_host_max: LISTENERS_PER_HOST_MAX };

pub(crate) struct Tracker {
    pub(crate) network: Network,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) catalogue: Catalogue,
    pub(crate) large_bodies: Semaphore,
    /// What classic peers have; none where the classic protocol is not spoken.
    classic_board: OnceLock<Arc<ClassicBoard>>,
    pub(crate) connections: Arc<Connections>,
    /// Streams of events.
    pub(crate) listeners: Arc<Connections>,
    pub(crate) metrics: Metrics,
}

impl Tracker {
    pub(crate) fn new(network: Network, clock: Arc<dyn Clock>) -> Self {
        let catalogue = Catalogue::new(Arc::clone(&clock));
        Self::with_catalogue(network, clock, catalogue)
    }

    pub(crate) fn with_catalogue(network: Network, clock: Arc<dyn Clock>, catalogue: Catalogue) -> Self {
        Self {
            network,
            clock,
            catalogue,
            large_bodies: Semaphore::new(LARGE_BODIES_BYTES),
            classic_board: OnceLock::new(),
            connections: Connections::new(CONNECTIONS),
            listeners: Connections::new(LISTENERS),
            metrics: Metrics::new(),
        }
    }

    /// What classic peers have, where the classic protocol is spoken: there they are told of what native peers have, too.
    pub(crate) fn classic_board(&self) -> Option<&Arc<ClassicBoard>> {
        self.classic_board.get()
    }

    /// Begins to have such a board, unless there is one.
    pub(crate) fn begin_classic(&self) -> Arc<ClassicBoard> {
        Arc::clone(self.classic_board.get_or_init(|| Arc::new(ClassicBoard::new())))
    }

    /// A ticket as text.
    pub(crate) fn issue(&self, peer: PeerId) -> String {
        let ticket = self.network.issue(peer, self.clock.unix_s() + TICKET_LIFETIME.as_secs());
        encoding::encode(&ticket.to_bytes())
    }

    /// Whether less than half of the ticket's time is left.
    pub(crate) fn is_due(&self, ticket: &Ticket) -> bool {
        ticket.expires_unix_s() < self.clock.unix_s() + TICKET_LIFETIME.as_secs() / 2
    }
}
