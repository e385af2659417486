//! Which networks this peer belongs to, and the ticket that says so for each: shared by whoever says hello.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use drizzle_model::{NetworkId, PeerId};
use drizzle_net::{Ticket, TicketError};

/// The tickets of this peer. Clones are the same set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memberships {
    tickets: Arc<RwLock<HashMap<NetworkId, Ticket>>>,
}

/// Why a peer is not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdmissionError {
    /// Its ticket cannot be read, or is not good.
    #[error("its ticket is refused: {0}")]
    Ticket(#[from] TicketError),
    /// It belongs to a network of which this peer is no member.
    #[error("it belongs to another network, {0:?}")]
    OtherNetwork(NetworkId),
}

impl Memberships {
    /// Takes a ticket in place of an older one of the same network.
    pub(crate) fn renew(&self, ticket: Ticket) {
        self.tickets.write().unwrap_or_else(PoisonError::into_inner).insert(ticket.network(), ticket);
    }

    /// The ticket to show to members of that network.
    pub(crate) fn ticket(&self, network: &NetworkId) -> Option<Ticket> {
        self.tickets.read().unwrap_or_else(PoisonError::into_inner).get(network).cloned()
    }

    /// Checks the ticket that `peer`, whose key TLS has proved, shows; says to which common network it admits.
    pub(crate) fn admit(&self, peer: &PeerId, ticket: &[u8]) -> Result<NetworkId, AdmissionError> {
        let ticket = Ticket::from_bytes(ticket)?;
        let network = ticket.network();
        if self.ticket(&network).is_none() {
            return Err(AdmissionError::OtherNetwork(network));
        }
        ticket.verify(unix_s(), &network, peer)?;
        Ok(network)
    }
}

/// Seconds since 1970 by the machine's clock, for expiries only.
pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
