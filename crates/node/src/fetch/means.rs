//! What fetching needs of the node.

use std::time::Duration;

use drizzle_store::Index;
use tokio::sync::mpsc;

use crate::calling::Caller;
use crate::event::Event;
use crate::hub_handle::HubHandle;

/// The parts of a node that a fetch uses.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) hub: HubHandle,
    pub(crate) caller: Caller,
    pub(crate) index: Index,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) refresh: Duration,
    pub(crate) patience: Duration,
    /// The most peers that one content is fetched from.
    pub(crate) peers_max: usize,
}
